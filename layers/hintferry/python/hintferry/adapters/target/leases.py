"""Leases in a control table of the target, taken by a conditional INSERT that expires."""

from __future__ import annotations

from hashlib import sha256
from struct import pack
from uuid import uuid4

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import LeaseLost
from hintferry.core.limits import COUNT_WITHIN_S
from hintferry.core.schema import Key, TableId
from hintferry.ports import Clock, Lease


class KeyspacesLeases:
    """Takes leases for this process."""

    def __init__(self, session: CqlSession, clock: Clock) -> None:
        self._session, self._clock = session, clock

    def take(self, table: TableId, partition: Key) -> Lease:
        """The partition's lease. Raises LeaseLost where another worker has it, SideFault."""
        name = _name(table, partition)
        # Of its own for each taking: a lease of ours that ran out must not pass for this one.
        owner = uuid4().hex
        asked_at = self._clock.now()
        try:
            rows = execute_raw(self._session, cql.TAKE_LEASE, [name, owner.encode()])
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        if rows[0][0] != b"\x01":
            raise LeaseLost(f"another worker counts this partition of {table} now")
        return Lease(name, owner, asked_at + COUNT_WITHIN_S)

    def give_back(self, lease: Lease) -> None:
        """Let others have it before it runs out by itself."""
        try:
            execute_raw(self._session, cql.GIVE_BACK_LEASE, [lease.name, lease.owner.encode()])
        except Exception as error:  # noqa: BLE001 - it runs out by itself: nothing is lost but time
            self._session.doubt(error)


def _name(table: TableId, partition: Key) -> bytes:
    digest = sha256(str(table).encode())
    for component in partition:
        digest.update(pack(">i", len(component)) + component)
    return digest.digest()
