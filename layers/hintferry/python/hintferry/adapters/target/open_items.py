"""The open items of each table, in a control table of the target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import pack, unpack

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import HintferryError
from hintferry.core.open_item import ANY_TABLE, OpenItem
from hintferry.core.schema import TableId


class KeyspacesOpenItems:
    """Writes and reads through `session`, a session with the target."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def open(self, items: Sequence[OpenItem]) -> list[HintferryError | None]:
        """Keep the items; for each, None once it is kept, or why it could not be."""
        return self._write(
            cql.OPEN_ITEM,
            ([one.name.encode(), one.id, _millis(one.due), one.reason.encode()] for one in items),
        )

    def close(self, items: Sequence[tuple[str, bytes]]) -> list[HintferryError | None]:
        """Let the items of these names and ids go; for each, None, or why it could not go."""
        return self._write(cql.CLOSE_ITEM, ([name.encode(), ident] for name, ident in items))

    def of(self, table: TableId) -> list[OpenItem]:
        """Return the items of the table, and those that may be of any. Raises SideFault."""
        return [item for name in (str(table), ANY_TABLE) for item in self._of(name)]

    def _of(self, name: str) -> list[OpenItem]:
        try:
            rows = execute_raw(self._session, cql.OPEN_ITEMS, [name.encode()])
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


def _millis(at: float) -> bytes:
    return pack(">q", round(at * 1000))
