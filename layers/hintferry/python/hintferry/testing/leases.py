"""Leases in memory, shared by the workers of one simulated world."""

from __future__ import annotations

from itertools import count

from hintferry.core.errors import LeaseLost
from hintferry.core.limits import COUNT_WITHIN_S, LEASE_S
from hintferry.core.schema import Key, TableId
from hintferry.ports import Clock, Lease
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.points import Hook, Point, nowhere


class LeaseTable:
    """The holder of each partition, and until which second of the true time it holds it."""

    def __init__(self, time: SimulatedTime) -> None:
        self.time = time
        self.holders: dict[bytes, tuple[str, int]] = {}
        self._owners = count(1)

    def take(self, name: bytes) -> str | None:
        """The new owner's name, or None while another one holds it."""
        held = self.holders.get(name)
        if held is not None and self.time.seconds < held[1]:
            return None
        owner = str(next(self._owners))
        self.holders[name] = (owner, self.time.seconds + LEASE_S)
        return owner

    def release(self, name: bytes, owner: str) -> None:
        """Free it, if that owner still holds it."""
        if self.holders.get(name, ("", 0))[0] == owner:
            del self.holders[name]


class MemoryLeases:
    """One worker's view of the lease table, timed by its own clock."""

    def __init__(self, table: LeaseTable, clock: Clock, hook: Hook = nowhere) -> None:
        self._table, self._clock, self._hook = table, clock, hook

    def take(self, table: TableId, partition: Key) -> Lease:
        """The partition's lease. Raises LeaseLost."""
        name = repr((table, partition)).encode()
        asked_at = self._clock.now()
        owner = self._table.take(name)
        if owner is None:
            raise LeaseLost(f"another worker counts this partition of {table} now")
        return Lease(name, owner, asked_at + COUNT_WITHIN_S)

    def give_back(self, lease: Lease) -> None:
        """Let others have it."""
        self._hook(Point.BEFORE_GIVE_BACK)
        self._table.release(lease.name, lease.owner)
