"""Judge a run by what happened. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from tests.chaos.books import Books
from tests.chaos.kinds import KILLS, Fault, Kind
from tests.chaos.swept import Swept

PROCESSOR = "processor"


class Verdict(Enum):
    """Only `EQUAL` is a success."""

    EQUAL = "equal"
    DIVERGENT = "divergent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Demands:
    """Minimum of what a run must contain."""

    kinds: frozenset[Kind]
    faults: frozenset[Fault]
    statements: int
    kills: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of what a run contained."""

    kinds: Counter[Kind]
    """operations that succeeded: single statements and batches"""
    statements: int
    """of these, those in batches one by one"""
    faults: Counter[Fault]
    captured: int
    """records that capture appended to the topics"""
    sent_again: int
    """records that the run itself appended once more"""
    divergent: int
    left_behind: int
    """rows that a column's return explains (`moved.py`), before they were repaired"""
    swept: Swept
    books: tuple[Books, ...]
    poison: int
    """records that the run made to be parked"""
    poison_parked: int
    parked_else: int
    """other records that lie in the parked queue"""
    dropped: int
    """records that an event source gave up"""
    lost: int
    """writes of the application to tables that were cut over, which are not there any more"""
    late_writes: int
    """writes of Hintferry to such tables, after the wait"""
    obstacles: tuple[str, ...]
    """why it is not known whether everything was settled"""

    @property
    def hints(self) -> int:
        """Records that the topics hold."""
        return self.captured + self.sent_again

    @property
    def kills(self) -> int:
        return sum(self.faults[kill] for kill in KILLS)


def judge(counts: Counts, demands: Demands) -> tuple[Verdict, list[str]]:
    """The verdict, and why it is not `equal`."""
    doubts, faults = list(_doubts(counts, demands)), list(_faults(counts))
    if faults:
        return Verdict.DIVERGENT, [*faults, *doubts]
    return (Verdict.UNKNOWN, doubts) if doubts else (Verdict.EQUAL, [])


def _faults(counts: Counts) -> Iterator[str]:
    if counts.divergent:
        yield f"{counts.divergent} rows differ"
    if counts.lost:
        yield f"{counts.lost} writes of the application are lost"
    if counts.late_writes:
        yield f"{counts.late_writes} writes of Hintferry came after the cutover"


def unmet(
    kinds: Counter[Kind], statements: int, faults: Counter[Fault], demands: Demands
) -> Iterator[str]:
    """Return what has not happened yet of what must."""
    yield from _missing("statement", demands.kinds, kinds)
    yield from _missing("fault", demands.faults, faults)
    if statements < demands.statements:
        yield f"{statements} statements succeeded, {demands.statements} are wanted"
    kills = sum(faults[kill] for kill in KILLS)
    if kills < demands.kills:
        yield f"{kills} kills, {demands.kills} are wanted"


def _doubts(counts: Counts, demands: Demands) -> Iterator[str]:
    yield from counts.obstacles
    yield from counts.swept.doubts(counts.divergent, counts.left_behind)
    yield from unmet(counts.kinds, counts.statements, counts.faults, demands)
    if counts.parked_else:
        yield f"{counts.parked_else} good records lie in the parked queue"
    if counts.poison_parked < counts.poison:
        yield f"{counts.poison_parked} of {counts.poison} poison records are in the parked queue"
    if counts.dropped:
        yield f"{counts.dropped} records were given up by an event source"
    settled = sum(books.settled for books in counts.books if books.function == PROCESSOR)
    if settled < counts.hints:
        yield f"{settled} records were settled, the topics hold {counts.hints}"
    for books in counts.books:
        yield from books.unbalanced


def _missing(
    what: str, wanted: Iterable[Kind | Fault], counts: Counter[Kind] | Counter[Fault]
) -> Iterator[str]:
    for one in sorted(wanted, key=lambda one: one.value):
        if not counts[one]:  # type: ignore[index]
            yield f"{what} never happened: {one.value}"
