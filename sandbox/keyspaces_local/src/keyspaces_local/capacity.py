"""The bounds of a table, a partition and a connection in a second. The clock is passed in.

Explicit capacities come from a test. With quotas enforced each table has the capacity of its
`capacity_mode`, and partitions and connections have the service's limits. Units are those of
`meters`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from keyspaces_local.meters import ReadMeter
from keyspaces_local.properties import TableSettings

PARTITION_WRITES, PARTITION_READS = 1000, 3000
CONNECTION_REQUESTS = 3000
ON_DEMAND_WRITES, ON_DEMAND_READS = 4000, 12000
BURST_SECONDS = 300
"""Seconds of provisioned capacity that are kept while unused."""

_PARTITIONS = 20_000


@dataclass(frozen=True, slots=True)
class TableCapacity:
    """Units a second; None is unlimited. Unused units of `burst_seconds` are kept."""

    write: float | None = None
    read: float | None = None
    burst_seconds: float = 0.0


class Bucket:
    """Holds what is unused; begins with one second's worth. Times are monotonic seconds."""

    __slots__ = ("_at", "level", "rate", "room")

    def __init__(self, rate: float, burst_seconds: float, now: float) -> None:
        self.rate = rate
        self.room = rate * max(1.0, burst_seconds)
        self.level = rate
        self._at = now

    def has(self, units: float, now: float) -> bool:
        """Return whether so much may be done now; more than the bucket holds needs a full one."""
        self.level = min(self.room, self.level + (now - self._at) * self.rate)
        self._at = now
        return self.level >= min(units, self.room)

    def take(self, units: float) -> None:
        self.level -= units


class ChargedRead:
    """Stands for a `ReadMeter` and takes from buckets what a read needed beyond its admission."""

    __slots__ = ("_admitted", "_buckets", "_meter", "_price")

    def __init__(
        self, meter: ReadMeter, buckets: Sequence[Bucket], price: float, admitted: float
    ) -> None:
        self._meter, self._buckets = meter, buckets
        self._price, self._admitted = price, admitted

    def add(self, size: int) -> None:
        before = self._meter.units
        self._meter.add(size)
        used = (self._meter.units - before) * self._price
        for bucket in self._buckets:
            bucket.take(used - self._admitted)


class Capacities:
    """All buckets of one endpoint."""

    def __init__(self) -> None:
        self.explicit: dict[str, TableCapacity] = {}
        self.quotas = False
        self._tables: dict[tuple[str, bool], tuple[TableCapacity, Bucket]] = {}
        self._partitions: OrderedDict[tuple[str, bytes, bool], Bucket] = OrderedDict()

    def set(self, table: str, capacity: TableCapacity) -> None:
        """Gives a table (`keyspace.table`) an explicit capacity, of which nothing is used yet."""
        self.explicit[table] = capacity
        for write in (True, False):
            self._tables.pop((table, write), None)

    def clear(self) -> None:
        """Forgets the explicit capacities and what has been used."""
        self.explicit.clear()
        self._tables.clear()
        self._partitions.clear()

    @property
    def active(self) -> bool:
        return self.quotas or bool(self.explicit)

    def admit(
        self, table: TableSettings, partition: bytes | None, units: float, write: bool, now: float
    ) -> list[Bucket] | None:
        """Takes `units` from every bucket concerned and gives these; None where one lacks them."""
        buckets = self._concerned(table, partition, write, now)
        if not all(bucket.has(units, now) for bucket in buckets):
            return None
        for bucket in buckets:
            bucket.take(units)
        return buckets

    def _concerned(
        self, table: TableSettings, partition: bytes | None, write: bool, now: float
    ) -> list[Bucket]:
        name = table.full_name
        found = []
        if (bucket := self._table_bucket(table, write, now)) is not None:
            found.append(bucket)
        if self.quotas and partition is not None:
            found.append(self._partition_bucket(name, partition, write, now))
        return found

    def _table_bucket(self, table: TableSettings, write: bool, now: float) -> Bucket | None:
        name = table.full_name
        wanted = self.explicit.get(name) or (own_capacity(table) if self.quotas else None)
        rate = None if wanted is None else wanted.write if write else wanted.read
        if wanted is None or rate is None:
            return None
        known = self._tables.get((name, write))
        if known is not None and known[0] == wanted:
            return known[1]
        bucket = Bucket(rate, wanted.burst_seconds, now)
        self._tables[name, write] = wanted, bucket
        return bucket

    def _partition_bucket(self, table: str, partition: bytes, write: bool, now: float) -> Bucket:
        key = (table, partition, write)
        bucket = self._partitions.get(key)
        if bucket is None:
            rate = PARTITION_WRITES if write else PARTITION_READS
            bucket = self._partitions[key] = Bucket(rate, 1, now)
            if len(self._partitions) > _PARTITIONS:
                self._partitions.popitem(last=False)
        self._partitions.move_to_end(key)
        return bucket


def own_capacity(table: TableSettings) -> TableCapacity:
    """Return the capacity that the table's properties give it."""
    mode = table.properties.get("capacity_mode", {})
    if mode.get("throughput_mode") == "PROVISIONED":
        write, read = int(mode["write_capacity_units"]), int(mode["read_capacity_units"])
        return TableCapacity(write, read, BURST_SECONDS)
    warm = table.properties.get("warm_throughput", {})
    return TableCapacity(
        max(ON_DEMAND_WRITES, int(warm.get("write_units_per_second", 0))),
        max(ON_DEMAND_READS, int(warm.get("read_units_per_second", 0))),
    )
