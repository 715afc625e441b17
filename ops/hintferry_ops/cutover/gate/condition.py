"""Define one condition of the gate, its state, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum


class ConditionState(Enum):
    """State of a condition."""

    HOLDS = "holds"
    WAITS = "waits"
    """Not yet: it comes about by itself."""

    FAILS = "fails"
    ASKS = "asks"
    """Only a person knows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, how it stands and why; `fix`: what to type or to do about it."""

    name: str
    state: ConditionState
    reason: str
    fix: str = ""


def is_open(conditions: Sequence[Condition]) -> bool:
    """Return whether the table can be cut over."""
    return all(one.state is ConditionState.HOLDS for one in conditions)


def comes_by_itself(conditions: Sequence[Condition]) -> bool:
    """Return whether waiting is all that is needed."""
    return all(one.state in (ConditionState.HOLDS, ConditionState.WAITS) for one in conditions)


def clock(at: float) -> str:
    """Return a time for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(names: Sequence[str]) -> str:
    some = ", ".join(names[:3])
    return some if len(names) <= 3 else f"{some} and {len(names) - 3} more"
