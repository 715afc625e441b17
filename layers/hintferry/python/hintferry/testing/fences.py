"""Fences in a dictionary."""

from __future__ import annotations

from hintferry.core.facts import Fence
from hintferry.core.schema import TableId

FENCE = Fence(0.0, None)
"""One that was waited out long ago."""


class MemoryFences:
    """Tables in `fenced` were cut over."""

    def __init__(self) -> None:
        self.fenced: dict[TableId, Fence] = {}

    def is_fenced(self, table: TableId) -> bool:
        """Whether the table was cut over."""
        return table in self.fenced

    def set(self, table: TableId, fence: Fence) -> Fence:
        """The table is cut over, if it was not; the fence that stands."""
        return self.fenced.setdefault(table, fence)

    def standing(self, table: TableId) -> Fence | None:
        """Its fence."""
        return self.fenced.get(table)

    def lift(self, table: TableId) -> None:
        """It is no longer."""
        self.fenced.pop(table, None)
