"""What a sweep is told to do, by whoever runs it: the command or the state machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """That share the rate, and the capacity of the target's table."""

    @property
    def settings(self) -> dict[str, Any]:
        """What tells a pass from one that it cannot go on with."""
        return {"consistency": "all" if self.at_all else "local_quorum", "rate": self.repair_rate}
