"""P6, with answers that take their time: no value expires before the source's, or 2 s after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from struct import pack, unpack
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.driver.guardrails import Guardrails
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.records import hint_record
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.target import keyspaces
from hintferry.adapters.target.keyspaces import KeyspacesTarget, _Progress
from hintferry.core.errors import HintferryError, LateAnswer, Side, StaleRead, Unavailable
from hintferry.core.hint import WHOLE_PARTITION, Hint, Record
from hintferry.core.keyspaces_limits import STATEMENTS_PER_BATCH
from hintferry.core.outcome import Outcome
from hintferry.core.rows import Expiries, Put, Row, Snapshot
from hintferry.core.schema import Key
from hintferry.core.tokens import WHOLE_RING
from hintferry.core.work import RowWork, SliceWork
from hintferry.live.pipeline import Pipeline
from hintferry.live.recent_writes import RecentWrites
from hintferry.live.reconcile import Reconciler
from hintferry.ports import Write
from hintferry.testing import changes
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import FixedDeadline, SimulatedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.points import Point
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.scan import page_of
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget
from tests.model.tables import PLAIN, WIDE
from tests.unit.sweeping import Sides

KEY = (b"p",)
EVERYWHERE = (0, 1, 2)
TTL_S = 60


class World:
    """A row with a TTL, a worker, and how long each way takes, in order (then nothing)."""

    def __init__(self, ahead_us: int = 0, **slow_us: list[int]) -> None:
        self.time = SimulatedTime()
        self.time.advance(ahead_us)
        self.slow_us = {Point(name): iter(delays) for name, delays in slow_us.items()}
        self.hints: list[Hint] = []
        self.cluster = ReplicatedCluster([PLAIN], self.time, lambda one, *_: self.hints.append(one))
        self.store = MemoryStore(self.time)
        clock = ScriptedClock(self.time)
        self.source = ReplicatedSource(self.cluster, clock, self.hook)
        target = MemoryTarget(self.store, self.hook, now=clock.now)
        leases = MemoryLeases(LeaseTable(self.time), clock)
        self.pipeline = Pipeline(
            HintDecoder(self.source.table),
            self.source,
            target,
            MemoryParkingLot(),
            MemoryReplayQueue(lambda _: None),
            leases,
            clock,
            RecordingMeter(),
            RecentWrites(0),
        )
        self.expires_at = self.time.seconds + TTL_S
        row = changes.put(
            PLAIN, (), {"a": b"1"}, self.time.micros, self.expires_at, creates_row=False
        )
        self.cluster.write(PLAIN, KEY, row, EVERYWHERE)

    def hook(self, point: Point) -> None:
        self.time.advance(next(self.slow_us.get(point, iter(())), 0))

    def deliver(self) -> list[Outcome]:
        records = [
            Record("t", 0, 0, None, None, json.dumps(hint_record.encode(hint)).encode())
            for hint in self.hints[:1]
        ]
        ends = self.pipeline.process(records, SimulatedDeadline(self.time, 60))
        return [end.outcome for end in ends]

    @property
    def late_s(self) -> int:
        """By how much the target's value outlives the source's."""
        at = self.store.rows(PLAIN, KEY)[()].expiries[0]
        assert isinstance(at, int)
        return at - self.expires_at


second = st.integers(0, 999_999)
quick = st.integers(0, 890_000)


@given(second, quick, quick, quick)
def test_quick_answers_are_counted_as_they_come(
    ahead_us: int, read_us: int, out_us: int, back_us: int
) -> None:
    world = World(ahead_us, after_read=[read_us], before_write=[out_us], after_write=[back_us])
    assert world.deliver() == [Outcome.APPLIED]
    assert 0 <= world.late_s <= 2


@pytest.mark.parametrize("point", ["after_read", "after_write"])
@given(ahead_us=second, slow_us=st.integers(910_000, 20_000_000))
def test_what_took_too_long_is_done_once_more(ahead_us: int, slow_us: int, point: str) -> None:
    world = World(ahead_us, **{point: [slow_us]})
    assert world.deliver() == [Outcome.APPLIED]
    assert 0 <= world.late_s <= 2


def test_what_always_takes_too_long_still_comes_to_its_end() -> None:
    world = World(after_read=[4_400_000] * 9, after_write=[1_500_000] * 9)
    assert world.deliver() == [Outcome.APPLIED]
    assert 0 <= world.late_s <= 5


def test_only_rows_with_ttls_are_late() -> None:
    rows: dict[Key, Row] = {(b"1",): Row((b"v",), (None,)), (b"2",): Row((b"v",), (1_060,))}
    assert Snapshot(WIDE, 1_000_000_000, rows, arrived_at=1_000.8).late == []
    assert Snapshot(WIDE, 1_000_000_000, rows, arrived_at=1_001.0).late == [(b"2",)]


def test_a_page_of_a_slice_that_came_late_is_asked_for_by_key() -> None:
    sides = Sides()
    now_s = sides.time.seconds
    for number, ttl in ((1, 60), (2, None)):
        expires_at = None if ttl is None else now_s + ttl
        key, values = (b"%d" % number, b"x"), {"a": b"1"}
        row = changes.put(WIDE, key, values, sides.time.micros, expires_at, creates_row=True)
        sides.on_source(WIDE, KEY, row)
    delays = {Point.AFTER_READ: iter([4_400_000])}

    def hook(point: Point) -> None:
        sides.time.advance(next(delays.get(point, iter(())), 0))

    sides.raw_source._hook = hook
    work = SliceWork(WIDE.id, KEY, WHOLE_PARTITION, (0,))
    target = MemoryTarget(sides.store)
    assert (
        Reconciler(sides.raw_source, target, sides.clock, FixedDeadline()).reconcile(work) is None
    )
    rows = sides.store.rows(WIDE, KEY)
    assert len(rows) == 2
    (expiry,) = [at for row in rows.values() if isinstance(at := row.expiries[0], int)]
    assert 0 <= expiry - (now_s + 60) <= 2


def later(expiries: Expiries) -> Expiries:
    return tuple(at + 4 if isinstance(at, int) else at for at in expiries)


def test_a_page_of_a_scan_that_came_late_is_read_again_by_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides = Sides()
    now_s = sides.time.seconds
    row = changes.put(PLAIN, (), {"a": b"1"}, sides.time.micros, now_s + 60, creates_row=True)
    sides.on_source(PLAIN, KEY, row)
    pages = sides.source_scan.rows

    def late(table: Any, part: Any) -> Iterator[Any]:
        """As a page whose answer took 4.4 s shows it."""
        for page in pages(table, part):
            sides.time.advance(4_400_000)
            keys = [
                one._replace(row=Row(one.row.values, later(one.row.expiries))) for one in page.keys
            ]
            found = page_of(keys, page.read_start, page.is_last)
            yield replace(found, arrived_at=sides.time.micros / 1e6)

    monkeypatch.setattr(sides.source_scan, "rows", late)
    for _ in sides.backfill(PLAIN).fill([WHOLE_RING]):
        pass
    expiry = sides.store.rows(PLAIN, KEY)[()].expiries[0]
    assert isinstance(expiry, int)
    assert 0 <= expiry - (now_s + 60) <= 2


class Answered:
    """A request that is answered at once."""

    has_more_pages = False

    def __init__(self, rows: Any = ()) -> None:
        self._rows = rows

    def add_callbacks(
        self, served: Any, _failed: Any, callback_args: Any, errback_args: Any
    ) -> None:
        served(list(self._rows), *callback_args)


class Session:
    """Gives its requests out `delay_s` apart, and keeps what was bound of each."""

    side = Side.TARGET

    def __init__(self, delay_s: float, answers_after_s: float = 0.0) -> None:
        self.now, self._delay_s, self._answers_after_s = 1_000.0, delay_s, answers_after_s
        self.rate_limit = RateLimit()
        self.ttls: list[tuple[float, int]] = []
        self._bound: list[Any] = []

    def time(self) -> float:
        return self.now

    def current(self) -> Session:
        self.now += self._delay_s
        return self

    def bind(self, text: str, values: Any) -> Any:
        if "TTL ?" in text and "INSERT" in text:
            self._bound.append(values[-1])
        return SimpleNamespace(values=values)

    def execute_async(self, _request: Any, timeout: float | None) -> Answered:
        self.ttls += [(self.now, unpack(">i", one)[0]) for one in self._bound]
        self._bound.clear()
        self.now += self._answers_after_s
        return Answered()

    def answered(self, *_: Any) -> None:
        return

    def doubt(self, _error: Exception) -> None:
        return


def written(session: Session, monkeypatch: pytest.MonkeyPatch, statements: int) -> list[Any]:
    target = KeyspacesTarget(session)  # type: ignore[arg-type]
    monkeypatch.setattr(target._agreement, "check", lambda *_: None)
    monkeypatch.setattr(keyspaces, "time", SimpleNamespace(time=session.time))
    monkeypatch.setattr(keyspaces, "_as_one", lambda bound: bound)
    monkeypatch.setattr("hintferry.adapters.driver.window.time.time", session.time)
    work = RowWork(WIDE.id, KEY, {(b"1", b"x"): (0,)})
    puts = [
        Put((b"%d" % number, b"x"), ("a",), (b"v",), 1_000_000_000, 1_010, creates_row=True)
        for number in range(statements)
    ]
    return [error for _, error in target.write([Write(work, WIDE, puts)])]


def test_seconds_to_live_count_from_when_each_request_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many requests a write takes, and however slowly they may be sent."""
    session = Session(delay_s=2.0)
    (error,) = written(session, monkeypatch, 3 * STATEMENTS_PER_BATCH)
    assert len(session.ttls) == 3 * STATEMENTS_PER_BATCH
    assert {(at, at + ttl) for at, ttl in session.ttls} == {
        (1_002.0, 1_010.0),
        (1_004.0, 1_010.0),
        (1_006.0, 1_010.0),
    }
    assert isinstance(error, LateAnswer), "the way to the socket counts, too"


@pytest.mark.parametrize(("answers_after_s", "error"), [(0.5, None), (1.5, LateAnswer)])
def test_a_write_that_may_have_come_late_says_so(
    answers_after_s: float, error: type[HintferryError] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = written(Session(0.0, answers_after_s), monkeypatch, 1)
    assert found is error or isinstance(found, error or ())


def test_what_expired_on_its_way_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(delay_s=11.0)
    (error,) = written(session, monkeypatch, 1)
    assert session.ttls == []
    assert isinstance(error, StaleRead)


class SlowSource(Session):
    """Answers one row with ten seconds to live, `takes_s` after it was asked."""

    side = Side.SOURCE

    def __init__(self, takes_s: float) -> None:
        super().__init__(0.0)
        self._takes_s = takes_s
        self.guardrails = Guardrails()

    def execute_async(self, _request: Any, timeout: float | None) -> Answered:
        self.now += self._takes_s
        return Answered([(b"1", None, pack(">i", 10), None)])

    def has_served(self, _statement: Any) -> None:
        return


@pytest.mark.parametrize(("takes_s", "is_late"), [(0.4, False), (4.4, True)])
def test_a_source_that_answers_late_says_so(
    takes_s: float, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = SlowSource(takes_s)
    clock = SimpleNamespace(read_start=lambda: round(session.now * 1e6))
    source = CassandraSource(session, clock)  # type: ignore[arg-type]
    monkeypatch.setattr(source, "table", lambda *_: PLAIN)
    monkeypatch.setattr("hintferry.adapters.driver.window.time.time", session.time)
    ((_, seen),) = source.read([RowWork(PLAIN.id, KEY, {(): (0,)})])
    assert isinstance(seen, Snapshot)
    assert bool(seen.late) is is_late
    assert seen.rows[()].expiries[0] == 1_010 + int(takes_s)


def test_a_fault_of_one_request_counts_more_than_a_late_answer_of_another() -> None:
    """A late answer says that all was done: at the second attempt it settles the hint."""
    write = Write(RowWork(WIDE.id, (b"p",), {}), WIDE, [])
    late, fault = LateAnswer("late"), Unavailable(Side.TARGET, "down")
    for answers in ([late, fault], [fault, late]):
        progress = _Progress(write, [], True)
        for error in answers:
            progress.failed(error)
        assert progress.error is fault
