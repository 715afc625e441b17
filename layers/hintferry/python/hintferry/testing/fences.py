"""Fences in a dictionary, and a worker's view of them, which may be old."""

from __future__ import annotations

from dataclasses import replace

from hintferry.core.limits import ANNOUNCED_HOLDS_S, FENCE_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock, Fence
from hintferry.testing.points import Hook, Point

FENCE = Fence(0.0, None)
"""One that was waited out long ago."""


class MemoryFences:
    """Tables in `fenced` were cut over."""

    def __init__(self) -> None:
        self.fenced: dict[TableId, Fence] = {}
        self.announcements: dict[TableId, float] = {}

    def is_fenced(self, table: TableId, read_start: int = 0) -> bool:
        """Return whether the table was cut over."""
        return table in self.fenced

    def announce(self, table: TableId, until: float) -> None:
        """Announce a cutover of the table."""
        self.announcements[table] = until

    def announced(self, table: TableId) -> float | None:
        """Return until when one is announced."""
        return self.announcements.get(table)

    def withdraw(self, table: TableId) -> None:
        """Take the announcement away."""
        self.announcements.pop(table, None)

    def set(self, table: TableId, fence: Fence) -> Fence:
        """The table is cut over, if it was not; the fence that stands."""
        return self.fenced.setdefault(table, fence)

    def standing(self, table: TableId) -> Fence | None:
        """Return its fence."""
        return self.fenced.get(table)

    def settle(self, table: TableId, newest_at: float, ends_at: float | None) -> None:
        """Record the latest write time, and when the wait ends, if the fence still stands."""
        if table in self.fenced:
            settled = replace(self.fenced[table], newest_at=newest_at, ends_at=ends_at)
            self.fenced[table] = settled

    def lift(self, table: TableId) -> None:
        """It is no longer."""
        self.fenced.pop(table, None)


class HeldFences:
    """One worker's reading of the fences: it holds from when it began."""

    def __init__(self, fences: MemoryFences, clock: Clock) -> None:
        self._fences, self._clock = fences, clock
        self._fenced: frozenset[TableId] = frozenset()
        self._read_at = float("-inf")
        self._began_us = 0
        self._holds_s = FENCE_HOLDS_S

    def is_fenced(self, table: TableId, hook: Hook, read_start: int = 0) -> bool:
        """Return whether the table was cut over, by the last reading if it holds, and held then."""
        is_young = 0 <= self._clock.now() - self._read_at < self._holds_s
        if not is_young or read_start - self._began_us >= self._holds_s * 1e6:
            began, began_us = self._clock.now(), self._clock.read_start()
            ends = list(self._fences.announcements.values())
            self._fenced = frozenset(self._fences.fenced)
            self._holds_s = ANNOUNCED_HOLDS_S if max(ends, default=0.0) > began else FENCE_HOLDS_S
            hook(Point.FENCES_READ)
            self._read_at, self._began_us = began, began_us
        return table in self._fenced
