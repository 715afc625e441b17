"""Work one time slice of an invocation: as many ranges as its time allows.

It hands back what it does not finish, so that no range is ever skipped. A range that alone takes
longer than a time slice comes back in halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hintferry.core.errors import ClockFault, HintferryError, NoTimeLeft, SideFault
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.tokens import TokenRange, gaps
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.ports import Deadline
from hintferry.sweep.progress import Finished, RangeProgress

STOP_AT_S = 120.0
"""Seconds below which nothing more is read: longer than the attempts at one page may take."""

BEGIN_UNTIL_S = STOP_AT_S + SECOND_LOOK_AFTER_S + 15.0
"""Seconds below which no range is begun: its suspects could not be looked at again."""

RangeWork = Callable[
    [Iterable[TokenRange]], Iterator[RangeProgress[VerifySums] | RangeProgress[BackfillSums]]
]
"""Takes ranges one after the other, and tells of its way through them."""


@dataclass(slots=True)
class TimeSlice:
    """The results of the ranges: in = done + failed + left."""

    done: list[tuple[TokenRange, VerifySums | BackfillSums]] = field(default_factory=list)
    failed: list[tuple[TokenRange, HintferryError]] = field(default_factory=list)
    left: list[TokenRange] = field(default_factory=list)
    is_out_of_time: bool = False
    fault: SideFault | ClockFault | None = None
    """The fault of a side or a clock that left a range unfinished; the next time slice should wait.
    """


def take_time_slice(
    ranges: Sequence[TokenRange],
    work: RangeWork,
    deadline: Deadline,
    entered: Callable[[TokenRange, VerifySums | BackfillSums], None],
) -> TimeSlice:
    """Sweep the ranges until the time is up; `entered` takes each that is done."""
    turn, begun = TimeSlice(), list[TokenRange]()
    for report in work(_while_there_is_time(ranges, begun, turn, deadline)):
        if isinstance(report, Finished):
            _enter(report, turn)
            if report.error is None:
                entered(report.part, report.sums)
        if deadline.remaining() < STOP_AT_S:
            turn.is_out_of_time = True
            break
    ended = [part for part, _ in turn.done] + [part for part, _ in turn.failed]
    turn.left = gaps(sorted(ranges), ended)
    if turn.is_out_of_time and not ended and len(begun) == 1 and begun[0].width > 1:
        turn.left = [*begun[0].halves(), *(part for part in turn.left if part != begun[0])]
    return turn


def _while_there_is_time(
    ranges: Sequence[TokenRange], begun: list[TokenRange], turn: TimeSlice, deadline: Deadline
) -> Iterator[TokenRange]:
    for part in ranges:
        if deadline.remaining() < BEGIN_UNTIL_S:
            turn.is_out_of_time = True
            return
        begun.append(part)
        yield part


def _enter(report: Finished[VerifySums] | Finished[BackfillSums], turn: TimeSlice) -> None:
    if report.error is None:
        turn.done.append((report.part, report.sums))
    elif isinstance(report.error, SideFault | ClockFault):
        turn.fault = report.error
    elif not isinstance(report.error, NoTimeLeft):
        turn.failed.append((report.part, report.error))
