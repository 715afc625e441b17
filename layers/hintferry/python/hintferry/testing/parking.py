"""A parking lot that keeps its records in a list."""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.errors import HintferryError
from hintferry.ports import Parked
from hintferry.testing.points import Hook, Point, nowhere


class ParkingRefused(HintferryError):
    """The parking lot was told to take nothing."""


class MemoryParkingLot:
    """Keeps what is parked in `parked`; takes nothing while `is_closed`."""

    def __init__(self, hook: Hook = nowhere) -> None:
        self.parked: list[Parked] = []
        self.is_closed = False
        self._hook = hook

    def park(self, records: Sequence[Parked]) -> list[HintferryError | None]:
        """Keep the records; for each, None once it is kept, or why it could not be."""
        answers: list[HintferryError | None] = []
        for record in records:
            self._hook(Point.BEFORE_PARK)
            if self.is_closed:
                answers.append(ParkingRefused("the parking lot takes nothing now"))
            else:
                self.parked.append(record)
                answers.append(None)
        return answers
