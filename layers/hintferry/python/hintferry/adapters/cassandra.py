"""The source: Apache Cassandra, read at LOCAL_QUORUM in the datacenter that feeds the hints."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from struct import pack
from typing import Any

from cassandra.query import BoundStatement

from hintferry.adapters import cql
from hintferry.adapters.faults import NO_ANSWER, translate
from hintferry.adapters.paging import pages
from hintferry.adapters.patience import Patience
from hintferry.adapters.rawcql import RawRows
from hintferry.adapters.rowshape import RowShape, row_shape
from hintferry.adapters.session import DRIVER_ERRORS, PAGE_ROWS, CqlSession
from hintferry.adapters.source_catalog import SourceCatalog
from hintferry.adapters.window import in_flight
from hintferry.core.coalesce import RowWork, SliceWork, StaticWork, Work
from hintferry.core.errors import HintferryError, Overwhelmed
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.slices import pieces
from hintferry.ports import Clock

READS_IN_FLIGHT = 96


@dataclass(slots=True)
class _Read:
    """One request on its way; `start` is taken just before it is sent."""

    work: RowWork | StaticWork
    shape: RowShape
    statement: BoundStatement | None = None
    start: int = 0


class CassandraSource:
    """Reads keys and slices; `ttl_off` names the tables whose times to live are not asked for."""

    def __init__(
        self, session: CqlSession, clock: Clock, ttl_off: frozenset[TableId] = frozenset()
    ) -> None:
        self._session = session
        self._clock = clock
        self._ttl_off = ttl_off
        self._catalog = SourceCatalog(session)
        self._patience = Patience()

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, altered no earlier than then. Raises UnknownTable, SideFault."""
        return self._catalog.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it now. Raises UnknownTable, SideFault."""
        return self._catalog.agreed(table)

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        """Read many keys at once, answering in the order in which the answers arrive."""
        refused: list[tuple[RowWork | StaticWork, HintferryError]] = []
        reads, pace = self._reads(works, refused), self._session.pace
        for answer in in_flight(self._send, reads, pace, READS_IN_FLIGHT):
            read = answer.item
            self._session.answered(answer.sent_at, answer.arrived_at, answer.error)
            if answer.error is not None:
                yield read.work, self._failure(answer.error, read.work)
            else:
                self._session.has_served(read.statement)
                self._patience.succeeded(_name(read.work))
                rows = read.shape.rows(answer.rows, answer.arrived_at)
                seen = Snapshot(read.shape.table, read.start, rows, arrived_at=answer.arrived_at)
                yield _as_stored(read.work, read.shape.table, rows), seen
        yield from refused

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page, at least one page. Raises HintferryError."""
        table = self.table(work.table)
        shape = RowShape(table, self._with_ttl(table), statics=False)
        parts = list(pieces(work.slice, table.clustering))
        if not parts:
            yield Snapshot(table, self._clock.read_start(), {})
        for index, piece in enumerate(parts):
            text = cql.select_piece(table, piece, shape.with_ttl)
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
            for page in pages(self._session, text, values, self._clock.read_start):
                self._patience.succeeded(_name(work))
                yield page
        except DRIVER_ERRORS as error:
            raise self._failure(error, work) from error

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
                shape = row_shape(table, self._with_ttl(table), isinstance(work, StaticWork))
                # An answer must tell which of the keys that were asked for it answers.
                if table.has_synonyms and isinstance(work, RowWork):
                    yield from (_Read(row, shape) for row in work.split())
                else:
                    yield _Read(work, shape)

    def _send(self, read: _Read) -> Any:
        table = read.shape.table
        if isinstance(read.work, StaticWork):
            text = cql.select_statics(table, read.shape.with_ttl)
            values = list(read.work.partition)
        else:
            keys = list(read.work.rows)
            text = cql.select_rows(table, read.shape.with_ttl, one=len(keys) == 1)
            values = [*read.work.partition, *_key_values(keys)]
        read.statement = self._session.bind(text, values)
        if isinstance(read.work, RowWork) and len(read.work.rows) > PAGE_ROWS:
            # Only the first page of the answer is looked at.
            read.statement.fetch_size = len(read.work.rows)
        session = self._session.current()
        read.start = self._clock.read_start()
        return session.execute_async(read.statement, timeout=None)

    def _with_ttl(self, table: Table) -> bool:
        return table.id not in self._ttl_off and not table.is_counter

    def _failure(self, error: Exception, work: Work) -> HintferryError:
        if isinstance(error, NO_ANSWER) and self._session.still_serves():
            is_one_of_many = isinstance(work, RowWork) and len(work.rows) > 1
            if is_one_of_many or self._patience.is_over(_name(work)):
                return Overwhelmed("source: does not answer it, though it answers others")
        return translate(self._session, error)


def _name(work: Work) -> Hashable:
    """What tells a piece of work from others when it comes again."""
    part: Hashable = None
    if isinstance(work, SliceWork):
        part = work.slice
    elif isinstance(work, RowWork):
        part = tuple(work.rows)
    return work.table, work.partition, part


def _as_stored(
    work: RowWork | StaticWork, table: Table, rows: dict[Key, Row]
) -> RowWork | StaticWork:
    """A row may be kept under other bytes than those it was asked for by, if its key's types have
    several forms of one value."""
    is_one = isinstance(work, RowWork) and len(work.rows) == len(rows) == 1
    if isinstance(work, RowWork) and is_one and table.has_synonyms:
        (stored,) = rows
        return work if stored in work.rows else work.under(stored)
    return work


def _key_values(keys: list[Key]) -> list[bytes]:
    """The clustering part of a row select: one key's components, or one list of all keys."""
    if len(keys) == 1:
        return list(keys[0])
    elements = [key[0] if len(key) == 1 else b"".join(map(_sized, key)) for key in keys]
    return [pack(">i", len(keys)) + b"".join(map(_sized, elements))]


def _sized(value: bytes) -> bytes:
    return pack(">i", len(value)) + value
