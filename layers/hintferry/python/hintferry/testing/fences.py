"""Fences in a dictionary, and a worker's view of them, which may be old."""

from __future__ import annotations

from hintferry.core.limits import FENCE_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock, Fence
from hintferry.testing.points import Hook, Point

FENCE = Fence(0.0, None)
"""One that was waited out long ago."""


class MemoryFences:
    """Tables in `fenced` were cut over."""

    def __init__(self) -> None:
        self.fenced: dict[TableId, Fence] = {}

    def is_fenced(self, table: TableId) -> bool:
        """Return whether the table was cut over."""
        return table in self.fenced

    def set(self, table: TableId, fence: Fence) -> Fence:
        """The table is cut over, if it was not; the fence that stands."""
        return self.fenced.setdefault(table, fence)

    def standing(self, table: TableId) -> Fence | None:
        """Return its fence."""
        return self.fenced.get(table)

    def lift(self, table: TableId) -> None:
        """It is no longer."""
        self.fenced.pop(table, None)


class HeldFences:
    """One worker's reading of the fences: it holds from when it began."""

    def __init__(self, fences: MemoryFences, clock: Clock) -> None:
        self._fences, self._clock = fences, clock
        self._fenced: frozenset[TableId] = frozenset()
        self._read_at = float("-inf")

    def is_fenced(self, table: TableId, hook: Hook) -> bool:
        """Return whether the table was cut over, as of the last reading that still holds."""
        if not 0 <= self._clock.now() - self._read_at < FENCE_HOLDS_S:
            began = self._clock.now()
            self._fenced = frozenset(self._fences.fenced)
            hook(Point.FENCES_READ)
            self._read_at = began
        return table in self._fenced
