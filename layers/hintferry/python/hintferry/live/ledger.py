"""The batch's books: every record that came in ends in exactly one outcome, and they add up."""

from __future__ import annotations

from collections.abc import Iterable

from hintferry.core.errors import Fenced, HintferryError, Paused, Unprocessable
from hintferry.core.outcome import APPLIED, Outcome, ReturnReason, Settled, SkipReason


class ConservationError(HintferryError):
    """Records came in that no outcome accounts for: a defect of Hintferry itself."""


_WEIGHT = {Outcome.APPLIED: 0, Outcome.PARKED: 1, Outcome.SKIPPED: 2, Outcome.RETURNED: 3}


class Ledger:
    """Keeps, for each record of a batch, the work it still waits for and how it ended.

    A record whose work is in several pieces ends as the piece that decides most: returned over
    skipped (by the fence) over parked over applied.
    """

    def __init__(self, records: int) -> None:
        self._open = [0] * records
        self._ends: list[Settled | None] = [None] * records

    def open(self, records: Iterable[int]) -> None:
        """One more piece of work that these records wait for."""
        for index in records:
            self._open[index] += 1

    def applied(self, records: Iterable[int]) -> None:
        """One piece of work of these records is acknowledged by the target."""
        for index in records:
            self._open[index] -= 1
            if self._ends[index] is None:
                self._ends[index] = APPLIED

    def failed(self, records: Iterable[int], error: HintferryError) -> None:
        """One piece of work of these records cannot be done: for good, or not now."""
        end = end_of(error)
        for index in records:
            self._open[index] -= 1
            now = self._ends[index]
            if now is None or _WEIGHT[end.outcome] > _WEIGHT[now.outcome]:
                self._ends[index] = end

    def skipped(self, index: int, reason: SkipReason) -> None:
        """This record needs no work."""
        self._ends[index] = Settled(Outcome.SKIPPED, reason)

    def settled(self, index: int, end: Settled) -> None:
        """This record ends so; it needs no work."""
        self._ends[index] = end

    def refused(self, index: int, error: HintferryError) -> None:
        """This record did not become work: it never can, or a fault is in the way."""
        self._ends[index] = end_of(error)

    def close(self) -> list[Settled]:
        """Return how each record ended. Raises ConservationError where the books do not add up."""
        if any(self._open) or None in self._ends:
            lost = [i for i, end in enumerate(self._ends) if end is None or self._open[i]]
            raise ConservationError(f"records {lost[:10]} of the batch have no outcome")
        return [end for end in self._ends if end is not None]


def end_of(error: HintferryError) -> Settled:
    """Return how a record ends at which this went wrong."""
    if isinstance(error, Unprocessable):
        return Settled(Outcome.PARKED, error.reason, error)
    if isinstance(error, Fenced):
        return Settled(Outcome.SKIPPED, SkipReason.FENCED, error)
    if isinstance(error, Paused):
        return Settled(Outcome.RETURNED, ReturnReason.PAUSED, error)
    return Settled(Outcome.RETURNED, None, error)
