"""The functions in the sandbox: its configuration, made from a running `Stack`.

The one place that knows which variables and which `migration.toml` the function is given here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hintferry.adapters.config.places import PLACES
from hintferry.adapters.driver.cql import CONTROL_TABLES
from sandbox.services.lambda_runtime import LambdaFunction, LambdaSandbox, OnTimeout
from sandbox.sessions import create_keyspaces_tables
from sandbox.stack import Stack
from tools.places import ROOT

FUNCTIONS = ROOT / "functions"
HANDLER = "handler.lambda_handler"
LAYERS = (ROOT / "layers" / "hintferry" / "python",)

_MIGRATION = """\
[source]
contact_points = {hosts}
port = {source_port}
datacenter = {datacenter}

[target]
endpoint = {endpoint}
port = {target_port}
region = {region}
ca_file = {ca_file}

[capture]
topic_prefix = {prefix}

[pipeline]
validate_one_in = {validate_one_in}

[cutover]
tombstones_kept = true
"""


def create_control_tables(stack: Stack) -> None:
    """Create the control tables on the target, as a deployment does."""
    create_keyspaces_tables(stack.target, "hintferry", list(CONTROL_TABLES))


def processor_environment(stack: Stack, directory: Path) -> dict[str, str]:
    """The function's own variables; writes its `migration.toml` into `directory`."""
    config = directory.resolve() / "migration.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_migration(stack))
    return {
        "HINTFERRY_CONFIG": str(config),
        **{place.variable: getattr(stack.aws, place.name) for place in PLACES},
        "AWS_REGION": stack.target.region,
        "AWS_ACCESS_KEY_ID": stack.target.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.target.secret_access_key,
        "AWS_ENDPOINT_URL": stack.aws.url,
        "POWERTOOLS_SERVICE_NAME": "hintferry",
        "POWERTOOLS_METRICS_NAMESPACE": "Hintferry",
    }


def environment_of(
    stack: Stack,
    directory: Path,
    name: str = "processor",
    *,
    timeout_s: float = 60.0,
    log: str | None = None,
    on_line: Callable[[str], None] | None = None,
    task_root: Path | None = None,
    freeze_when_idle: bool = False,
    on_timeout: OnTimeout = OnTimeout.KILL,
) -> LambdaSandbox:
    """One execution environment of the function `name`; `log` is its log's name in `directory`.

    `task_root` is the folder of its code, where that is not the function's own.
    """
    return LambdaSandbox(
        handler=HANDLER,
        task_root=task_root or FUNCTIONS / name,
        layers=LAYERS,
        env=processor_environment(stack, directory),
        timeout_s=timeout_s,
        name=name,
        log=directory / (log or f"{name}.log"),
        on_line=on_line,
        freeze_when_idle=freeze_when_idle,
        on_timeout=on_timeout,
    )


def function(
    stack: Stack,
    directory: Path,
    name: str = "processor",
    *,
    concurrency: int = 2,
    timeout_s: float = 60.0,
    on_line: Callable[[str], None] | None = None,
    task_root: Path | None = None,
    freeze_when_idle: bool = False,
    on_timeout: OnTimeout = OnTimeout.KILL,
) -> LambdaFunction:
    """The function `name` with `concurrency` environments; each has a log."""
    numbers = iter(range(1, concurrency + 1))
    return LambdaFunction(
        lambda: environment_of(
            stack,
            directory,
            name,
            timeout_s=timeout_s,
            log=f"{name}-{next(numbers)}.log",
            on_line=on_line,
            task_root=task_root,
            freeze_when_idle=freeze_when_idle,
            on_timeout=on_timeout,
        ),
        concurrency,
    )


def _migration(stack: Stack) -> str:
    values: dict[str, object] = {
        "hosts": list(stack.source.hosts),
        "source_port": stack.source.port,
        "datacenter": stack.source.datacenter,
        "endpoint": stack.target.host,
        "target_port": stack.target.port,
        "region": stack.target.region,
        "ca_file": str(stack.target.ca_file.resolve()),
        "prefix": stack.topic_prefix,
        "validate_one_in": stack.validate_one_in,
    }
    # A JSON text, number or list of texts is written alike in TOML.
    text = _MIGRATION.format(**{name: json.dumps(value) for name, value in values.items()})
    listed = dict.fromkeys([*stack.created, *stack.longest_ttls])
    return text + "".join(_table(table, stack.longest_ttls.get(table)) for table in listed)


def _table(name: str, longest_ttl: int | None) -> str:
    stated = "" if longest_ttl is None else f"longest_ttl = {longest_ttl}\n"
    return f'[tables."{name}"]\n{stated}'
