"""Find the partitions that get most calls, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hintferry.core.keyspaces_limits import PARTITION_UNITS
from hintferry.core.schema import Table, TableId
from hintferry_ops.statements.shape import Kind, Shape

KEPT = 500
"""Partitions of a table that are counted at once; one that gets a 500th of the calls stays."""

READ_UNITS = 3 * PARTITION_UNITS
"""Read units a second of one partition."""

Partition = tuple[bytes, ...]


@dataclass(slots=True)
class Heat:
    """One partition's calls: at least `calls`, and the most in one second of reads and writes."""

    calls: int = 0
    second: int = 0
    reads: int = 0
    writes: int = 0
    most_reads: int = 0
    most_writes: int = 0

    def see(self, at_s: int, is_read: bool) -> None:
        """Count one call."""
        self.calls += 1
        if at_s != self.second:
            self.second, self.reads, self.writes = at_s, 0, 0
        if is_read:
            self.reads += 1
            self.most_reads = max(self.most_reads, self.reads)
        else:
            self.writes += 1
            self.most_writes = max(self.most_writes, self.writes)


@dataclass(frozen=True, slots=True)
class Hot:
    """A partition that alone gets much of its table's calls, or more than it may in a second.

    `key` is the partition key in hexadecimal, its columns joined by `:`.
    """

    table: TableId
    key: str
    share: float
    most_reads: int
    most_writes: int

    @property
    def is_over(self) -> bool:
        """Return whether one unit a call is already more than a partition takes."""
        return self.most_reads > READ_UNITS or self.most_writes > PARTITION_UNITS


@dataclass
class HotPartitions:
    """Count calls by partition: of each table the most frequent, by Misra and Gries."""

    seen: dict[TableId, dict[Partition, Heat]] = field(default_factory=dict)
    total: dict[TableId, int] = field(default_factory=dict)

    def see(self, table: Table, shape: Shape, bound: Sequence[bytes], at_ms: int) -> None:
        """Count a call whose partition key is bound; others are passed over."""
        markers = [shape.equal.get(column.name) for column in table.partition_key]
        places = [one.marker if one is not None else -1 for one in markers]
        if min(places) < 0 or max(places) >= len(bound):
            return
        self.total[table.id] = self.total.get(table.id, 0) + 1
        kept = self.seen.setdefault(table.id, {})
        key = tuple(bound[place] for place in places)
        if key not in kept and len(kept) >= KEPT:
            for other in list(kept):
                kept[other].calls -= 1
                if kept[other].calls <= 0:
                    del kept[other]
            return
        kept.setdefault(key, Heat()).see(at_ms // 1_000, shape.kind is Kind.SELECT)

    def hottest(self, share: float = 0.1, least: int = 100) -> Iterator[Hot]:
        """Yield the partitions with this share of the calls of their table, or over a quota.

        Tables with fewer than `least` calls tell nothing.
        """
        for table, kept in sorted(self.seen.items()):
            total = self.total[table]
            for key, heat in sorted(kept.items(), key=lambda item: -item[1].calls):
                part = heat.calls / total
                one = Hot(
                    table,
                    ":".join(value.hex() for value in key),
                    part,
                    heat.most_reads,
                    heat.most_writes,
                )
                if total >= least and (part >= share or one.is_over):
                    yield one
