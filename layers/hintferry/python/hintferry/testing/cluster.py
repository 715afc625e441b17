"""A cluster of three replicas: writes may reach some of them only, and reads ask two.

Whatever reaches a replica, by whichever way, passes its commit log and so brings a hint. A read
sees it a moment later, once it is in memory, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hintferry.core.hint import Hint
from hintferry.core.schema import Key, Table, TableId
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import RowState
from hintferry.testing.schemas import NodeSchemas
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


Shown = Callable[[Table, Key, PartitionState], None]
"""Called with a change of a partition once reads of a replica can see it."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A change that is in a replica's log; reads see it from `due_us` on."""

    due_us: int
    replica: int
    table: Table
    partition: Key
    change: PartitionState


class ReplicatedCluster:
    """`down`: the replicas that answer nothing; `waiting`: what they and others have missed;
    `failing`: those that answer reads with a failure.

    `lag_us` tells how long a write is in the log before reads see it.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        time: SimulatedTime,
        captured: Captured,
        shown: Shown = lambda *_: None,
        lag_us: Callable[[], int] = lambda: 0,
    ) -> None:
        self.time = time
        self.down: set[int] = set()
        self.failing: set[int] = set()
        self.waiting: list[HandOff] = []
        self.schemas = NodeSchemas(tables, REPLICAS)
        self._replicas = tuple(MemoryStore(time) for _ in range(REPLICAS))
        self._logged: list[Logged] = []
        self._captured, self._shown, self._lag_us = captured, shown, lag_us

    @property
    def replicas(self) -> tuple[MemoryStore, ...]:
        """Return the state that reads of each replica see now."""
        due = [one for one in self._logged if one.due_us <= self.time.micros]
        if due:
            self._logged = [one for one in self._logged if one.due_us > self.time.micros]
            for one in due:
                self._replicas[one.replica].apply(one.table.id, one.partition, one.change)
                self._shown(one.table, one.partition, one.change)
        return self._replicas

    @property
    def up(self) -> list[int]:
        """The replicas that answer."""
        return [replica for replica in range(REPLICAS) if replica not in self.down]

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, as the node has it that knows most. Raises UnknownTable."""
        return self.schemas.table(table)

    def write(
        self, table: Table, partition: Key, change: PartitionState, reached: Collection[int]
    ) -> None:
        """A write that reaches those replicas now that are up; it is kept for the others."""
        for replica in range(REPLICAS):
            if replica in reached and self._takes(replica, table, change):
                self._deliver(replica, table, partition, change, self._lag_us())
            else:
                self.waiting.append(HandOff(replica, table, partition, change))

    def empty(self, table: TableId) -> None:
        """Drop all rows of a table, and what is on its way to any replica."""
        self.waiting = [one for one in self.waiting if one.table.id != table]
        for replica in self.replicas:
            for place in [place for place in replica.partitions if place[0] == table]:
                del replica.partitions[place]
        self._logged = [one for one in self._logged if one.table.id != table]

    def hand_off(self, index: int) -> None:
        """Deliver one of the writes that are kept, if its replica takes it."""
        late = self.waiting[index]
        if self._takes(late.replica, late.table, late.change):
            del self.waiting[index]
            self._deliver(late.replica, late.table, late.partition, late.change, self._lag_us())

    def repair(self) -> None:
        """Make all replicas that are up hold the same; what they lacked passes their logs."""
        for place in sorted({place for replica in self.replicas for place in replica.partitions}):
            table = self.table(place[0])
            keys = {key for at in self.up for key in self.replicas[at].partition(*place).rows}
            if table.statics:
                self.merged_statics(table, place[1], self.up)
            for clustering in sorted(keys):
                self.merged_row(table, place[1], clustering, self.up)

    def merged_row(
        self, table: Table, partition: Key, clustering: Key, asked: Sequence[int]
    ) -> RowState:
        """A row as these replicas together hold it, once each of them has been repaired."""
        return self.repaired_row(table, partition, clustering, self._parts(asked, table, partition))

    def repaired_row(
        self, table: Table, partition: Key, clustering: Key, parts: Mapping[int, PartitionState]
    ) -> RowState:
        """A row as these answers of replicas show it together; what one lacks is sent to it."""
        seen = {replica: part.row(clustering) for replica, part in parts.items()}
        merged = merge(seen.values())
        for replica, one in seen.items():
            if one != merged:
                self._deliver(replica, table, partition, PartitionState(rows={clustering: merged}))
        return merged

    def merged_statics(self, table: Table, partition: Key, asked: Sequence[int]) -> RowState:
        """The static row likewise."""
        return self.repaired_statics(table, partition, self._parts(asked, table, partition))

    def repaired_statics(
        self, table: Table, partition: Key, parts: Mapping[int, PartitionState]
    ) -> RowState:
        """The static row of these answers likewise."""
        seen = {replica: part.static_row() for replica, part in parts.items()}
        merged = merge(seen.values())
        for replica, one in seen.items():
            if one != merged:
                self._deliver(replica, table, partition, PartitionState(statics=merged))
        return merged

    def answer(self, replica: int, table: Table, partition: Key) -> PartitionState:
        """Return a replica's answer about a partition."""
        return self._partition(replica, table, partition).copy()

    def keys(self, table: Table, partition: Key, asked: Sequence[int]) -> list[Key]:
        """The clustering keys that these replicas know, of dead rows too, in order."""
        return known_keys(self._parts(asked, table, partition).values())

    def _parts(
        self, asked: Iterable[int], table: Table, partition: Key
    ) -> dict[int, PartitionState]:
        return {replica: self._partition(replica, table, partition) for replica in asked}

    def partitions(self, table: Table) -> set[Key]:
        """The partitions that any replica knows of a table."""
        return {key for one in self.replicas for name, key in one.partitions if name == table.id}

    def knows(self, node: int, table: Table) -> bool:
        """Return whether a node can be asked for every column that the table has by this
        description.
        """
        known = {column.name for column in self.schemas.of(node).tables[table.id].regulars}
        return known.issuperset(table.regular_names)

    def _takes(self, replica: int, table: Table, change: PartitionState) -> bool:
        return replica not in self.down and self.schemas.of(replica).takes(table.id, change)

    def _partition(self, replica: int, table: Table, partition: Key) -> PartitionState:
        part = self.replicas[replica].partition(table.id, partition)
        return self.schemas.of(replica).shown(table.id, part)

    def _deliver(
        self, replica: int, table: Table, partition: Key, change: PartitionState, lag_us: int = 0
    ) -> None:
        logged = Logged(self.time.micros + lag_us, replica, table, partition, change)
        self._logged.append(logged)
        if not lag_us:
            assert self.replicas
        altered_us = self.schemas.of(replica).tables[table.id].altered_us
        for hint in hints_of(table, partition, change):
            known = replace(hint, altered_us=altered_us) if altered_us else hint
            self._captured(known, change.newest, replica)


def known_keys(parts: Iterable[PartitionState]) -> list[Key]:
    """The clustering keys that any of these knows, in order."""
    return sorted({key for part in parts for key in part.rows})


def merge(states: Iterable[RowState]) -> RowState:
    """Merge the states of a row on several replicas."""
    merged = RowState()
    for state in states:
        merged.merge(state)
    return merged.under(merged.deleted_at)
