"""The open items of each table, in a control table of the target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.row_names import SHARED, row_name
from hintferry.core.errors import HintferryError
from hintferry.core.open_item import ANY_TABLE, OpenItem
from hintferry.core.schema import TableId


class KeyspacesOpenItems:
    """Writes and reads through `session`, a session with the target.

    `pipeline`: its name; an item of no table that is known holds the tables of its pipeline.
    """

    def __init__(self, session: CqlSession, pipeline: str) -> None:
        self._session, self._pipeline = session, pipeline

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""
        rows = (
            [_row(one.name, self._pipeline), one.id, _millis(one.due), one.reason.encode()]
            for one in items
        )
        return self._write(cql.OPEN_ITEM, rows)

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let the items of these names and ids go; for each, None, or why it could not go."""
        ended: list[HintferryError | None] = [None] * len(items)
        places = [
            (place, row) for place, (name, _) in enumerate(items) for row in self._rows_of(name)
        ]
        closed = self._write(cql.CLOSE_ITEM, ([row, items[place][1]] for place, row in places))
        for (place, _), error in zip(places, closed, strict=True):
            ended[place] = ended[place] or error
        return ended

    def of(self, table: TableId) -> list[OpenItem]:
        """Return the items of the table, and those that may be of any. Raises SideFault."""
        return [
            item
            for name in (str(table), ANY_TABLE)
            for row in self._rows_of(name)
            for item in self._of(name, row)
        ]

    def _rows_of(self, name: str) -> list[bytes]:
        """Return where items of this name are; earlier versions had one name for all pipelines."""
        own = _row(name, self._pipeline)
        return [own, SHARED.encode()] if name == ANY_TABLE else [own]

    def _of(self, name: str, row: bytes) -> list[OpenItem]:
        try:
            rows = execute_raw(self._session, cql.OPEN_ITEMS, [row])
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        return [
            OpenItem(name, ident, unpack(">q", due)[0] / 1000, reason.decode())
            for ident, due, reason in rows
        ]

    def _write(self, text: str, rows: Iterable[list[bytes]]) -> list[HintferryError | None]:
        """Write all at once: a message waits for its row."""
        sent = [self._send(text, values) for values in rows]
        return [one if isinstance(one, HintferryError) else self._ended(one) for one in sent]

    def _send(self, text: str, values: list[bytes]) -> object:
        try:
            return self._session.current().execute_async(self._session.bind(text, values))
        except Exception as error:  # noqa: BLE001 - each is translated
            return self._meaning(error)

    def _ended(self, answer: object) -> HintferryError | None:
        try:
            answer.result()  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - each is translated
            return self._meaning(error)
        return None

    def _meaning(self, error: Exception) -> HintferryError:
        self._session.doubt(error)
        return translate(self._session, error)


def _row(name: str, pipeline: str) -> bytes:
    return row_name(name, pipeline).encode()


def _millis(at: float) -> bytes:
    return pack(">q", round(at * 1000))
