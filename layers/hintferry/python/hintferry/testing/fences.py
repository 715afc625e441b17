"""Fences in a set."""

from __future__ import annotations

from hintferry.core.schema import TableId


class MemoryFences:
    """Tables in `fenced` were cut over."""

    def __init__(self) -> None:
        self.fenced: set[TableId] = set()

    def is_fenced(self, table: TableId) -> bool:
        """Whether the table was cut over."""
        return table in self.fenced

    def set(self, table: TableId) -> None:
        """The table is cut over."""
        self.fenced.add(table)

    def lift(self, table: TableId) -> None:
        """It is no longer."""
        self.fenced.discard(table)
