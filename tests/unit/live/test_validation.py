"""Which settled keys are compared again, and how each look ends."""

from __future__ import annotations

import pytest

from hintferry.core.errors import Side
from hintferry.core.hint import Check, Errand, Hint, Scope, Suspicion
from hintferry.core.limits import SECOND_LOOK_AFTER_S, VALIDATION_RETRY
from hintferry.core.open_item import PARKED, OpenItem
from hintferry.core.outcome import APPLIED, Outcome, Settled, SkipReason
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.core.work import Later
from hintferry.live.fence import FencedSource
from hintferry.live.validation import LATEST_DUE_S, Sampler, Validator
from hintferry.testing.captures import ScriptedCaptures
from hintferry.testing.changes import put, remove_row
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.fences import FENCE, MemoryFences
from hintferry.testing.markers import MemoryMarkers
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.partition import PartitionState
from hintferry.testing.passes import MemoryPasses
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.switches import MemorySwitches
from hintferry.testing.target import MemoryTarget
from hintferry.testing.write_times import MemoryWriteTimes

TABLE = Table(
    TableId("shop", "orders"),
    (Column("a", "blob", ColumnKind.PARTITION_KEY),),
    regulars=(Column("v", "blob", ColumnKind.REGULAR),),
)
KEY = (b"p",)
HINT = Hint(TABLE.id, KEY, Scope.ROW)


class Bench:
    """A row that both sides have, and a validator."""

    def __init__(self) -> None:
        self.later: list[Later] = []
        self.time = SimulatedTime()
        self.clock = ScriptedClock(self.time)
        self.cluster = ReplicatedCluster([TABLE], self.time, lambda *_: None)
        self.store = MemoryStore(self.time)
        self.captures = ScriptedCaptures(self.clock.now)
        self.markers = MemoryMarkers(lambda: self.captures.since, self.clock.now)
        self.open_items, self.passes = MemoryOpenItems(), MemoryPasses()
        self.fences, self.switches = MemoryFences(), MemorySwitches()
        self.replay = MemoryReplayQueue(self.later.append)
        source, target = ReplicatedSource(self.cluster, self.clock), MemoryTarget(self.store)
        self.validator = Validator(
            FencedSource(source, self.fences, self.switches),
            target,
            MemoryWriteTimes(source, target),
            self.markers,
            self.captures,
            self.open_items,
            self.passes,
            self.replay,
            self.clock,
            Sampler(1),
        )
        self.at_source(b"1")
        self.at_target(b"1")

    def at_source(self, value: bytes) -> None:
        self.cluster.write(TABLE, KEY, self._put(value), (0, 1, 2))

    def at_target(self, value: bytes) -> None:
        self.store.apply(TABLE.id, KEY, self._put(value))

    def gone_from_target(self) -> None:
        self.store.apply(TABLE.id, KEY, remove_row((), self.time.micros))

    def settle(self, check: Check | None = None) -> Settled:
        hint = Hint(TABLE.id, KEY, Scope.ROW, errand=Errand.VALIDATION)
        return self.validator.settle(hint, check, FixedDeadline())

    def look(self) -> Check:
        """Look at the unequal row; return what the next look is given, once that is due."""
        end = self.settle(self.later[-1].check if self.later else None)
        assert end.reason is SkipReason.UNSURE
        self.time.advance(int(VALIDATION_RETRY.first_s * 1e6))
        check = self.later[-1].check
        assert check is not None
        return check

    def _put(self, value: bytes) -> PartitionState:
        return put(TABLE, (), {"v": value}, self.time.micros, creates_row=True)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_applied_row_in_n_is_compared_later_however_records_are_batched() -> None:
    sampler, hints = Sampler(10), dict.fromkeys(range(7), HINT)
    found = [len(list(sampler.sample(hints, [APPLIED] * 7))) for _ in range(100)]
    assert sum(found) == 70
    assert set(found) == {0, 1}


def test_nothing_is_sampled_where_that_is_off_or_where_nothing_was_settled() -> None:
    hints = {0: HINT, 1: Hint(TABLE.id, KEY, Scope.STATIC), 2: HINT, 3: HINT}
    hints[3] = Hint(TABLE.id, KEY, Scope.ROW, errand=Errand.REPAIR)
    ends = [Settled(Outcome.RETURNED), APPLIED, APPLIED, APPLIED]
    assert list(Sampler(0).sample(hints, ends)) == []
    assert list(Sampler(1).sample(hints, ends)) == [HINT]


def test_a_sampled_key_waits_until_no_late_write_can_arrive(bench: Bench) -> None:
    assert bench.validator.sample({0: HINT}, [APPLIED]) == 0
    (later,) = bench.later
    assert later.hint.errand is Errand.VALIDATION
    assert later.delay_s == SECOND_LOOK_AFTER_S
    assert later.check == Check(bench.clock.now())


def test_a_key_that_the_queue_does_not_take_is_counted(bench: Bench) -> None:
    bench.replay.is_closed = True
    assert bench.validator.sample({0: HINT, 1: HINT}, [APPLIED] * 2) == 2


def test_equal_rows_are_validated_and_leave_nothing(bench: Bench) -> None:
    assert bench.settle().reason is SkipReason.VALIDATED
    assert not bench.later
    assert not bench.markers.drawn


@pytest.mark.parametrize("change", ["forged", "gone"])
def test_a_row_that_differs_when_all_has_arrived_diverged(bench: Bench, change: str) -> None:
    bench.at_target(b"2") if change == "forged" else bench.gone_from_target()
    end = bench.settle(bench.look())
    assert (end.outcome, end.reason) == (Outcome.SKIPPED, SkipReason.DIVERGED)
    assert str(end.error) == ("different" if change == "forged" else "missing")


def test_a_divergence_voids_the_clean_pass_and_writes_nothing(bench: Bench) -> None:
    bench.at_target(b"2")
    before = bench.store.rows(TABLE, KEY)
    assert bench.settle(bench.look()).reason is SkipReason.DIVERGED
    (found,) = bench.passes.of(TABLE.id, 0)
    assert found.is_validation
    assert not found.is_clean
    assert bench.store.rows(TABLE, KEY) == before


def test_a_row_that_was_written_anew_is_looked_at_again(bench: Bench) -> None:
    bench.at_target(b"2")
    check = bench.look()
    bench.at_target(b"3")
    assert bench.settle(check).reason is SkipReason.UNSURE


def test_nothing_diverged_while_a_node_has_not_settled_the_marker(bench: Bench) -> None:
    bench.at_target(b"2")
    bench.markers.waits["host 10.0.2.11"] = "its topic has 1,000 records unread"
    check = bench.look()
    assert bench.settle(check).reason is SkipReason.UNSURE
    bench.markers.waits.clear()
    assert bench.settle(check).reason is SkipReason.DIVERGED


@pytest.mark.parametrize(
    ("due", "reason"),
    [
        (-10.0, SkipReason.DIVERGED),
        (10.0, SkipReason.UNSURE),
        (LATEST_DUE_S - 1, SkipReason.UNSURE),
        (LATEST_DUE_S + 1, SkipReason.DIVERGED),
    ],
    ids=["from before the key was settled", "from before the look", "as late as can be", "later"],
)
def test_an_item_that_an_earlier_hint_left_is_waited_for(
    bench: Bench, due: float, reason: SkipReason
) -> None:
    bench.at_target(b"2")
    at = bench.clock.now()
    bench.open_items.open([OpenItem(str(TABLE.id), b"1", at + due, PARKED)])
    assert bench.settle(bench.look()).reason is reason


def test_a_key_that_is_never_quiet_is_given_up_as_unvalidated(bench: Bench) -> None:
    bench.at_target(b"2")
    bench.markers.waits["host 10.0.2.11"] = "its topic has 1,000 records unread"
    for _ in range(VALIDATION_RETRY.attempts - 1):
        check = bench.look()
    assert bench.settle(check).reason is SkipReason.UNVALIDATED


def test_a_row_that_nothing_dates_is_unvalidated(bench: Bench) -> None:
    bench.store.apply(TABLE.id, KEY, put(TABLE, (), {}, bench.time.micros, creates_row=True))
    bench.store.apply(TABLE.id, KEY, put(TABLE, (), {"v": None}, 2**60, creates_row=False))
    end = bench.settle()
    assert end.reason is SkipReason.UNVALIDATED
    assert "no column dates the row" in str(end.error)


def test_behind_a_fence_nothing_is_compared(bench: Bench) -> None:
    bench.at_target(b"2")
    check = bench.look()
    bench.fences.set(TABLE.id, FENCE)
    assert bench.settle(check).reason is SkipReason.FENCED
    assert bench.passes.of(TABLE.id, 0) == []


def test_a_side_that_is_away_brings_the_key_back(bench: Bench) -> None:
    bench.cluster.down = {0, 1}
    assert bench.settle().outcome is Outcome.RETURNED


def test_a_suspicion_names_the_side_that_shows_the_row(bench: Bench) -> None:
    bench.gone_from_target()
    suspicion = bench.look().suspicion
    assert suspicion is not None
    assert suspicion.side is Side.SOURCE
    assert suspicion == Suspicion(Side.SOURCE, suspicion.written_us, 1, suspicion.at)
