"""The write times of rows of the fake cluster and of the fake target."""

from __future__ import annotations

from hintferry.core.errors import Side
from hintferry.core.schema import Key, Table
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.target import MemoryTarget


class MemoryWriteTimes:
    """Asks a worker's source and target."""

    def __init__(self, source: ReplicatedSource, target: MemoryTarget) -> None:
        self._sides: dict[Side, ReplicatedSource | MemoryTarget] = {
            Side.SOURCE: source,
            Side.TARGET: target,
        }

    def newest_us(self, side: Side, table: Table, partition: Key, clustering: Key) -> int | None:
        """Return when the newest cell of the row was written that tells it, or None."""
        return self._sides[side].written_us(table, partition, clustering)
