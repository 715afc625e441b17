"""What a worker process is told to do, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from hintferry.adapters.config.places import Queues
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.sweep.task import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A task, the `migration.toml` that says where, and the queues if it needs any."""

    task: Task
    config: Path
    queues: Queues | None = None


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


def as_numbers(sums: VerifySums | BackfillSums) -> dict[str, int]:
    """The sums by name."""
    return asdict(sums)
