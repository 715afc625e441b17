"""One pipeline on its way: what stands in `migration.toml`, and what is deployed of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from hintferry.adapters.config.settings import migration_from
from infra.guard import deployed_templates, refusals
from tests.infra.synthesised import Template, synthesise
from tests.rehearsal.account import Account

SCHEMA = """\
CREATE TYPE {keyspace}.place (street text, town text);
CREATE TABLE {keyspace}.orders (id uuid, line int, name text, home frozen<place>, note text static,
    PRIMARY KEY (id, line));
CREATE TABLE {keyspace}.visits (id uuid PRIMARY KEY, seen timestamp);
"""

FILE = """\
[source]
contact_points = ["10.0.1.11"]
datacenter = "dc1"
nodes = {nodes}

[target]
endpoint = "cassandra.eu-west-1.amazonaws.com"
region = "eu-west-1"
{account}

[capture]
topic_prefix = "{prefix}"
{capture}

[network]
source_cidrs = ["{cidr}"]
{network}

[kafka]
{kafka}

[pipeline]
name = "{name}"
{pipeline}

[sweep]
every_hours = 72

{more}
"""


OPTIONS = ("--require-approval", "never", "--asset-prebuild=false", "--concurrency", "4")
"""Of a deploy: nobody is there to be asked."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """How a run of the CDK ended."""

    ok: bool
    text: str


class Journey:
    """Its keyspace has the pipeline's name, so that it meets no other journey's tables."""

    def __init__(self, account: Account, folder: Path, name: str) -> None:
        self.account, self.folder, self.name = account, folder, name
        self.keyspace = name.replace("-", "_")
        self.schema = SCHEMA.format(keyspace=self.keyspace)
        self.tables: dict[str, str] = {"orders": "", "visits": ""}
        self.said: dict[str, Any] = {
            **dict.fromkeys(("account", "capture", "network", "kafka", "pipeline", "more"), ""),
            "nodes": 3,
            "prefix": "hintferry",
            "cidr": "10.0.0.0/16",
            "name": name,
        }
        layer = folder / "assets" / "layer" / "python"
        layer.mkdir(parents=True)
        # The journeys run no function: what is in the layer, other tests look at.
        (layer / "nothing.py").write_text("")

    def write(self) -> Path:
        """Write `migration.toml` and the schema beside it."""
        listed = "".join(
            f'\n[tables."{self.keyspace}.{table}"]\n{keys}\n' for table, keys in self.tables.items()
        )
        path = self.folder / "migration.toml"
        path.write_text(FILE.format(**self.said) + listed)
        (self.folder / "schema.cql").write_text(self.schema)
        return path

    def synth(self) -> dict[str, Template]:
        """Synthesise what stands in the file. Raises ConfigurationError."""
        shutil.rmtree(self.folder / "cdk.out", ignore_errors=True)
        return synthesise(self.write(), self.folder)

    def deploy(self, *stacks: str) -> Deployed:
        """Synthesise, and deploy these stacks or all, as `make cdk ARGS="deploy --all"` does."""
        self.synth()
        chosen: Sequence[str] = [f"{self.name}-{one}" for one in stacks] or ["--all"]
        return self._cdk("deploy", *OPTIONS, *chosen)

    def refusals(self) -> list[str]:
        """What the stacks' own comparison with the account says of what stands in the file."""
        wanted = self.synth()
        migration = migration_from(self.folder / "migration.toml")
        with self.account.signed_in():
            deployed = deployed_templates(list(wanted), migration.target)
        return refusals(deployed, wanted, migration.deployment.kafka.dropped)

    def changed(self, **said: Any) -> Journey:
        """The same pipeline with other words in its file, in a folder of its own."""
        folder = self.folder / sha256(repr(said).encode()).hexdigest()[:8]
        other = Journey(self.account, folder, self.name)
        other.said, other.schema = {**self.said}, said.pop("schema", self.schema)
        other.tables = {**self.tables, **said.pop("tables", {})}
        other.said.update(said)
        return other

    def destroy(self) -> Deployed:
        """Take all stacks away."""
        return self._cdk("destroy", "--all", "--force")

    def topics(self) -> list[str]:
        """Those of this journey's cluster."""
        known = self.account.names("AWS::MSK::Topic")
        return [one.split(" ")[1] for one in known if f"/{self.name}/" in one]

    def mappings(self) -> dict[str, str]:
        """Consumer group by topic."""
        found = self.account.state()["taken"].get("AWS::Lambda::EventSourceMapping", {})
        return {
            one["Topics"][0]: one["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"]
            for one in found.values()
            if f"/{self.name}/" in one["EventSourceArn"]
        }

    def functions(self) -> set[str]:
        """What the mappings of this journey invoke, as they name it."""
        found = self.account.state()["taken"].get("AWS::Lambda::EventSourceMapping", {})
        named = (one["FunctionName"].split(":function:")[1] for one in found.values())
        return {name for name in named if name.startswith(f"{self.name}-pipeline-")}

    def versions(self) -> dict[str, str]:
        """The version that each alias of this journey's functions leads to."""
        client = self.account.client("lambda")
        listed = client.get_paginator("list_functions").paginate().build_full_result()["Functions"]
        return {
            f"{name}:{alias['Name']}": alias["FunctionVersion"]
            for name in (one["FunctionName"] for one in listed)
            if name.startswith(f"{self.name}-pipeline-")
            for alias in client.list_aliases(FunctionName=name)["Aliases"]
        }

    def columns(self) -> dict[str, list[str]]:
        """The tables on Keyspaces, each with its columns."""
        known = self.account.state()["keyspaces"]["columns"]
        start = f"{self.keyspace}."
        return {
            name.removeprefix(start): columns
            for name, columns in known.items()
            if name.startswith(start)
        }

    def statuses(self) -> dict[str, str]:
        """Status by stack, without the pipeline's name."""
        start = f"{self.name}-"
        return {
            name.removeprefix(start): status
            for name, status in self.account.stacks().items()
            if name.startswith(start)
        }

    def _cdk(self, *arguments: str) -> Deployed:
        done = self.account.cdk(*arguments, out=self.folder / "cdk.out")
        return Deployed(done.returncode == 0, done.stdout + done.stderr)
