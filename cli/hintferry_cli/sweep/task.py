"""Define what a worker process gets to do, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from hintferry.adapters.config.places import Queues
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.sweep.progress import Progress
from hintferry.sweep.task import Task


@dataclass(frozen=True, slots=True)
class Order:
    """Order a task: with the path of `migration.toml`, and the queues if it needs any."""

    task: Task
    config: Path
    queues: Queues | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ask for the next range; the answer is a range, or None at the end."""


@dataclass(frozen=True, slots=True)
class RangeEnded:
    """A worker's message: a range is done, with its sums by name, or it failed.

    `examples`: verdicts and keys, as text, of some that are not equal.
    """

    part: TokenRange
    sums: dict[str, int]
    error: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    is_away: bool = False
    """The error is that a side does not answer at all."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker's message: the table cannot be swept at all."""

    why: str


WorkerMessage = Wanted | Progress | RangeEnded | Refused


def as_numbers(sums: VerifySums | BackfillSums) -> dict[str, int]:
    """Return the sums by name."""
    return asdict(sums)
