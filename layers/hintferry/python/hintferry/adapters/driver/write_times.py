"""When rows were written, as either side tells it of the columns of one cell."""

from __future__ import annotations

from struct import unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import Side
from hintferry.core.schema import Key, Table


class CqlWriteTimes:
    """Asks through the sessions with both sides."""

    def __init__(self, source: CqlSession, target: CqlSession) -> None:
        self._sessions = {Side.SOURCE: source, Side.TARGET: target}

    def newest_us(self, side: Side, table: Table, partition: Key, clustering: Key) -> int | None:
        """Return when the newest cell of a row was written that tells it (microseconds), or None.

        Raises SideFault, Unprocessable.
        """
        text = cql.select_write_times(table)
        if text is None:
            return None
        session = self._sessions[side]
        try:
            rows = execute_raw(session, text, [*partition, *clustering])
        except Exception as error:
            session.doubt(error)
            raise translate(session, error) from error
        times = (unpack(">q", at)[0] for row in rows for at in row if at is not None)
        return max(times, default=None)
