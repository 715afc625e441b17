"""A turn that ends in time: every range is done, failed or handed back, and none is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.errors import HintferryError, NoTimeLeft, Overwhelmed, Side, Unavailable
from hintferry.core.tokens import TokenRange, gaps, plan_ranges
from hintferry.core.verdict import VerifySums
from hintferry.sweep.progress import Finished, Progress, RangeProgress
from hintferry.sweep.time_slice import BEGIN_UNTIL_S, STOP_AT_S, TimeSlice, take_time_slice

RANGES = plan_ranges([], 8)
FATES = st.sampled_from(["done", "failed", "fault", "cut short"])
ERRORS: dict[str, HintferryError | None] = {
    "done": None,
    "failed": Overwhelmed("no"),
    "fault": Unavailable(Side.SOURCE, "down"),
    "cut short": NoTimeLeft("no time"),
}


@dataclass
class Clock:
    """An invocation's time, and work that takes so much of it."""

    left_s: float = 840.0

    def remaining(self) -> float:
        return self.left_s

    def work(
        self, plan: Iterable[tuple[float, str]], ranges: Iterable[TokenRange]
    ) -> Iterator[RangeProgress[VerifySums]]:
        """Each range takes some pages of a minute, and then ends as the plan says."""
        for part, (minutes, fate) in zip(ranges, plan, strict=False):
            for _ in range(int(minutes)):
                self.left_s -= 60
                yield Progress(1)
            yield Finished(part, VerifySums(equal=1), ERRORS[fate])


def turn_of(clock: Clock, plan: list[tuple[float, str]], ranges: list[TokenRange]) -> TimeSlice:
    return take_time_slice(
        ranges, lambda some: clock.work(plan, some), clock, lambda part, tally: None
    )


@given(
    st.lists(st.tuples(st.integers(0, 20), FATES), min_size=len(RANGES), max_size=len(RANGES)),
    st.integers(0, 900),
)
def test_every_range_is_done_failed_or_handed_back(
    plan: list[tuple[float, str]], left_s: int
) -> None:
    clock = Clock(left_s)
    turn = turn_of(clock, plan, RANGES)
    ended = [part for part, _ in turn.done] + [part for part, _ in turn.failed]
    whole = sorted([*ended, *turn.left])
    assert gaps(RANGES, whole) == []
    assert sum(part.width for part in whole) == sum(part.width for part in RANGES)
    assert clock.left_s >= STOP_AT_S - 60 or clock.left_s == left_s
    if turn.left and turn.fault is None and all(fate != "cut short" for _, fate in plan):
        assert turn.is_out_of_time


def test_what_is_begun_is_ended_and_nothing_is_begun_that_cannot_be() -> None:
    clock = Clock(BEGIN_UNTIL_S + 60)
    turn = turn_of(clock, [(1, "done"), (1, "done"), (1, "done")], RANGES[:3])
    assert [part for part, _ in turn.done] == RANGES[:2]
    assert (turn.left, turn.is_out_of_time) == (RANGES[2:3], True)


def test_a_range_that_takes_longer_than_a_turn_comes_back_in_halves() -> None:
    turn = turn_of(Clock(), [(99, "done")], RANGES[:2])
    assert turn.left == [*RANGES[0].halves(), RANGES[1]]


def test_a_range_that_another_kept_from_its_end_comes_back_whole() -> None:
    turn = turn_of(Clock(), [(3, "done"), (99, "done")], RANGES[:2])
    assert turn.left == [RANGES[1]]


def test_a_fault_of_a_side_keeps_no_other_range_from_its_end() -> None:
    turn = turn_of(Clock(), [(0, "fault"), (0, "done")], RANGES[:2])
    assert (turn.left, turn.is_out_of_time) == ([RANGES[0]], False)
    assert isinstance(turn.fault, Unavailable)
    assert [part for part, _ in turn.done] == [RANGES[1]]
