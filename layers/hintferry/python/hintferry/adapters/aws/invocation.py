"""Describe what an invocation tells of itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from hintferry.core.outcome import Outcome, Settled


class _Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


class InvocationDeadline:
    """The time until Lambda ends the invocation."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    def remaining(self) -> float:
        """Return the seconds left."""
        return self._context.get_remaining_time_in_millis() / 1000


class ReturnPace:
    """Lets no invocation that returns records end sooner than `shortest_s` after it began.

    AWS does not document how long the event source waits before it delivers them again. It counts
    the retries: without this an outage of hours could use them up.
    """

    def __init__(self, shortest_s: float) -> None:
        self._shortest_s = shortest_s
        self._began = 0.0

    def begin(self) -> None:
        """An invocation begins."""
        self._began = time.monotonic()

    def end(self, ends: Sequence[Settled]) -> None:
        """It could end now."""
        if any(one.outcome is Outcome.RETURNED for one in ends):
            time.sleep(max(0.0, self._began + self._shortest_s - time.monotonic()))
