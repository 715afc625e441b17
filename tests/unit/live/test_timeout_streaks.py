"""A passing fault parks nothing; a key that fails for its own sake leaves in bounded time, even
where each delivery meets a process that has seen nothing before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from hintferry.adapters.aws.queue_event import ReplayEvents
from hintferry.adapters.aws.replay_queue import _entry
from hintferry.adapters.records import hint_record
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.errors import HintferryError, Side, Troubled, Unavailable
from hintferry.core.hint import WHOLE_PARTITION, Hint, Record, Scope
from hintferry.core.limits import STUCK_AFTER_S, TIMEOUT_RETRY
from hintferry.core.open_item import OpenItem
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Snapshot
from hintferry.core.schema import Key, Table
from hintferry.core.work import Later, RowWork, SliceWork, StaticWork
from hintferry.live.pipeline import Pipeline
from hintferry.ports import Write
from hintferry.testing import changes
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import SimulatedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget
from tests.model.tables import COUNTS, PLAIN, WIDE

BAD, GOOD = (b"bad",), (b"good",)

Fails = Callable[[Key, float], bool]
"""Tells whether a request for this partition fails, so many seconds after the start."""


class FailingSource(ReplicatedSource):
    """Fails within 2 ms and does not say why."""

    def __init__(self, world: World) -> None:
        super().__init__(world.cluster, world.clock)
        self._world = world

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        for work in works:
            if self._world.fails_at(Side.SOURCE, work.partition):
                yield work, Troubled(Side.SOURCE, "ServerError: NullPointerException")
            else:
                yield from super().read([work])

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        if self._world.fails_at(Side.SOURCE, work.partition):
            raise Troubled(Side.SOURCE, "ReadFailure: UNKNOWN")
        return super().pages(work)


class FailingTarget(MemoryTarget):
    def __init__(self, world: World) -> None:
        super().__init__(world.target)
        self._world = world

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        for write in writes:
            if self._world.fails_at(Side.TARGET, write.work.partition):
                yield write, Troubled(Side.TARGET, "WriteFailure")
            else:
                yield from super().write([write])


@dataclass
class World:
    """Both sides and the replay queue; every delivery meets a new process."""

    side: Side = Side.SOURCE
    fails: Fails = lambda key, _: key == BAD
    time: SimulatedTime = field(default_factory=SimulatedTime)
    hints: list[Hint] = field(default_factory=list)
    later: list[tuple[float, Later]] = field(default_factory=list)

    def __post_init__(self) -> None:
        tables = [PLAIN, WIDE, COUNTS]
        self.cluster = ReplicatedCluster(
            tables, self.time, lambda hint, *_: self.hints.append(hint)
        )
        self.target, self.clock = MemoryStore(self.time), ScriptedClock(self.time)
        self.leases = LeaseTable(self.time)
        self.began = self.time.micros
        self.put(PLAIN, GOOD)
        self.put(WIDE, GOOD)
        self.count(GOOD)
        self.hints.clear()

    def put(self, table: Table, key: Key) -> None:
        clustering = (b"c",) * len(table.clustering)
        change = changes.put(table, clustering, {"a": b"1"}, self.time.micros, creates_row=True)
        self.cluster.write(table, key, change, range(3))

    def count(self, key: Key) -> None:
        change = changes.add((b"c",), {"n": 1}, self.time.micros)
        self.cluster.write(COUNTS, key, change, range(3))

    def now_s(self) -> float:
        return (self.time.micros - self.began) / 1e6

    def fails_at(self, side: Side, key: Key) -> bool:
        self.time.advance(2_000)
        return side is self.side and self.fails(key, self.now_s())

    def process(self, *records: Record) -> list[Settled]:
        """A new process, which keeps nothing."""
        source = FailingSource(self)
        pipeline = Pipeline(
            HintDecoder(source.table),
            source,
            FailingTarget(self),
            MemoryParkingLot(),
            MemoryReplayQueue(lambda one: self.later.append((self.now_s() + one.delay_s, one))),
            MemoryLeases(self.leases, self.clock),
            self.clock,
            RecordingMeter(),
        )
        return pipeline.process(records, SimulatedDeadline(self.time, 60))

    def replayed(self) -> list[Settled]:
        """Return what the message that is due next ends with, once it is due."""
        due, item = min(self.later, key=lambda one: one[0])
        self.later.remove((due, item))
        self.time.advance(max(0, int((due - self.now_s()) * 1e6)))
        (end,) = self.process(carried(item))
        if end.outcome is Outcome.RETURNED:
            self.later.append((self.now_s() + 15, item))
        return [end]


def carried(item: Later) -> Record:
    """Through the queue's text and back."""
    message = {
        "messageId": "m",
        "body": _entry(0, item, OpenItem("shop.orders", b"i", 0.0, "news"))["MessageBody"],
    }
    (record,) = ReplayEvents(None, None, "", MemoryOpenItems()).open({"Records": [message]})
    return record


def record(hint: Hint) -> Record:
    return Record("t", 0, 0, None, None, json.dumps(hint_record.encode(hint)).encode())


HINTS = {
    "row": Hint(PLAIN.id, BAD, Scope.ROW),
    "slice": Hint(WIDE.id, BAD, Scope.PARTITION, slice=WHOLE_PARTITION),
    "static": Hint(WIDE.id, BAD, Scope.STATIC, statics_due=True),
    "counter": Hint(COUNTS.id, BAD, Scope.ROW, (b"c",)),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("lasts_s", [0.05, 60.0, STUCK_AFTER_S - 80])
def test_a_passing_fault_parks_nothing(lasts_s: float, side: Side) -> None:
    world = World(side, lambda key, now_s: key == BAD and now_s < lasts_s)
    world.put(PLAIN, BAD)
    (end,) = world.process(record(HINTS["row"]))
    while end.reason is SkipReason.POSTPONED:
        (end,) = world.replayed()
    assert end.outcome is Outcome.APPLIED
    assert world.target.rows(PLAIN, BAD)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", HINTS)
def test_a_key_that_always_fails_leaves_its_topic_at_once_and_is_parked_after_minutes(
    kind: str, side: Side
) -> None:
    world = World(side)
    world.put(PLAIN, BAD)
    world.put(WIDE, BAD)
    world.count(BAD)
    if kind == "static":
        change = changes.put(WIDE, None, {"s": b"1"}, world.time.micros, creates_row=False)
        world.cluster.write(WIDE, BAD, change, range(3))
    (end,) = world.process(record(HINTS[kind]))
    assert (end.outcome, end.reason) == (Outcome.SKIPPED, SkipReason.POSTPONED)
    assert world.now_s() < 60
    times = 1
    while end.outcome is not Outcome.PARKED:
        # Counters in doubt come back too, until their lease has run out.
        assert end.reason is SkipReason.POSTPONED or kind == "counter"
        (end,) = world.replayed()
        times += 1
    assert end.outcome is Outcome.PARKED
    assert str(end.reason) == "ParkReason.STUCK"
    assert times >= TIMEOUT_RETRY.attempts
    assert STUCK_AFTER_S <= world.now_s() < 2 * STUCK_AFTER_S + 120


@pytest.mark.parametrize("side", Side)
def test_a_side_that_serves_no_neighbour_either_is_waited_out(side: Side) -> None:
    """An outage, however long, of a record however old: it stays where it is."""
    world = World(side, lambda _key, _now_s: True)
    world.put(PLAIN, BAD)
    for _ in range(20):
        (end,) = world.process(record(HINTS["row"]))
        assert end.outcome is Outcome.RETURNED
        world.time.advance(600 * 1_000_000)
    assert world.later == []


def test_an_outage_in_between_does_not_count() -> None:
    """After an hour away the first fault of a key that failed once before parks nothing."""
    down = [False]
    world = World(Side.SOURCE, lambda key, _: key == BAD or down[0])
    world.put(PLAIN, BAD)
    world.process(record(HINTS["row"]))
    (_, item), down[0] = world.later.pop(), True
    (end,) = world.process(carried(item))
    assert end.outcome is Outcome.RETURNED
    world.time.advance(3_600 * 1_000_000)
    down[0] = False
    (end,) = world.process(carried(item))
    assert end.reason is SkipReason.POSTPONED


def test_rows_that_share_a_request_with_a_bad_one_are_applied() -> None:
    """The request fails as a whole; each row is then asked for by itself."""
    world = World()
    rows = [Hint(WIDE.id, GOOD, Scope.ROW, (key, key)) for key in (b"c", b"d", b"e")]
    bad = (b"d", b"d")

    class OneRow(FailingSource):
        def read(
            self, works: Iterable[RowWork | StaticWork]
        ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
            for work in works:
                if isinstance(work, RowWork) and bad in work.rows:
                    yield work, Troubled(Side.SOURCE, "ServerError")
                else:
                    yield from super().read([work])

    world.put(WIDE, (b"other",))
    source = OneRow(world)
    pipeline = Pipeline(
        HintDecoder(source.table), source, FailingTarget(world), MemoryParkingLot(),
        MemoryReplayQueue(lambda one: world.later.append((0.0, one))),
        MemoryLeases(world.leases, world.clock), world.clock, RecordingMeter(),
    )  # fmt: skip
    world.fails = lambda _key, _now_s: False
    ends = pipeline.process([record(hint) for hint in rows], SimulatedDeadline(world.time, 60))
    assert [end.outcome for end in ends] == [Outcome.APPLIED, Outcome.SKIPPED, Outcome.APPLIED]
    assert [one.hint.clustering for _, one in world.later] == [bad]


def test_what_the_queue_does_not_take_is_returned() -> None:
    world = World()
    world.put(PLAIN, BAD)
    source = FailingSource(world)
    replay = MemoryReplayQueue(lambda one: None)
    replay.is_closed = True
    pipeline = Pipeline(
        HintDecoder(source.table), source, FailingTarget(world), MemoryParkingLot(), replay,
        MemoryLeases(world.leases, world.clock), world.clock, RecordingMeter(),
    )  # fmt: skip
    (end,) = pipeline.process([record(HINTS["row"])], SimulatedDeadline(world.time, 60))
    assert end.outcome is Outcome.RETURNED


def test_a_late_schema_is_a_fault_that_names_itself() -> None:
    """A plain Unavailable is never taken for the key's own, whatever its neighbours do."""
    assert not issubclass(Unavailable, Troubled)
