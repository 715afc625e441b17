"""The fences in a control table of the target, read as often as the promise of cutover needs.

An announced cutover has a row there too, so that one reading tells both. No table has its name, and
`ends_at` is until when it stands.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from math import ceil
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.limits import ANNOUNCED_HOLDS_S, FENCE_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock, Fence

_ANNOUNCED = "announced "
"""What the name of an announcement's row begins with; names of tables have no space."""


class KeyspacesFences:
    """One reading serves all tables, and every read that begins soon after it began."""

    def __init__(self, session: CqlSession, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._fenced: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._began_us = 0
        self._holds_s = FENCE_HOLDS_S
        self._lock = threading.Lock()

    def is_fenced(self, table: TableId, read_start: int = 0) -> bool:
        """Return whether the table was cut over. Raises SideFault where the target did not tell,
        ClockFault.
        """
        with self._lock:
            # A clock that was set back would make an old reading look young: by the first it is
            # read again, by the second no read start is later than the reading holds.
            is_young = 0 <= self._clock.now() - self._read_at < self._holds_s
            if not is_young or read_start - self._began_us >= self._holds_s * 1e6:
                self._read()
            return str(table) in self._fenced

    def announce(self, table: TableId, until: float) -> None:
        """Announce a cutover of the table, until then (epoch s). Raises SideFault."""
        self._execute(cql.ANNOUNCE, [_announced(table), _millis(until)])

    def announced(self, table: TableId) -> float | None:
        """Return until when a cutover of the table is announced. Raises SideFault."""
        rows = self._execute(cql.FENCE, [_announced(table)])
        return _seconds(rows[0][3]) if rows else None

    def withdraw(self, table: TableId) -> None:
        """Take the table's announcement away. Raises SideFault."""
        self._execute(cql.WITHDRAW, [_announced(table)])

    def set(self, table: TableId, fence: Fence) -> Fence:
        """Fence the table, unless it is; the fence that stands. Raises SideFault."""
        stopped = None if fence.stopped_at is None else _millis(fence.stopped_at)
        values = [
            str(table).encode(),
            _millis(fence.set_at),
            stopped,
            pack("?", fence.is_rehearsal),
        ]
        self._write(cql.SET_FENCE, values)
        return self.standing(table) or fence

    def standing(self, table: TableId) -> Fence | None:
        """The table's fence as it stands now; one that was set by hand was set long ago."""
        rows = self._execute(cql.FENCE, [str(table).encode()])
        if not rows:
            return None
        *times, rehearsal = rows[0]
        set_at, stopped_at, newest_at, ends_at = map(_seconds, times)
        return Fence(set_at or 0.0, stopped_at, newest_at, ends_at, rehearsal == b"\x01")

    def settle(self, table: TableId, newest_at: float, ends_at: float | None) -> None:
        """Record the latest write time of ours, and when a short wait ends. Raises SideFault."""
        end = None if ends_at is None else _millis(ends_at)
        self._execute(cql.SETTLE_FENCE, [_millis(newest_at), end, str(table).encode()])

    def lift(self, table: TableId) -> None:
        """Take the table's fence away. Raises SideFault."""
        self._write(cql.LIFT_FENCE, [str(table).encode()])

    def _write(self, text: str, values: list[bytes | None]) -> None:
        self._execute(text, values)
        with self._lock:
            self._read_at = float("-inf")

    def _read(self) -> None:
        began, began_us = self._clock.now(), self._clock.read_start()
        rows = {row[0].decode(): _seconds(row[1]) for row in self._execute(cql.FENCES, [])}
        ends = [end or 0.0 for name, end in rows.items() if name.startswith(_ANNOUNCED)]
        self._fenced = frozenset(rows)
        self._holds_s = ANNOUNCED_HOLDS_S if max(ends, default=0.0) > began else FENCE_HOLDS_S
        self._read_at, self._began_us = began, began_us

    def _execute(self, text: str, values: Sequence[bytes | None]) -> list[tuple[bytes, ...]]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


def _announced(table: TableId) -> bytes:
    return f"{_ANNOUNCED}{table}".encode()


def _millis(at: float) -> bytes:
    """Return the next millisecond: a wait may end later, and never earlier."""
    return pack(">q", ceil(round(at * 1e6) / 1000))


def _seconds(cell: bytes | None) -> float | None:
    return unpack(">q", cell)[0] / 1000 if cell else None
