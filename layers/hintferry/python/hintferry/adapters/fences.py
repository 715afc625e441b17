"""The fences in a control table of the target, read as often as the promise of cut-over needs."""

from __future__ import annotations

import threading

from hintferry.adapters import cql
from hintferry.adapters.catalog import execute_raw
from hintferry.adapters.faults import translate
from hintferry.adapters.session import CqlSession
from hintferry.core.limits import FENCE_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock


class KeyspacesFences:
    """One reading serves all tables, and every read that begins soon after it began."""

    def __init__(self, session: CqlSession, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._fenced: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def is_fenced(self, table: TableId) -> bool:
        """Whether the table was cut over. Raises SideFault where the target did not tell."""
        with self._lock:
            # A clock that was set back would make an old reading look young.
            if not 0 <= self._clock.now() - self._read_at < FENCE_HOLDS_S:
                self._read()
            return str(table) in self._fenced

    def set(self, table: TableId) -> None:
        """Set the table's fence. Raises SideFault."""
        self._write(cql.SET_FENCE, table)

    def lift(self, table: TableId) -> None:
        """Take the table's fence away. Raises SideFault."""
        self._write(cql.LIFT_FENCE, table)

    def _write(self, text: str, table: TableId) -> None:
        self._execute(text, [str(table).encode()])
        with self._lock:
            self._read_at = float("-inf")

    def _read(self) -> None:
        began = self._clock.now()
        rows = self._execute(cql.FENCES, [])
        self._fenced = frozenset(row[0].decode() for row in rows)
        self._read_at = began

    def _execute(self, text: str, values: list[bytes]) -> list[tuple[bytes, ...]]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
