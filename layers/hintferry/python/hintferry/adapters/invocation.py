"""What an invocation tells of itself."""

from __future__ import annotations

from typing import Protocol


class _Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


class InvocationDeadline:
    """The time until Lambda ends the invocation."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    def remaining(self) -> float:
        """Seconds."""
        return self._context.get_remaining_time_in_millis() / 1000
