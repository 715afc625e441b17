"""Clocks that differ: a read start is a time of the target's clock, or there is none."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.clocks.measured import AGAIN_S, EVERY_S, MeasuredClock
from hintferry.adapters.records import hint_record
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.clock_offset import Offset, Offsets
from hintferry.core.errors import ClockFault, Unavailable
from hintferry.core.hint import Hint, Record, Scope
from hintferry.core.limits import CLOCK_MARGIN_S, STAMP_MARGIN_S
from hintferry.core.outcome import Outcome, Settled
from hintferry.core.work import RowWork
from hintferry.live.pipeline import Pipeline
from hintferry.live.recent_writes import RecentWrites
from hintferry.ports import Clock
from hintferry.testing import changes
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import SimulatedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.other_clocks import SimulatedClocks
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget
from hintferry_cli.gate import clocks
from tests.model.tables import PLAIN

MARGIN_US = round(CLOCK_MARGIN_S * 1e6)


def made(
    error_us: int = 0, there_us: int = 400, back_us: int = 400
) -> tuple[MeasuredClock, ScriptedClock, SimulatedClocks]:
    own = ScriptedClock(SimulatedTime(), salt=7, error_us=error_us)
    others = SimulatedClocks(own, there_us, back_us)
    return MeasuredClock(own, others), own, others


@given(
    st.integers(-MARGIN_US, MARGIN_US),
    st.integers(0, 80_000),
    st.integers(0, 80_000),
    st.lists(st.integers(0, 90_000_000), min_size=1, max_size=5),
)
def test_no_read_start_is_later_than_the_targets_clock(
    error_us: int, there_us: int, back_us: int, pauses: list[int]
) -> None:
    clock, own, _ = made(error_us, there_us=there_us, back_us=back_us)
    starts = []
    for pause in pauses:
        own.time.advance(pause)
        starts.append(clock.read_start())
        late_us = own.time.micros - starts[-1]
        assert 0 <= late_us <= there_us + back_us + 1_000 + 200
    assert all(earlier < later for earlier, later in pairwise(starts))


@given(st.integers(-300_000, 300_000), st.integers(0, 500_000), st.integers(0, 500_000))
def test_only_what_is_certain_is_refused(error_us: int, there_us: int, back_us: int) -> None:
    seen = made(error_us, there_us=there_us, back_us=back_us)[0].compare()
    assert seen.target is not None
    assert seen.target.least_us <= error_us <= seen.target.most_us
    if abs(error_us) <= MARGIN_US:
        assert seen.fault() is None
    if abs(error_us) > MARGIN_US + there_us + back_us + 1_000:
        assert isinstance(seen.fault(), ClockFault)


@pytest.mark.parametrize(
    ("error_us", "told"),
    [
        (300_000, r"0\.300 s \(give or take 0\.001\) ahead of"),
        (-120_000_000, r"120\.\d+ s .* behind"),
    ],
)
def test_the_fault_says_how_far_and_what_to_do(error_us: int, told: str) -> None:
    with pytest.raises(ClockFault, match=f"clock is {told} that of the target.*chronyc"):
        made(error_us)[0].read_start()


def test_a_round_trip_that_hides_the_margin_is_told() -> None:
    assert not made(there_us=20_000, back_us=20_000)[0].compare().is_vague
    assert made(there_us=60_000, back_us=60_000)[0].compare().is_vague
    silent, own, others = made(30_000)
    others.tells = False
    assert silent.compare().is_vague
    assert silent.read_start() > own.time.micros, "what nobody tells cannot be taken off"


def test_the_clocks_are_compared_once_a_minute_and_not_with_each_read() -> None:
    clock, own, others = made()
    for _ in range(100):
        clock.read_start()
    assert others.asked == 1
    own.time.advance(round((EVERY_S - 1) * 1e6))
    clock.read_start()
    assert others.asked == 1
    own.time.advance(1_000_000)
    clock.read_start()
    assert others.asked == 2


@pytest.mark.parametrize("step_us", [-40_000, -3_000, 3_000, 40_000])
def test_a_clock_that_was_set_is_compared_at_once(step_us: int) -> None:
    clock, own, others = made()
    before = clock.read_start()
    own.error_us = step_us
    assert before < clock.read_start() <= own.time.micros
    assert others.asked == 2


def test_what_was_corrected_is_believed_soon() -> None:
    clock, own, others = made(300_000)
    for _ in range(10):
        with pytest.raises(ClockFault):
            clock.read_start()
    assert others.asked == 1
    own.error_us = 0
    assert clock.read_start() <= own.time.micros

    own.error_us = 300_000
    own.time.advance(round(AGAIN_S * 1e6))
    with pytest.raises(ClockFault):
        clock.read_start()


def test_a_target_that_does_not_answer_is_a_fault_of_it() -> None:
    clock, own, others = made()
    others.is_down = True
    for _ in range(10):
        with pytest.raises(Unavailable):
            clock.read_start()
    assert others.asked == 1
    with pytest.raises(Unavailable):
        clock.compare()
    others.is_down = False
    own.time.advance(round(AGAIN_S * 1e6))
    clock.read_start()


def test_nodes_that_are_a_second_apart_are_refused_and_named() -> None:
    clock, _, others = made(20_000)
    others.nodes = {"n1": 0, "n2": 700_000, "n3": -500_000}
    with pytest.raises(ClockFault, match=r"nodes n2 and n3 are 1\.2 s apart.*chronyc"):
        clock.read_start()
    assert clock.offsets is not None
    assert 690_000 < clock.offsets.worst_node_us <= 700_000


def test_nodes_that_agree_may_differ_from_everybody_else() -> None:
    clock, _, others = made()
    others.nodes = {"n1": 3_000_000, "n2": 3_400_000}
    clock.read_start()
    assert clock.offsets is not None
    assert clock.offsets.worst_node_us > 3_000_000


def test_an_offset_tells_what_is_certain() -> None:
    assert Offset(-2, 5).known_us == 0
    assert Offset(2, 5).known_us == 2
    assert Offset(-5, -2).known_us == -2
    assert Offset(10, 20).less(Offset(1, 2)) == Offset(8, 19)


class World:
    """One table on both sides, and workers of it."""

    key = (b"p",)
    everywhere = (0, 1, 2)

    def __init__(self) -> None:
        self.time, self.hints = SimulatedTime(), list[Hint]()
        self.cluster = ReplicatedCluster(
            [PLAIN], self.time, lambda hint, *_: self.hints.append(hint)
        )
        self.target = MemoryStore(self.time)

    def worker(self, salt: int, error_us: int = 0) -> Pipeline:
        own = ScriptedClock(self.time, salt, error_us)
        return self.pipeline(MeasuredClock(own, SimulatedClocks(own)))

    def pipeline(self, clock: Clock) -> Pipeline:
        source = ReplicatedSource(self.cluster, clock)
        return Pipeline(
            HintDecoder(source.table),
            source,
            MemoryTarget(self.target),
            MemoryParkingLot(),
            MemoryReplayQueue(lambda _: None),
            MemoryLeases(LeaseTable(self.time), clock),
            clock,
            RecordingMeter(),
            RecentWrites(0),
        )

    def put(self, **values: bytes) -> None:
        row = changes.put(PLAIN, (), dict(values), self.time.micros, creates_row=True)
        self.cluster.write(PLAIN, self.key, row, self.everywhere)

    def remove(self) -> None:
        row = changes.remove_row((), self.time.micros)
        self.cluster.write(PLAIN, self.key, row, self.everywhere)

    def records(self, ahead_ms: int = 0) -> list[Record]:
        """Return what the hints are on the topic; the broker's clock is ahead by so much."""
        stamp = self.time.micros // 1000 + ahead_ms
        texts = [json.dumps(hint_record.encode(hint)).encode() for hint in self.hints]
        self.hints.clear()
        return [Record("t", 0, n, stamp, None, text) for n, text in enumerate(texts)]

    def deliver(self, worker: Pipeline, records: list[Record]) -> list[Settled]:
        return worker.process(records, SimulatedDeadline(self.time, 60))

    @property
    def is_equal(self) -> bool:
        state = self.cluster.merged_row(PLAIN, self.key, (), self.everywhere)
        row = (
            state.row(PLAIN.regulars, self.time.seconds)
            if state.is_live(self.time.seconds)
            else None
        )
        return self.target.rows(PLAIN, self.key).get(()) == row


def outcomes(ends: list[Settled]) -> set[Outcome]:
    return {end.outcome for end in ends}


@pytest.mark.parametrize("error_us", [300_000, 45_000, -45_000, 0])
@pytest.mark.parametrize("capture_us", [110_000, 1_000])
def test_of_two_functions_none_keeps_a_row_that_was_deleted(error_us: int, capture_us: int) -> None:
    """One reads, the row is deleted at once, the other is told of it and reads."""
    world = World()
    one, other = world.worker(1, error_us), world.worker(2)
    world.put(a=b"one", b=b"x")
    world.time.advance(capture_us)
    first = world.records()
    ends = world.deliver(one, first)
    world.remove()
    world.time.advance(capture_us)
    assert outcomes(world.deliver(other, world.records())) == {Outcome.APPLIED}
    if error_us > MARGIN_US:
        assert outcomes(ends) == {Outcome.RETURNED}
        assert all(isinstance(end.error, ClockFault) for end in ends)
        assert outcomes(world.deliver(other, first)) == {Outcome.APPLIED}
    world.time.advance(600_000_000)
    assert world.is_equal


@pytest.mark.parametrize("error_us", [120_000_000, 45_000])
def test_no_backfill_from_a_machine_that_is_ahead_hides_an_update(error_us: int) -> None:
    world = World()
    function, machine = world.worker(1), world.worker(2, error_us)
    world.put(a=b"old", b=b"x")
    world.hints.clear()
    world.time.advance(10_000_000)
    work = RowWork(PLAIN.id, world.key, {(): (0,)})
    ((_, seen),) = machine.source.read([work])
    if isinstance(seen, ClockFault):
        assert error_us > MARGIN_US
        return
    world.put(a=b"new")
    world.time.advance(1_000)

    def hint_of(_number: int) -> Hint:
        return Hint(PLAIN.id, world.key, Scope.ROW)

    machine.fill([(work, seen)], 1, hint_of, SimulatedDeadline(world.time, 900))  # type: ignore[list-item]
    assert outcomes(world.deliver(function, world.records())) == {Outcome.APPLIED}
    world.time.advance(600_000_000)
    assert world.is_equal


@pytest.mark.parametrize("ahead_ms", [200, 60_000])
def test_records_stamped_ahead_of_our_clock_are_returned(ahead_ms: int) -> None:
    world = World()
    world.put(a=b"one")
    ends = world.deliver(world.worker(1), world.records(ahead_ms))
    assert outcomes(ends) == {Outcome.RETURNED}
    assert all("ahead of our clock" in str(end.error) for end in ends)


@pytest.mark.parametrize("ahead_ms", [-10, 0, 40])
def test_no_read_starts_before_its_stamp_has_passed(ahead_ms: int) -> None:
    world = World()
    world.put(a=b"one")
    records = world.records(ahead_ms)
    assert outcomes(world.deliver(world.worker(1, -20_000), records)) == {Outcome.APPLIED}
    cell = world.target.partition(PLAIN.id, world.key).row(()).cells["a", 0]
    assert cell.timestamp >= 1000 * (records[0].appended_at_ms or 0) + STAMP_MARGIN_S * 1e6


def test_old_records_are_not_waited_for() -> None:
    world = World()
    world.put(a=b"one")
    records = world.records()
    world.time.advance(3_000_000)
    worker = world.worker(1)
    worker.clock.read_start()
    before = world.time.micros
    world.deliver(worker, records)
    assert world.time.micros - before < 5_000


class NodeAnswer:
    """Clock metrics of the functions and the nodes, as CloudWatch has them."""

    def __init__(self, **off_ms: float) -> None:
        self._off_ms = off_ms

    def clock_of(self, name: str) -> float | None:
        return self._off_ms.get(name)


@pytest.mark.parametrize(
    ("seen", "told", "text"),
    [
        (
            Offsets(Offset(2_000, 6_000), {}),
            NodeAnswer(ClockOffsetTarget=1.0, ClockOffsetSource=812.4),
            "this machine +4 ms (give or take 2), functions 1 ms, nodes 812 ms",
        ),
        (
            Offsets(Offset(-200_000, 10_000), {}),
            NodeAnswer(),
            "this machine -95 ms (give or take 105), functions unknown, nodes unknown;"
            " an offset over 50 ms would not be noticed",
        ),
        (
            Offsets(None, {}),
            NodeAnswer(ClockOffsetSource=0.0),
            "this machine unknown (the target did not return its time), functions unknown,"
            " nodes 0 ms; an offset over 50 ms would not be noticed",
        ),
    ],
)
def test_status_tells_the_clocks(seen: Offsets, told: NodeAnswer, text: str) -> None:
    tree = clocks.as_tree(seen, told)  # type: ignore[arg-type]
    assert clocks.told(tree) == f"clocks, from the target's: {text}"
