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
from tests.scenarios.expiring import Expiring, watch
from tests.scenarios.script import Kind, Scenario, Step, load

pytestmark = pytest.mark.stack

DRAIN_S = 120.0
LATE_S = 3.0
"""Promised are two seconds; a look at both sides takes a while."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_both_sides_end_up_equal(folder: Any, bench: Bench) -> None:
    scenario = load(folder)
    if bench.release.major < scenario.expect.get("from_cassandra", 0):
        pytest.skip("the source does not tell what it needs")
    for step in scenario.steps:
        _run(step, bench, captured(scenario))
    _wait_until_equal(bench, captured(scenario))
    _watch_expire(bench, scenario)


def test_nothing_that_came_later_undid_it(bench: Bench) -> None:
    """Last of all: late hints, copies and second looks have had their time."""
    assert bench.chain.drain(DRAIN_S)
    assert bench.chain.replay.drain(SECOND_LOOK_AFTER_S + DRAIN_S)
    scenarios = [load(folder) for folder in FOLDERS]
    for table in (table for one in scenarios for table in captured(one)):
        assert compare_table(bench.source, bench.behind, table).differences == (), table
    assert bench.parked == []


def _watch_expire(bench: Bench, scenario: Scenario) -> None:
    """Check that what expires on the source expires on the target no earlier, and little later."""
    expected = scenario.expect.get("expires", [])
    sides, name = (bench.source, bench.behind), scenario.keyspace
    watched = [Expiring(*sides, f"{name}.{one['table']}") for one in expected]
    late_s = [one.get(f"late_{bench.release.major}_s", one.get("late_s", 0)) for one in expected]
    after_s = max((one["after_s"] for one in expected), default=0.0)
    watch(watched, after_s, after_s + max(late_s, default=0.0) + LATE_S)
    for one, seen, late in zip(expected, watched, late_s, strict=True):
        assert len(seen.rows) == one["rows"], "the scenario itself is wrong"
        assert seen.early == [], "gone from the target before it was from the source"
        assert compare_table(*sides, seen.table).differences == ()
        assert max(seen.late_s.values(), default=0.0) <= late + LATE_S
        for (kind, _), by_s in seen.late_s.items():
            bench.lateness_s.setdefault(kind, []).append(by_s)


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
