"""Test what the gate reads and writes on both real sides: states, fences, passes, write times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.source.captures import CqlCaptures, settled
from hintferry.adapters.source.markers import CqlMarkers
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.adapters.target.open_items import KeyspacesOpenItems
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.core.capture import Proof, Witness, gaps, proof, void
from hintferry.core.open_item import ANY_TABLE, OpenItem
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark
from hintferry.ports import Fence
from hintferry.wiring import sessions
from hintferry_ops.cutover.late_writes import CqlLateWrites
from hintferry_ops.plan.pass_lock import HOLDS_S, CqlPassLock
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tests.cli.test_hold import check_lock

pytestmark = [pytest.mark.stack, pytest.mark.slow]

TABLE = TableId("control", "t")
COLUMNS = "(a int, b int, s text static, v text, w text, tags set<text>, PRIMARY KEY (a, b))"
WITHIN_S = 60.0
DRAWERS, DRAWS = 3, 8


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("control")
    with workbench(stack, "control", {"t": COLUMNS}, folder) as running:
        yield running


@pytest.fixture(autouse=True)
def environment(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bench.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def captures(bench: Workbench) -> CqlCaptures:
    migration = migration_from(bench.folder / "migration.toml")
    source = migration.source
    session = sessions.source_session(source)
    return CqlCaptures(session, source.datacenter, False, WallClock(), migration.topic)


def captured(captures: CqlCaptures) -> Proof:
    end = time.monotonic() + WITHIN_S
    while True:
        # What was seen within the last two seconds is not asked for again.
        seen = settled(captures, TABLE, WallClock(), WITHIN_S)
        proved = proof(seen)
        if proved is not None:
            return proved
        assert time.monotonic() < end, gaps(seen)
        time.sleep(0.2)


def until_void(captures: CqlCaptures, proved: Proof, says: str) -> Witness:
    """Wait until a pass with this proof counts no longer, for that reason."""
    end = time.monotonic() + WITHIN_S
    while True:
        seen = captures.witness(TABLE)
        broken = void(proved, seen)
        if broken is not None and says in broken:
            return seen
        assert time.monotonic() < end, (broken, gaps(seen))
        time.sleep(0.2)


def test_a_table_that_loses_its_capture_is_seen_within_seconds_and_its_passes_count_no_longer(
    bench: Workbench, captures: CqlCaptures
) -> None:
    """C12: cdc off and on again leaves a hole that no figure shows."""
    proved = captured(captures)
    bench.source.execute("ALTER TABLE control.t WITH cdc = false")
    began = time.monotonic()
    while not any("cdc is off" in gap.why for gap in gaps(captures.witness(TABLE))):
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.2)
    print(f"seen after {time.monotonic() - began:.1f} s")
    bench.source.execute("ALTER TABLE control.t WITH cdc = true")
    again = captured(captures)
    assert again.since != proved.since
    until_void(captures, proved, "was altered")


def test_capture_that_is_off_for_an_instant_voids_a_pass(
    bench: Workbench, captures: CqlCaptures
) -> None:
    """Shorter than the time between two looks of the connector."""
    proved = captured(captures)
    for value in ("false", "true"):
        bench.source.execute(f"ALTER TABLE control.t WITH cdc = {value}")
    until_void(captures, proved, "was altered")


def test_a_column_that_is_dropped_and_added_again_voids_a_pass(
    bench: Workbench, captures: CqlCaptures
) -> None:
    """C6."""
    proved = captured(captures)
    bench.source.execute("ALTER TABLE control.t DROP w")
    bench.source.execute("ALTER TABLE control.t ADD w text")
    until_void(captures, proved, "was altered")
    again = captured(captures)
    assert again.since == proved.since, "a column costs no capture"


def test_numbers_that_many_draw_at_once_grow_and_never_come_twice(bench: Workbench) -> None:
    migration = migration_from(bench.folder / "migration.toml")
    drawers = [
        CqlMarkers(sessions.source_session(migration.source), WallClock()) for _ in range(DRAWERS)
    ]
    name = TableId("control", "drawn")

    def draw(drawer: CqlMarkers) -> list[int]:
        return [drawer.draw(name) for _ in range(DRAWS)]

    with ThreadPoolExecutor(DRAWERS) as threads:
        drawn = list(threads.map(draw, drawers))
    assert all(numbers == sorted(numbers) for numbers in drawn)
    together = [number for numbers in drawn for number in numbers]
    assert len(set(together)) == DRAWERS * DRAWS
    assert drawers[0].draw(name) > max(together)


def test_a_row_of_a_marker_from_an_earlier_release_is_counted_on(bench: Workbench) -> None:
    migration = migration_from(bench.folder / "migration.toml")
    bench.source.execute(
        "INSERT INTO hintferry.markers (name, written) VALUES ('control.r', uuid())"
    )
    markers = CqlMarkers(sessions.source_session(migration.source), WallClock())
    assert [markers.draw(TableId("control", "r")) for _ in range(2)] == [1, 2]


def test_what_nodes_write_of_markers_is_read(bench: Workbench) -> None:
    migration = migration_from(bench.folder / "migration.toml")
    markers, host = CqlMarkers(sessions.source_session(migration.source), WallClock()), uuid4()
    insert = "INSERT INTO hintferry.watermarks (name, host_id, number, since, drawn_at, waits)"
    values = ("control.w", host, 7, 3, datetime(2026, 12, 1, tzinfo=UTC), None)
    bench.source.execute(f"{insert} VALUES (%s, %s, %s, %s, %s, %s)", values)
    at = values[4].timestamp()
    assert markers.marks(TableId("control", "w")) == {str(host): NodeMark(7, 3, at, None)}
    assert markers.marks(TableId("control", "none")) == {}


def test_open_items_come_and_go_on_keyspaces(bench: Workbench) -> None:
    session = sessions.target_session(migration_from(bench.folder / "migration.toml").target)
    try:
        items, due = KeyspacesOpenItems(session, "hintferry"), round(time.time(), 3)
        own, other, any_table = (
            OpenItem(name, uuid4().bytes, due, "second_look")
            for name in (str(TABLE), "control.other", ANY_TABLE)
        )
        assert items.open([own, other, any_table]) == [None, None, None]
        found = items.of(TABLE)
        assert {own, any_table} <= set(found), "what others left of any table is there too"
        assert other not in found
        assert items.close([(own.name, own.id), (any_table.name, any_table.id)]) == [None, None]
        assert not {own, any_table} & set(items.of(TABLE))
    finally:
        session.close()


def test_an_item_of_any_table_holds_the_tables_of_its_pipeline(bench: Workbench) -> None:
    session = sessions.target_session(migration_from(bench.folder / "migration.toml").target)
    try:
        items, others = (KeyspacesOpenItems(session, name) for name in ("hintferry", "second"))
        due = round(time.time(), 3)
        new, earlier = (OpenItem(ANY_TABLE, uuid4().bytes, due, "parked") for _ in range(2))
        assert items.open([new]) == [None]
        assert new in items.of(TABLE)
        assert new not in others.of(TABLE)
        # As an earlier version wrote it, for all pipelines.
        bench.behind.execute(
            "INSERT INTO hintferry.open_items (name, id, due, reason) VALUES ('*', %s, %s, %s)",
            (UUID(bytes=earlier.id), datetime.fromtimestamp(due, UTC), earlier.reason),
        )
        assert earlier in items.of(TABLE)
        assert earlier in others.of(TABLE)
        assert items.close([(one.name, one.id) for one in (new, earlier)]) == [None, None]
        assert not {new, earlier} & set(items.of(TABLE))
        assert earlier not in others.of(TABLE)
    finally:
        session.close()


def test_fences_passes_and_write_times_on_keyspaces(bench: Workbench) -> None:
    session = sessions.target_session(migration_from(bench.folder / "migration.toml").target)
    try:
        fences, passes = KeyspacesFences(session, WallClock()), KeyspacesPasses(session)
        now = round(time.time(), 3)
        first = Fence(now, now - 5)
        assert fences.standing(TABLE) is None
        assert fences.set(TABLE, first) == first
        assert fences.set(TABLE, Fence(now + 9, None)) == first
        assert fences.is_fenced(TABLE)
        found = Pass(TABLE, Verb.VERIFY, now, now, True, True, {"equal": 1})
        filled = Pass(TABLE, Verb.BACKFILL, 1.0, 2.0, False, True, {"written": 1})
        for one in (found, filled, Pass.behind_fence(TABLE, now - 50)):
            passes.enter(one)
        assert passes.of(TABLE, now - 9) == [found, filled]
        assert [one.is_fence for one in passes.of(TABLE, now - 99)] == [False, True, False]
        writes = CqlLateWrites(session)
        at = int(now * 1e6)
        for key, when in ((1, at - 1), (2, at + 1), (3, at + 9_000_000)):
            bench.behind.execute(
                f"INSERT INTO control.t (a, b, v) VALUES ({key}, 1, 'v') USING TIMESTAMP {when}"
            )
        assert list(writes.rows(TABLE, now))[-1] == (1.0, 2)
        assert writes.unseen(TABLE) == ["tags"]
        fences.lift(TABLE)
        assert fences.standing(TABLE) is None
        assert not fences.is_fenced(TABLE)
    finally:
        session.close()


def test_a_pass_is_one_runs_alone_and_a_dead_run_holds_it_for_a_minute(bench: Workbench) -> None:
    migration = migration_from(bench.folder / "migration.toml")
    session = sessions.target_session(migration.target)
    try:
        check_lock(lambda owner: CqlPassLock(session, TABLE, Verb.BACKFILL, owner))
        lock = CqlPassLock(session, TABLE, Verb.BACKFILL, "ana@host 1")
        other = CqlPassLock(session, TABLE, Verb.VERIFY, "bob@host 2")
        assert (lock.take(), other.take()) == (None, None)
        assert lock.renew()
        rows = bench.behind.execute("SELECT owner, TTL(owner) AS left FROM hintferry.leases")
        left = {one.owner: one.left for one in rows}
        assert 0 < left["ana@host 1"] <= HOLDS_S
        lock.release()
        other.release()
    finally:
        session.close()
