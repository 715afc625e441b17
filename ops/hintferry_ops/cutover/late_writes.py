"""Find what was written to the target after a moment, by its write times, in a scan of the table.

A delete leaves nothing that a scan shows, and no read tells the write times of collections and
counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import Catalog
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.paging import pages
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.schema import TableId
from hintferry.core.tokens import WIDTH_OF_RING, plan_ranges

RANGES = 200


class CqlLateWrites:
    """Asks through `session`, a session with the target."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def unseen(self, table: TableId) -> list[str]:
        """The columns whose writes cannot be seen. Raises UnknownTable, SideFault."""
        known = Catalog(self._session).table(table)
        values = known.statics + known.regulars
        seen = cql.ttl_readable(values)
        return [column.name for column in values if column not in seen]

    def rows(self, table: TableId, after: float) -> Iterator[tuple[float, int]]:
        """Yield how much of the table is looked through (0 to 1), and how many rows were found so
        far.

        `after`: epoch seconds. Raises UnknownTable, SideFault.
        """
        known, found, width = Catalog(self._session).table(table), 0, 0
        if not cql.ttl_readable(known.statics + known.regulars):
            return
        text = cql.scan_write_times(known)
        for part in plan_ranges([], RANGES):
            ends = [pack(">q", part.after), pack(">q", part.upto)]
            try:
                for _, page, _ in pages(self._session, text, ends, lambda: 0):
                    found += sum(_is_late(row[1:], after) for row in page)
                    yield width / WIDTH_OF_RING, found
            except DRIVER_ERRORS as error:
                self._session.doubt(error)
                raise translate(self._session, error) from error
            width += part.width
        yield 1.0, found


def _is_late(times: tuple[bytes | None, ...], after: float) -> bool:
    return any(unpack(">q", one)[0] > after * 1e6 for one in times if one)
