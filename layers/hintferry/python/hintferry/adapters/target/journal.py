"""The journal in a control table of the target. Entries are added, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack
from uuid import uuid4

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.row_names import row_name
from hintferry.core.journal import Entry

CqlRow = tuple[bytes | None, ...]


class KeyspacesJournal:
    """Adds and lists entries. Every method raises SideFault.

    `pipeline`: its name; what an operator did to all tables is kept for each pipeline.
    """

    def __init__(self, session: CqlSession, pipeline: str) -> None:
        self._session, self._pipeline = session, pipeline

    def add(self, entry: Entry) -> None:
        """Keep an entry."""
        texts = [entry.verb, entry.who, entry.old, entry.new, entry.reason]
        values = [
            row_name(entry.table, self._pipeline).encode(),
            _millis(entry.at),
            uuid4().bytes,
            *(text.encode() for text in texts),
        ]
        self._execute(cql.ADD_ENTRY, values)

    def entries(self, table: str, since: float) -> list[Entry]:
        """Return the entries of a table (its name, or `ALL`) since then, the latest first."""
        # Earlier versions kept what was done to all tables under one name for all pipelines.
        names = {row_name(table, self._pipeline), table}
        found = [
            _entry(table, row)
            for name in names
            for row in self._execute(cql.ENTRIES, [name.encode(), _millis(since)])
        ]
        return sorted(found, key=lambda entry: entry.at, reverse=True)

    def _execute(self, text: str, values: Sequence[bytes]) -> list[CqlRow]:
        try:
            return execute_raw(self._session, text, values)
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error


def _entry(table: str, row: CqlRow) -> Entry:
    at, *texts = row
    assert at is not None
    return Entry(unpack(">q", at)[0] / 1000, table, *((one or b"").decode() for one in texts))


def _millis(seconds: float) -> bytes:
    return pack(">q", int(seconds * 1000))
