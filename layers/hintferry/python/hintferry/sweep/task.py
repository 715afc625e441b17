"""Describe the task that the command or the state machine gives to a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hintferry.core.journal import Entry
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId


@dataclass(frozen=True, slots=True)
class Task:
    """One table's sweep. `repair_rate`: hints a second, None where none are sent."""

    verb: Verb
    table: TableId
    at_all: bool = False
    repair_rate: float | None = None
    workers: int = 1
    """How many workers share the rate, and the capacity of the target's table."""

    beside: int = 1
    """How many passes of that many workers share the limits of both sides, this one included."""

    @property
    def sharers(self) -> int:
        """Return how many workers share the limits of both sides."""
        return self.workers * self.beside

    @property
    def writes(self) -> bool:
        """Return whether the target may be changed."""
        return self.verb is Verb.BACKFILL or self.repair_rate is not None

    def entry(self, at: float, who: str) -> Entry:
        """Return the journal's entry that the task begins, or goes on."""
        rate = "" if self.repair_rate is None else f"--repair at {self.repair_rate:g} hints/s"
        return Entry(at, str(self.table), self.verb.value, who, new=rate)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the options that a resumed pass must share with the pass that it resumes."""
        return {"consistency": "all" if self.at_all else "local_quorum", "rate": self.repair_rate}
