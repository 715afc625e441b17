"""The source: Apache Cassandra, read at LOCAL_QUORUM in the datacenter that feeds the hints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import pack
from typing import Any

from cassandra import InvalidRequest
from cassandra.query import BoundStatement

from hintferry.adapters.config.settings import TableSettings
from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.paging import FIRST_ROWS, pages
from hintferry.adapters.driver.raw_rows import RawRows
from hintferry.adapters.driver.row_layout import RowLayout, row_layout
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.adapters.driver.window import in_flight
from hintferry.adapters.source.catalog import SourceCatalog
from hintferry.core.errors import HintferryError, Masked, Side
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.slices import pieces
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Clock, Read

READS_IN_FLIGHT = 96
NEIGHBOURS = 3


@dataclass(slots=True)
class _Read:
    """One request on its way; `start` is taken just before it is sent."""

    work: RowWork | StaticWork
    shape: RowLayout
    statement: BoundStatement | None = None
    start: int = 0


class CassandraSource:
    """Reads keys and slices; `settings`: what migration.toml says of tables."""

    def __init__(
        self,
        session: CqlSession,
        clock: Clock,
        settings: Iterable[TableSettings] = (),
    ) -> None:
        self._session = session
        self._clock = clock
        self._catalog = SourceCatalog(session, settings)

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, altered no earlier than then. Raises UnknownTable, SideFault."""
        return self._catalog.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it now. Raises UnknownTable, SideFault."""
        return self._catalog.agreed(table)

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys at once, answering in the order in which the answers arrive.

        Rows of one partition are asked for together, as many as the side's guardrails allow.
        """
        over: list[RowWork | StaticWork] = []
        yield from self._read(works, over)
        while over:
            again, over = over, []
            yield from self._read(again, over)

    def _read(
        self, works: Iterable[RowWork | StaticWork], over: list[RowWork | StaticWork]
    ) -> Iterator[Read]:
        """Each once, but for those that turn out to be `over` a guardrail."""
        refused: list[tuple[RowWork | StaticWork, HintferryError]] = []
        reads, rate_limit = self._reads(works, refused), self._session.rate_limit
        for answer in in_flight(self._send, reads, rate_limit, READS_IN_FLIGHT):
            read = answer.item
            self._session.answered(answer.sent_at, answer.arrived_at, answer.error)
            if isinstance(answer.error, InvalidRequest) and self._is_over(read.work):
                over.append(read.work)
            elif answer.error is not None:
                yield read.work, translate(self._session, answer.error)
            else:
                rows = read.shape.rows(answer.rows, answer.arrived_at)
                seen = Snapshot(read.shape.table, read.start, rows, arrived_at=answer.arrived_at)
                try:
                    work = _as_stored(read.work, read.shape.table, rows)
                except Masked as error:
                    yield read.work, error
                else:
                    yield work, seen
        yield from refused

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page, at least one page. Raises HintferryError."""
        table = self.table(work.table)
        shape = RowLayout(table, cql.ttls_asked(table, elements=True), statics=False)
        parts = list(pieces(work.slice, table.clustering))
        if not parts:
            yield Snapshot(table, self._clock.read_start(), {})
        for index, piece in enumerate(parts):
            text = cql.select_piece(table, piece, shape.ttls)
            is_end = index == len(parts) - 1
            for start, rows, is_last in self._pages(work, text, piece.values):
                arrived_at = time.time()
                found = shape.rows(rows, arrived_at)
                yield Snapshot(table, start, found, is_last and is_end, arrived_at)
                if found and is_last and not is_end:
                    # It spoke for the rest of its piece too: what comes next lends its time.
                    yield Snapshot(table, start, {}, is_last=False)

    def _pages(
        self, work: SliceWork, text: str, bounds: list[bytes]
    ) -> Iterator[tuple[int, RawRows, bool]]:
        values = [*work.partition, *bounds]
        try:
            yield from pages(self._session, text, values, self._clock.read_start)
        except DRIVER_ERRORS as error:
            raise translate(self._session, error) from error

    def neighbours(self, work: Work) -> list[RowWork]:
        """A few other rows, found now, of the partitions that follow: most likely of the same
        replicas; from the ring's start where none follow. Raises HintferryError."""
        table = self.table(work.table)
        try:
            return self._others(table, work)
        except DRIVER_ERRORS as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error

    def _others(self, table: Table, work: Work) -> list[RowWork]:
        after = execute_raw(self._session, cql.next_rows(table, NEIGHBOURS), list(work.partition))
        found = list(_rows_beside(table, work, after))
        if not found:
            first = execute_raw(self._session, cql.first_rows(table, FIRST_ROWS), [])
            found = list(_rows_beside(table, work, first))
        return found[:NEIGHBOURS]

    def _reads(
        self,
        works: Iterable[RowWork | StaticWork],
        refused: list[tuple[RowWork | StaticWork, HintferryError]],
    ) -> Iterator[_Read]:
        for work in works:
            try:
                table = self.table(work.table)
            except HintferryError as error:
                refused.append((work, error))
            else:
                shape = row_layout(
                    table, cql.ttls_asked(table, elements=True), isinstance(work, StaticWork)
                )
                if isinstance(work, StaticWork):
                    yield _Read(work, shape)
                else:
                    # An answer must tell which of the keys that were asked for it answers.
                    most = 1 if table.has_synonyms else self._session.guardrails.rows_by_key
                    yield from (_Read(part, shape) for part in work.split(most))

    def _is_over(self, work: RowWork | StaticWork) -> bool:
        """Return whether it asks for more rows than the side has said meanwhile that it allows."""
        most = self._session.guardrails.rows_by_key
        return isinstance(work, RowWork) and len(work.rows) > most

    def _send(self, read: _Read) -> Any:
        table = read.shape.table
        if isinstance(read.work, StaticWork):
            text = cql.select_statics(table, read.shape.ttls)
            values = list(read.work.partition)
        else:
            keys = list(read.work.rows)
            text = cql.select_rows(table, read.shape.ttls, one=len(keys) == 1)
            values = [*read.work.partition, *_key_values(keys)]
        read.statement = self._session.bind(text, values)
        session = self._session.current()
        read.start = self._clock.read_start()
        return session.execute_async(read.statement, timeout=None)


def _rows_beside(table: Table, work: Work, found: Iterable[Key]) -> Iterator[RowWork]:
    """Work of each row that was found and that is none of this work's."""
    width = len(table.partition_key)
    for row in found:
        partition, clustering = row[:width], row[width:]
        is_its_own = isinstance(work, RowWork) and clustering in work.rows
        # A partition that holds nothing but static columns shows no row.
        if None not in clustering and not (partition == work.partition and is_its_own):
            yield RowWork(table.id, partition, {clustering: ()})


def _as_stored(
    work: RowWork | StaticWork, table: Table, rows: dict[Key, Row]
) -> RowWork | StaticWork:
    """Return the work under the bytes by which its row is kept, which may be others than asked for.

    Raises Masked for a key that nobody asked for: it cannot be the stored one.
    """
    if not isinstance(work, RowWork) or rows.keys() <= work.rows.keys():
        return work
    if table.has_synonyms:
        (stored,) = rows
        return work.under(stored)
    raise Masked(Side.SOURCE, f"it returned another key of {table.id} than the request named")


def _key_values(keys: list[Key]) -> list[bytes]:
    """The clustering part of a row select: one key's components, or one list of all keys."""
    if len(keys) == 1:
        return list(keys[0])
    elements = [key[0] if len(key) == 1 else b"".join(map(_sized, key)) for key in keys]
    return [pack(">i", len(keys)) + b"".join(map(_sized, elements))]


def _sized(value: bytes) -> bytes:
    return pack(">i", len(value)) + value
