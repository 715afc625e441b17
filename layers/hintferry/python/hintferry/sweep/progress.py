"""Describe what a sweep or a backfill tells of its way through the ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from hintferry.core.errors import HintferryError
from hintferry.core.hint import Hint
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Sums, Verdict

S = TypeVar("S", bound=Sums)


@dataclass(frozen=True, slots=True)
class Progress:
    """Some of a range is done: so many keys more were judged or written."""

    keys: int
    tokens: int = 0
    """How many tokens more were walked."""

    trouble: str = ""
    """What failed just now, and is about to be tried again."""

    waits_s: float = 0.0
    """For how long nothing more is done: until what may be late has arrived."""


def progress_of(step: int | HintferryError, keys: int, counts: bool = True) -> Progress:
    """Return what a step of a walk tells; its tokens only where the walk `counts` them."""
    if isinstance(step, HintferryError):
        return Progress(keys, trouble=str(step))
    return Progress(keys, step if counts else 0)


@dataclass(frozen=True, slots=True)
class Finished(Generic[S]):
    """A range that is done, or that failed with `error`."""

    part: TokenRange
    sums: S
    error: HintferryError | None = None
    examples: tuple[tuple[Verdict, Hint], ...] = ()
    """Some of the keys that are not equal."""


RangeProgress = Progress | Finished[S]
