"""`init`, `schema` and `preflight` against a real Cassandra and keyspaces-local."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.config.settings import migration_from
from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.sessions import cassandra_session, define, keyspaces_session
from sandbox.stack import Stack
from tools import places

pytestmark = [pytest.mark.stack, pytest.mark.soak]

WITHIN_S = 120.0
KEYSPACE = "fitted"
DDL = (
    "CREATE TYPE {k}.address (street text, city text)",
    'CREATE TYPE {k}.person (name text, "Home" frozen<address>)',
    'CREATE TABLE {k}."Orders" (customer uuid, month text, placed timestamp, number int,'
    ' "To" frozen<person>, items list<frozen<tuple<text, int>>>, tags map<text, text>,'
    " credit decimal static, PRIMARY KEY ((customer, month), placed, number))"
    " WITH CLUSTERING ORDER BY (placed DESC, number ASC) AND default_time_to_live = 86400"
    " AND read_repair = 'NONE'",
    "CREATE TABLE {k}.totals (id int PRIMARY KEY, n counter)",
    'CREATE INDEX by_tag ON {k}."Orders" (values(tags))',
)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs `hintferry`, in a folder of their own."""

    folder: Path
    environment: dict[str, str]
    contact: tuple[str, ...]

    def hintferry(self, *arguments: str) -> tuple[int, Any]:
        """Exit status, and the answer in JSON (the text of the error where there is none)."""
        done = subprocess.run(
            tied(str(places.COMMAND), *arguments, "--json"),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture(scope="module")
def operator(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("operator")
    with cassandra_session(stack.source) as cql:
        cql.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}")
        for statement in DDL:
            cql.execute(statement.format(k=KEYSPACE))
        environment = processor_environment(stack, folder / "function") | {
            "PATH": os.environ["PATH"],
            "AWS_DEFAULT_REGION": stack.aws.region,
        }
        del environment["HINTFERRY_CONFIG"]
        contact = "--contact-point", stack.source.hosts[0], "--port", str(stack.source.port)
        yield Operator(folder, environment, contact)
        cql.execute(f"DROP KEYSPACE {KEYSPACE}")


def test_from_the_live_source_to_tables_that_are_fit(operator: Operator, stack: Stack) -> None:
    status, told = operator.hintferry(
        "init", f"{KEYSPACE}.Orders", f"{KEYSPACE}.totals", *operator.contact
    )
    assert (status, told["tables"]) == (0, [f"{KEYSPACE}.Orders", f"{KEYSPACE}.totals"]), told
    config = operator.folder / "migration.toml"
    text = config.read_text()
    endpoint = f'endpoint = "{stack.target.host}"\nca_file = "{stack.target.ca_file.resolve()}"'
    config.write_text(text.replace('endpoint = "cassandra.us-east-1.amazonaws.com"', endpoint))
    assert migration_from(config).deployment.nodes == 1

    status, made = operator.hintferry("schema")
    assert (status, [one["where"] for one in made["misfits"]]) == (0, [f"{KEYSPACE}.by_tag"])
    assert operator.hintferry("schema", "--from-source") == (0, made)

    def lacking() -> list[str]:
        _, report = operator.hintferry("preflight", "--only", "target")
        return [one["what"] for one in report["findings"]]

    assert f"the target has no table {KEYSPACE}.totals" in " ".join(lacking())
    with keyspaces_session(stack.target) as target:
        statements = [*made["tables"], *made["control"]]
        define(target, statements, WITHIN_S)
    assert lacking() == []


def test_the_live_source_is_looked_over(operator: Operator, stack: Stack) -> None:
    status, report = operator.hintferry("preflight", "--only", "source")
    assert status == 1
    told = [(one["level"], one["where"], one["what"]) for one in report["findings"]]
    faults = {what for level, _, what in told if level == "fault"}
    assert {
        f"table {KEYSPACE}.Orders: cdc = false",
        f"table {KEYSPACE}.Orders: read_repair = NONE",
        f"table {KEYSPACE}.totals: cdc = false",
    } <= faults
    assert ("advice", f"{KEYSPACE}.by_tag", f"is an index on {KEYSPACE}.Orders, and Keyspaces has"
            " none") in told  # fmt: skip
    assert {where for level, where, _ in told if level == "unknown"} == set()
    assert [what for _, where, what in told if where == stack.source.hosts[0]] == []
