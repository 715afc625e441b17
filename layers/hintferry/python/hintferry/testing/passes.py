"""The record of passes in a list."""

from __future__ import annotations

from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId


class MemoryPasses:
    """Remembers all of them; one that is entered again takes the place of the first."""

    def __init__(self) -> None:
        self._passes: dict[tuple[TableId, float, str], Pass] = {}

    def enter(self, one: Pass) -> None:
        """Keep a finished pass."""
        self._passes[one.table, one.began, one.verb.value] = one

    def of(self, table: TableId, since: float) -> list[Pass]:
        """Every backfill, and the verify passes that began since then; the latest first."""
        found = [
            one
            for one in self._passes.values()
            if one.table == table and (one.verb is Verb.BACKFILL or one.began >= since)
        ]
        return sorted(found, key=lambda one: one.began, reverse=True)
