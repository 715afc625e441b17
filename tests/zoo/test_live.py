"""The applications of the zoo on the real chain, on the user's way, many of them in one migration.

Their schemas are made on Cassandra; `init` writes both files, what `preflight` asks for is done,
what it refuses is left out, and the tables of `schema` are made on the target. Then the workloads
of all run, and the sandbox's own comparison, which shares no code with ours, reads both sides.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from hintferry.core.schema import TableId
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.parts.waiting import until
from sandbox.sessions import cassandra_session, keyspaces_session
from sandbox.stack import Stack
from tests.fuzz.user import Operator
from tests.zoo.application import APPLICATIONS, Application

pytestmark = pytest.mark.stack

EQUAL_S, MADE_S = 60.0, 60.0
FEW = ("cadence", "kairosdb", "reaper", "usergrid")
"""Counters, statics, user types, refused tables and names of all kinds; the others take minutes."""

CDC_IS_OFF = "cdc = false"
_STATUS = "SELECT keyspace_name, table_name, status FROM system_schema_mcs.tables"


Group = tuple[Application, ...]


@dataclass(frozen=True, slots=True)
class Zoo:
    """Zoo under test: both sides, and what was said on the way."""

    group: Group
    source: Any
    behind: Any
    chain: Chain
    faults: list[dict[str, str]]
    """what `preflight` found of the tables, but that they are not captured yet"""
    said: list[str]
    """what the processor printed"""


SOME: Group = tuple(app for app in APPLICATIONS if app.name in FEW)
OTHERS: Group = tuple(app for app in APPLICATIONS if app.name not in FEW)
_EACH = pytest.mark.parametrize(
    "zoo",
    [pytest.param(SOME, id="some"), pytest.param(OTHERS, id="others", marks=pytest.mark.soak)],
    indirect=True,
)


@pytest.fixture(scope="module")
def zoo(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Zoo]:
    with brought(request.param, stack, tmp_path_factory.mktemp("zoo")) as running:
        yield running


@contextmanager
def brought(group: Group, stack: Stack, folder: Path) -> Iterator[Zoo]:
    """Bring a group of applications the user's way, and run their workloads."""
    operator = Operator(stack, folder)
    with cassandra_session(stack.source) as source, cassandra_session(stack.behind) as behind:
        make_sources(group, stack, source)
        assert operator.init([app.keyspace for app in group]).status == 0
        faults = follow_advice(group, operator, source)
        make_targets(stack, operator)
        stack.create_tables()
        said: list[str] = []
        functions = operator.folder / "functions"
        tables = [table for app in group for table in app.carried]
        chain = Chain(stack, tables, functions, on_line=said.append)
        (functions / "migration.toml").write_text(operator.config.read_text())
        with chain:
            for app in group:
                run_workload(source, app)
            yield Zoo(group, source, behind, chain, faults, said)


def make_sources(group: Group, stack: Stack, source: Any) -> None:
    for app in group:
        create = f"CREATE KEYSPACE {app.keyspace} WITH replication = {stack.replication}"
        for statement in (create, *app.ddl):
            source.execute(statement, timeout=60.0)


def follow_advice(group: Group, operator: Operator, source: Any) -> list[dict[str, str]]:
    """Capture what is not captured, and leave out what is refused; all faults but the former."""
    names = {table for app in group for table in (*app.carried, *app.refused)}
    found = operator.run("preflight", "--only", "source").told["findings"]
    of_names = [one for one in found if one["level"] == "fault" and table_of(one) in names]
    faults = [one for one in of_names if one["what"] != CDC_IS_OFF]
    refused = {table_of(one) for one in faults}
    for name in refused:
        operator.leave_out(TableId(*name.split(".")))
    for one in of_names:
        if table_of(one) not in refused:
            source.execute(one["fix"].partition(": ")[2].removesuffix("."))
    return faults


def table_of(finding: dict[str, str]) -> str:
    return finding["where"].removeprefix("table ")


def make_targets(stack: Stack, operator: Operator) -> None:
    printed = operator.run("schema")
    assert printed.status == 0, printed.words
    with keyspaces_session(stack.target) as target:
        for statement in (*printed.told["control"], *printed.told["tables"]):
            target.execute(statement)

        def is_made() -> bool:
            return {row.status for row in target.execute(_STATUS)} == {"ACTIVE"}

        until(is_made, MADE_S, "all tables are ACTIVE")


def run_workload(source: Any, app: Application) -> None:
    for step in app.steps:
        for text in step.statements:
            source.execute(SimpleStatement(text, consistency_level=ConsistencyLevel.QUORUM))


@_EACH
def test_what_cannot_be_carried_was_refused_in_words_beforehand(zoo: Zoo) -> None:
    refused = {name: words for app in zoo.group for name, words in app.refused.items()}
    assert {table_of(one) for one in zoo.faults} == refused.keys()
    assert all(one["what"].startswith(refused[table_of(one)]) for one in zoo.faults)


@_EACH
def test_all_rows_arrive(zoo: Zoo) -> None:
    end = time.monotonic() + EQUAL_S
    rows = dict.fromkeys((app.name for app in zoo.group), 0)
    for app in zoo.group:
        for table in app.carried:
            while (found := compare_table(zoo.source, zoo.behind, table)).differences:
                if time.monotonic() > end:
                    pytest.fail(f"{table}: {found}; {zoo.chain.last_error}")
                time.sleep(0.2)
            rows[app.name] += found.rows_target
    assert all(rows.values()), rows


@_EACH
def test_nothing_was_parked_and_all_stayed_equal(zoo: Zoo) -> None:
    assert zoo.chain.drain(EQUAL_S)
    assert [line for line in zoo.said if '"parked"' in line and "HintsParked" not in line] == []
    for table in (table for app in zoo.group for table in app.carried):
        assert compare_table(zoo.source, zoo.behind, table).differences == (), table
