"""A replay queue that keeps its items in a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hintferry.core.errors import HintferryError
from hintferry.core.work import Later
from hintferry.testing.points import Hook, Point, nowhere


class PostponingRefused(HintferryError):
    """The replay queue was told to take nothing."""


class MemoryReplayQueue:
    """Hands each item to `keep`; takes nothing while `is_closed`."""

    def __init__(self, keep: Callable[[Later], None], hook: Hook = nowhere) -> None:
        self.is_closed = False
        self._keep, self._hook = keep, hook

    def send(self, items: Sequence[Later]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""
        return [self._send(item) for item in items]

    def _send(self, item: Later) -> HintferryError | None:
        self._hook(Point.BEFORE_POSTPONE)
        if self.is_closed:
            return PostponingRefused("the replay queue takes nothing now")
        self._keep(item)
        return None
