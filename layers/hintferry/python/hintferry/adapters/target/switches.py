"""The switches in a control table of the target, read every few seconds at most.

`KeyspacesSwitches` reads and sets them; `SwitchedLimits` holds one process to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.rate_limit import FASTEST, SLOWEST_OF_ANY, RateLimit
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.row_names import SHARED, is_of_a_table, row_name
from hintferry.core.errors import Paused
from hintferry.core.limits import SWITCHES_HOLD_S
from hintferry.core.schema import TableId
from hintferry.core.switches import (
    ALL,
    UNSET,
    Board,
    Pause,
    Rates,
    Share,
    Switch,
    Workers,
    pause_of,
    paused_text,
    share_of,
)
from hintferry.ports import Clock, Switches

CqlRow = tuple[bytes | None, ...]


class KeyspacesSwitches:
    """One reading serves every table and every record of the next seconds.

    `pipeline`: its name; the switch of all tables is one for each pipeline. A switch that an
    earlier version set for all pipelines holds too, until one of them takes it back.
    """

    def __init__(self, session: CqlSession, clock: Clock, pipeline: str) -> None:
        self._session, self._clock, self._pipeline = session, clock, pipeline
        self._board: Board = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def board(self) -> Board:
        """Return all switches, as of at most SWITCHES_HOLD_S ago. Raises SideFault."""
        with self._lock:
            began = self._clock.now()
            # A clock that was set back would make an old reading look young.
            if not 0 <= began - self._read_at < SWITCHES_HOLD_S:
                self._board = self.read()
                self._read_at = began
            return self._board

    def read(self) -> Board:
        """Return all switches as they are now. Raises SideFault."""
        rows = dict(map(_switch, self._execute(cql.SWITCHES, [])))
        board = {name: switch for name, switch in rows.items() if is_of_a_table(name)}
        own, shared = rows.get(row_name(ALL, self._pipeline)), rows.get(SHARED)
        if own or shared:
            board[ALL] = (own or UNSET).over(shared or UNSET)
        return board

    def set_pause(self, name: str, pause: Pause | None) -> None:
        """Pause the table of this name, or let it go on. Raises SideFault."""
        values: list[bytes | None] = [None, None, None]
        if pause is not None:
            at = pack(">q", round(pause.at * 1000))
            values = [at, pause.by.encode(), pause.why.encode()]
        self._set(cql.SET_PAUSE, values, name, is_end=pause is None)

    def set_rates(self, name: str, rates: Rates) -> None:
        """Set all bounds of the table of this name. Raises SideFault."""
        values = [_cell(one) for one in (rates.source, rates.target, rates.repair)]
        self._set(cql.SET_RATES, values, name, is_end=rates == Rates())

    def _set(self, text: str, values: list[bytes | None], name: str, is_end: bool) -> None:
        """Set one half of a switch; its end is the end of what an earlier version set, too."""
        self._execute(text, [*values, row_name(name, self._pipeline).encode()])
        if name == ALL and is_end:
            self._execute(text, [*values, SHARED.encode()])

    def _execute(self, text: str, values: list[bytes | None]) -> list[CqlRow]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


class SwitchedLimits:
    """Admits the work of one process: none of a paused table, and no more than its share.

    `source` and `target`: the limits of both sessions. `workers`: how many processes share the
    bounds of a table.
    """

    def __init__(
        self,
        switches: Switches,
        source: RateLimit,
        target: RateLimit,
        workers: Callable[[TableId], Workers],
    ) -> None:
        self._switches, self._source, self._target = switches, source, target
        self._workers = workers
        self._board: Board | None = None
        self._shares: dict[TableId, Share | Paused] = {}

    def admit(self, table: TableId) -> None:
        """Hold both rate limits to what the table may have. Raises Paused, SideFault."""
        board = self._switches.board()
        if board is not self._board:
            self._board, self._shares = board, {}
        share = self._shares.get(table)
        if share is None:
            share = self._shares[table] = _share(board, table, self._workers(table))
        if isinstance(share, Paused):
            raise share
        self._source.most = _paced(share.source)
        self._target.most = _paced(share.target)


def _share(board: Board, table: TableId, workers: Workers) -> Share | Paused:
    found = pause_of(board, table)
    if found is None:
        return share_of(board, table, workers)
    return Paused(paused_text(table, *found))


def _paced(rate: float) -> float:
    return min(FASTEST, max(SLOWEST_OF_ANY, rate))


def _switch(row: CqlRow) -> tuple[str, Switch]:
    name, at, by, why, *rates = row
    pause = None
    if at:
        pause = Pause(unpack(">q", at)[0] / 1000, _text(by), _text(why))
    return _text(name), Switch(pause, Rates(*map(_number, rates)))


def _text(cell: bytes | None) -> str:
    return (cell or b"").decode()


def _number(cell: bytes | None) -> int | None:
    return unpack(">i", cell)[0] if cell else None


def _cell(number: int | None) -> bytes | None:
    return None if number is None else pack(">i", number)
