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
