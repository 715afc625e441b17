"""Hold one pass over a table for one run at a time, also against runs on other machines.

A row of `hintferry.leases` on the target is the lock. It expires by itself, so a run that died
holds nobody for longer.
"""

from __future__ import annotations

from hashlib import sha256

from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.cql import GIVE_BACK_LEASE
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId

HOLDS_S = 60
"""Seconds for which the row stays after it was last renewed."""

_TAKE = (
    f"INSERT INTO hintferry.leases (name, owner) VALUES (?, ?) IF NOT EXISTS USING TTL {HOLDS_S}"
)
_RENEW = f"UPDATE hintferry.leases USING TTL {HOLDS_S} SET owner = ? WHERE name = ? IF owner = ?"
_APPLIED = b"\x01"


class CqlPassLock:
    """Takes the lock of one pass for `owner`. All methods but `release` raise SideFault."""

    def __init__(self, session: CqlSession, table: TableId, verb: Verb, owner: str) -> None:
        self._session = session
        self._name = sha256(f"{verb.value} {table}".encode()).digest()
        self._owner = owner.encode()

    def take(self) -> str | None:
        """Return None once it is held; else who holds it. A holder may take it again."""
        first = self._execute(_TAKE, [self._name, self._owner])
        if first[0] == _APPLIED or (first[-1] == self._owner and self.renew()):
            return None
        return first[-1].decode()

    def renew(self) -> bool:
        """Hold it for longer; return False where another run has taken it meanwhile."""
        if self._execute(_RENEW, [self._owner, self._name, self._owner])[0] == _APPLIED:
            return True
        # It may have expired, with nobody there to take it.
        return self._execute(_TAKE, [self._name, self._owner])[0] == _APPLIED

    def release(self) -> None:
        """Let others have it at once; without an answer it expires."""
        try:
            execute_raw(self._session, GIVE_BACK_LEASE, [self._name, self._owner])
        except Exception as error:  # noqa: BLE001 - it expires by itself: nothing is lost but time
            self._session.doubt(error)

    def _execute(self, text: str, values: list[bytes]) -> tuple[bytes, ...]:
        try:
            rows: list[tuple[bytes, ...]] = execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        return rows[0]
