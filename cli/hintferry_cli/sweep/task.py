"""What a worker process is told to do, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hintferry.adapters.settings import Queues
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Filled, Tally


@dataclass(frozen=True, slots=True)
class Task:
    """One table's sweep. `repair_rate`: hints a second, None where none are sent."""

    verb: Verb
    config: Path
    table: TableId
    at_all: bool = False
    repair_rate: float | None = None
    queues: Queues | None = None
    workers: int = 1
    """That share the capacity of the target's table."""

    @property
    def settings(self) -> dict[str, Any]:
        """What tells a pass from one that it cannot go on with."""
        return {"consistency": "all" if self.at_all else "local_quorum", "rate": self.repair_rate}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A worker asks for its next range; it is answered by one, or by None at the end."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many keys more."""

    keys: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A range is done, with these sums by name, or failed.

    `examples`: verdicts and keys, as text, of some that are not equal.
    """

    part: TokenRange
    sums: dict[str, int]
    error: str | None
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The table cannot be swept at all."""

    why: str


Answer = Wanted | Advanced | Ended | Refused


def as_numbers(sums: Tally | Filled) -> dict[str, int]:
    """The sums by name."""
    return asdict(sums)
