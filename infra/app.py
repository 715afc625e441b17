"""The stacks, from a `migration.toml`: `python -m infra.app CONFIG` writes them to `cdk.out`.

That folder lies beside the file, and nothing is looked up: no account, no network.
Where the CDK's command line runs it, with an account, what is deployed is compared first.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

import aws_cdk as cdk
import cdk_nag

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry_ops.cost.fixed_cost import told
from hintferry_ops.cost.prices import price_book
from hintferry_ops.deployed import Part, stack_name
from hintferry_ops.names import told_apart
from infra.guard import FILE, deployed_templates, moved, refusals
from infra.layer import Code, build_layer
from infra.monitoring.alarms import AlarmsStack
from infra.stacks.kafka import KafkaStack
from infra.stacks.key import policy_of
from infra.stacks.network import NetworkStack
from infra.stacks.nodes import NodesStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.sweep import SweepStack
from infra.stacks.tables import TablesStack
from tools.places import BUILD, ROOT

_SETTINGS = ROOT / "cdk.json"
"""Name the file of the CDK's command line; its context is read here without the CDK."""


def build(migration: Migration, code: Code, outdir: str | None = None) -> cdk.App:
    """All stacks of a migration, checked by cdk-nag when they are synthesised."""
    app = cdk.App(outdir=outdir, context=json.loads(_SETTINGS.read_text())["context"])
    tags = migration.deployment.tags
    for key, value in tags.items():
        cdk.Tags.of(app).add(key, value)
    # The deploying user's account is taken, so one synthesis fits several accounts.
    environment = cdk.Environment(region=migration.target.region)
    boundary = _boundary(migration.deployment.security.permissions_boundary)
    options = {"env": environment, "tags": tags, "permissions_boundary": boundary}
    name = partial(stack_name, migration)
    network = NetworkStack(app, name(Part.NETWORK), migration, **options)
    cdk.CfnOutput(network, FILE, value=_called(code.config))
    kafka = KafkaStack(app, name(Part.KAFKA), migration, network, **options)
    tables = TablesStack(app, name(Part.TABLES), migration, network, code, **options)
    pipeline = PipelineStack(app, name(Part.PIPELINE), migration, network, kafka, code, **options)
    # A mapping is refused for a topic that is not there, and hints wait for a table that is not.
    pipeline.add_stack_dependency(kafka)
    pipeline.add_stack_dependency(tables)
    NodesStack(app, name(Part.NODES), migration, network, kafka, **options)
    sweep = SweepStack(app, name(Part.SWEEP), migration, network, pipeline, **options)
    AlarmsStack(app, name(Part.ALARMS), migration, kafka, pipeline, sweep, **options)
    cdk.Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app)
    )
    return app


def _boundary(policy: str) -> cdk.PermissionsBoundary | None:
    """Return the boundary of every role of the stacks, the CDK's own among them."""
    if not policy:
        return None
    if policy.startswith("arn:"):
        return cdk.PermissionsBoundary.from_arn(policy)
    return cdk.PermissionsBoundary.from_name(policy)


def code_of(config: Path) -> Code:
    """Return the code in a folder of its own: two environments may be synthesised at once."""
    return Code(BUILD / "assets" / told_apart(str(config), 60), config)


def built_code(config: Path) -> Code:
    """Build the layer, and return the code."""
    code = code_of(config)
    build_layer(code.directory / "layer")
    return code


def _called(config: Path) -> str:
    """Return the file's name in this checkout, which says nothing of the machine."""
    return str(config.relative_to(ROOT) if config.is_relative_to(ROOT) else config.name)


def compare_with_deployed(migration: Migration, out: Path) -> None:
    """Compare what lies in `out` with what is deployed. Raises ConfigurationError."""
    wanted = {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in sorted(out.glob("*.template.json"))
    }
    deployed = deployed_templates(list(wanted), migration.target)
    for line in moved(deployed, wanted):
        print(f"synth: {line}", file=sys.stderr)
    found = refusals(deployed, wanted, migration.deployment.kafka.dropped)
    if found:
        raise ConfigurationError("\n       ".join(found))


def main() -> int:
    """Build the layer, and synthesise."""
    try:
        path = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "migration.toml"
        migration = migration_from(path)
        code = built_code(path)
        out = Path(os.environ.get("CDK_OUTDIR", str(path.parent / "cdk.out")))
        build(migration, code, str(out)).synth()
        if os.environ.get("CDK_DEFAULT_ACCOUNT"):
            compare_with_deployed(migration, out)
        key_arn = migration.deployment.security.kms_key_arn
        if key_arn:
            print(f"The policy of {key_arn} must hold these statements:\n{policy_of(key_arn)}")
        if not migration.deployment.alarms.is_heard:
            print("Nobody hears of alarms: list addresses as emails in [alarms].")
        book = price_book(path.parent)
        print(told(migration, book))
    except ConfigurationError as error:
        print(f"synth: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        print("synth: fix the findings above, or accept them in infra/accepted.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
