"""Describe how a record ends: every one in exactly one of four outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hintferry.core.errors import HintferryError, ParkReason


class Outcome(Enum):
    """Say how a record ended."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    PARKED = "parked"
    RETURNED = "returned"


class SkipReason(Enum):
    """Why a record needed no work."""

    NOTHING = "nothing"
    FENCED = "fenced"
    COVERED = "covered"
    """What it speaks of was read and written after it had come to the topic."""
    POSTPONED = "postponed"
    """A side failed at it though it served its neighbours: it waits in the replay queue."""


class ReturnReason(Enum):
    """Why a record was returned, where that is no fault."""

    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Settled:
    """One record's end. `error` says why a record was parked or returned."""

    outcome: Outcome
    reason: ParkReason | SkipReason | ReturnReason | None = None
    error: HintferryError | None = None


APPLIED = Settled(Outcome.APPLIED)
