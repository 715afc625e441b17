"""Describe how a record ends: every one in exactly one of four outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hintferry.core.errors import HintferryError, ParkReason


class Outcome(Enum):
    """The ways in which a record ends."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    PARKED = "parked"
    RETURNED = "returned"


class SkipReason(Enum):
    """The reasons why a record needed no work."""

    NOTHING = "nothing"
    FENCED = "fenced"
    COVERED = "covered"
    """The key of the hint was read and written after the hint had come to the topic."""
    POSTPONED = "postponed"
    """A side failed at it though it served its neighbours: it waits in the replay queue."""
    VALIDATED = "validated"
    """Both sides of the settled key are equal."""
    DIVERGED = "diverged"
    """They are not, and no change hint of it is on its way."""
    UNSURE = "unsure"
    """They were not equal; a hint may be on its way: it is looked at again."""
    UNVALIDATED = "unvalidated"
    """Nobody can tell: no moment without a hint on its way, or a side refuses to read it."""


class ReturnReason(Enum):
    """The reasons why a record is returned although there was no fault."""

    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Settled:
    """One record's end. `error` says why a record was parked or returned."""

    outcome: Outcome
    reason: ParkReason | SkipReason | ReturnReason | None = None
    error: HintferryError | None = None


APPLIED = Settled(Outcome.APPLIED)
