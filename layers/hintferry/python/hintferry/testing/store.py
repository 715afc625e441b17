"""A database of one replica: partitions of last-write-wins cells, read at the simulated time."""

from __future__ import annotations

from hintferry.core.hint import WHOLE_PARTITION, Slice
from hintferry.core.rows import Row
from hintferry.core.schema import Key, Table, TableId
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState


class MemoryStore:
    """Partitions by table and key; a partition never written is an empty one."""

    def __init__(self, time: SimulatedTime) -> None:
        self.time = time
        self.partitions: dict[tuple[TableId, Key], PartitionState] = {}
        self.seconds_sent: dict[int, int] = {}
        """The TTL that each statement was sent with, by the identity of the statement."""

    def partition(self, table: TableId, partition: Key) -> PartitionState:
        """The state of a partition."""
        return self.partitions.setdefault((table, partition), PartitionState())

    def apply(self, table: TableId, partition: Key, change: PartitionState) -> None:
        """Merge a write."""
        self.partition(table, partition).merge(change)

    def rows(self, table: Table, partition: Key, part: Slice = WHOLE_PARTITION) -> dict[Key, Row]:
        """The live rows of a slice, in clustering order."""
        state, now_s = self.partition(table.id, partition), self.time.seconds
        seen = {key: state.row(key) for key in state.keys(part)}
        return {
            key: row.row(table.regulars, now_s) for key, row in seen.items() if row.is_live(now_s)
        }

    def statics(self, table: Table, partition: Key) -> Row:
        """The static columns of a partition."""
        return (
            self.partition(table.id, partition).static_row().row(table.statics, self.time.seconds)
        )
