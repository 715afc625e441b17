"""The fences in a control table of the target, read as often as the promise of cutover needs."""

from __future__ import annotations

import threading
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.limits import FENCE_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock, Fence


class KeyspacesFences:
    """One reading serves all tables, and every read that begins soon after it began."""

    def __init__(self, session: CqlSession, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._fenced: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def is_fenced(self, table: TableId) -> bool:
        """Return whether the table was cut over. Raises SideFault where the target did not tell."""
        with self._lock:
            # A clock that was set back would make an old reading look young.
            if not 0 <= self._clock.now() - self._read_at < FENCE_HOLDS_S:
                self._read()
            return str(table) in self._fenced

    def set(self, table: TableId, fence: Fence) -> Fence:
        """Fence the table, unless it is; the fence that stands. Raises SideFault."""
        stopped = None if fence.stopped_at is None else _millis(fence.stopped_at)
        self._write(cql.SET_FENCE, [str(table).encode(), _millis(fence.set_at), stopped])
        return self.standing(table) or fence

    def standing(self, table: TableId) -> Fence | None:
        """The table's fence as it stands now; one that was set by hand was set long ago."""
        rows = self._execute(cql.FENCE, [str(table).encode()])
        if not rows:
            return None
        ((set_at, stopped_at),) = rows
        return Fence(_seconds(set_at) or 0.0, _seconds(stopped_at))

    def lift(self, table: TableId) -> None:
        """Take the table's fence away. Raises SideFault."""
        self._write(cql.LIFT_FENCE, [str(table).encode()])

    def _write(self, text: str, values: list[bytes | None]) -> None:
        self._execute(text, values)
        with self._lock:
            self._read_at = float("-inf")

    def _read(self) -> None:
        began = self._clock.now()
        rows = self._execute(cql.FENCES, [])
        self._fenced = frozenset(row[0].decode() for row in rows)
        self._read_at = began

    def _execute(self, text: str, values: list[bytes | None]) -> list[tuple[bytes, ...]]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


def _millis(at: float) -> bytes:
    return pack(">q", round(at * 1000))


def _seconds(cell: bytes | None) -> float | None:
    return unpack(">q", cell)[0] / 1000 if cell else None
