"""A cluster of three replicas: writes may reach some of them only, and reads ask two.

Whatever reaches a replica, by whichever way, passes its commit log and so brings a hint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from hintferry.core.errors import UnknownTable
from hintferry.core.hint import Hint
from hintferry.core.schema import Key, Table, TableId
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import RowState
from hintferry.testing.store import MemoryStore
from hintferry.testing.touched import hints_of

REPLICAS = 3
QUORUM = 2

Captured = Callable[[Hint, int, int], None]
"""Called with a hint from a commit log, the newest timestamp of the write, and the replica."""


@dataclass(frozen=True, slots=True)
class HandOff:
    """A write kept for a replica that missed it."""

    replica: int
    table: Table
    partition: Key
    change: PartitionState


class ReplicatedCluster:
    """`down`: the replicas that answer nothing; `waiting`: what they and others have missed."""

    def __init__(self, tables: Iterable[Table], time: SimulatedTime, captured: Captured) -> None:
        self.time = time
        self.replicas = tuple(MemoryStore(time) for _ in range(REPLICAS))
        self.down: set[int] = set()
        self.waiting: list[HandOff] = []
        self._tables = {table.id: table for table in tables}
        self._captured = captured

    @property
    def up(self) -> list[int]:
        """The replicas that answer."""
        return [replica for replica in range(REPLICAS) if replica not in self.down]

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table; its nodes never differ. Raises UnknownTable."""
        try:
            return self._tables[table]
        except KeyError:
            raise UnknownTable(f"the source has no table {table}") from None

    def write(
        self, table: Table, partition: Key, change: PartitionState, reached: Collection[int]
    ) -> None:
        """A write that reaches those replicas now that are up; it is kept for the others."""
        for replica in range(REPLICAS):
            if replica in reached and replica not in self.down:
                self._deliver(replica, table, partition, change)
            else:
                self.waiting.append(HandOff(replica, table, partition, change))

    def hand_off(self, index: int) -> None:
        """Deliver one of the writes that are kept, if its replica is up."""
        if self.waiting[index].replica not in self.down:
            late = self.waiting.pop(index)
            self._deliver(late.replica, late.table, late.partition, late.change)

    def repair(self) -> None:
        """Make all replicas that are up hold the same; what they lacked passes their logs."""
        for place in sorted({place for replica in self.replicas for place in replica.partitions}):
            table = self._tables[place[0]]
            keys = {key for at in self.up for key in self.replicas[at].partition(*place).rows}
            if table.statics:
                self.merged_statics(table, place[1], self.up)
            for clustering in sorted(keys):
                self.merged_row(table, place[1], clustering, self.up)

    def merged_row(
        self, table: Table, partition: Key, clustering: Key, asked: Sequence[int]
    ) -> RowState:
        """A row as these replicas together hold it, once each of them has been repaired."""
        states = [self._partition(replica, table, partition) for replica in asked]
        seen = [state.row(clustering) for state in states]
        merged = merge(seen)
        for replica, one in zip(asked, seen, strict=True):
            if one != merged:
                self._deliver(replica, table, partition, PartitionState(rows={clustering: merged}))
        return merged

    def merged_statics(self, table: Table, partition: Key, asked: Sequence[int]) -> RowState:
        """The static row likewise."""
        seen = [self._partition(replica, table, partition).static_row() for replica in asked]
        merged = merge(seen)
        for replica, one in zip(asked, seen, strict=True):
            if one != merged:
                self._deliver(replica, table, partition, PartitionState(statics=merged))
        return merged

    def keys(self, table: Table, partition: Key, asked: Sequence[int]) -> list[Key]:
        """The clustering keys that these replicas know, of dead rows too, in order."""
        known = (self._partition(replica, table, partition).rows for replica in asked)
        return sorted({key for rows in known for key in rows})

    def _partition(self, replica: int, table: Table, partition: Key) -> PartitionState:
        return self.replicas[replica].partition(table.id, partition)

    def _deliver(self, replica: int, table: Table, partition: Key, change: PartitionState) -> None:
        self.replicas[replica].apply(table.id, partition, change)
        for hint in hints_of(table, partition, change):
            self._captured(hint, change.newest, replica)


def merge(states: Iterable[RowState]) -> RowState:
    """What replicas together hold of a row."""
    merged = RowState()
    for state in states:
        merged.merge(state)
    return merged.under(merged.deleted_at)
