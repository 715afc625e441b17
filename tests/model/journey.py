"""A write on its way to the target: what it follows from, and what of it has arrived."""

from __future__ import annotations

from dataclasses import dataclass, field

from hintferry.core.rows import Statement
from hintferry.ports import Write

LATEST_ARRIVAL_US = 14_000_000
"""A statement arrives within this after it was planned: a request's timeout and a margin."""


@dataclass(slots=True)
class Journey:
    """`starts`: for each statement the true time at which the read began that it follows from."""

    write: Write
    starts: list[int]
    planned_us: int
    arrived: set[int] = field(default_factory=set)

    @property
    def latest_us(self) -> int:
        """Return when it must have arrived."""
        return self.planned_us + LATEST_ARRIVAL_US

    def index_of(self, statement: Statement) -> int:
        """Return which of the statements it is."""
        return next(i for i, one in enumerate(self.write.statements) if one is statement)
