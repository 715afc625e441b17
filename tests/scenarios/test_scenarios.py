"""One test a folder: its writes happen on the source, and both sides must end up equal."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from hintferry.core.limits import SECOND_LOOK_AFTER_S
from sandbox.compare import compare_table
from tests.scenarios.conftest import FOLDERS, Bench, captured
from tests.scenarios.script import Kind, Step, load

pytestmark = pytest.mark.stack

DRAIN_S = 120.0


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_both_sides_end_up_equal(folder: Any, bench: Bench) -> None:
    scenario = load(folder)
    for step in scenario.steps:
        _run(step, bench, captured(scenario))
    _wait_until_equal(bench, captured(scenario))
    for expiry in scenario.expect.get("expires", []):
        table = f"{scenario.keyspace}.{expiry['table']}"
        time.sleep(expiry["after_s"])
        assert _count(bench.source, table) == expiry["rows"], "the scenario itself is wrong"
        assert _count(bench.behind, table) == expiry["rows"]


def test_nothing_that_came_later_undid_it(bench: Bench) -> None:
    """Last of all: late hints, copies and second looks have had their time."""
    assert bench.chain.drain(DRAIN_S)
    assert bench.chain.replay.drain(SECOND_LOOK_AFTER_S + DRAIN_S)
    scenarios = [load(folder) for folder in FOLDERS]
    for table in (table for one in scenarios for table in captured(one)):
        assert compare_table(bench.source, bench.behind, table).differences == (), table
    assert bench.parked == []


def _run(step: Step, bench: Bench, tables: list[str]) -> None:
    if step.kind is Kind.DRAIN:
        _wait_until_equal(bench, tables)
    elif step.kind is Kind.BATCH:
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.QUORUM)
        batch.add_all(map(SimpleStatement, step.statements), [None] * len(step.statements))
        bench.source.execute(batch)
    else:
        for statement in step.statements:
            bench.source.execute(
                SimpleStatement(statement, consistency_level=ConsistencyLevel.QUORUM)
            )


def _wait_until_equal(bench: Bench, tables: list[str]) -> None:
    """Hints may still be on their way from the commit log, so an idle chain alone says nothing."""
    end = time.monotonic() + DRAIN_S
    while True:
        results = [compare_table(bench.source, bench.behind, table) for table in tables]
        differences = [one for result in results for one in result.differences]
        if not differences:
            return
        if time.monotonic() > end:
            why = f"last error {bench.chain.last_error}, parked {bench.parked[-3:]}"
            pytest.fail(f"{len(differences)} divergent: {differences[:3]}; {why}")
        time.sleep(0.2)


def _count(session: Any, table: str) -> int:
    return len(session.execute(f"SELECT * FROM {table}").all())
