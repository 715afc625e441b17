"""The target: Amazon Keyspaces, written and read at LOCAL_QUORUM."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest, OperationTimedOut
from cassandra.query import BatchStatement, BatchType, BoundStatement

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.paging import pages
from hintferry.adapters.driver.row_layout import RowLayout
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.adapters.driver.window import in_flight
from hintferry.adapters.target.agreement import Agreement
from hintferry.core.errors import HintferryError, LateAnswer, LeaseLost, StaleRead
from hintferry.core.hint import Slice
from hintferry.core.keyspaces_limits import STATEMENTS_PER_BATCH
from hintferry.core.limits import COUNTED_WITHIN_S, STALE_AFTER_S
from hintferry.core.rows import Add, Extend, Put, Remove, Row, Statement
from hintferry.core.schema import Key, Table
from hintferry.core.slices import pieces
from hintferry.ports import Write

BYTES_PER_BATCH = 40 * 1024
"""The most bytes of a batch: below the size at which an Apache Cassandra refuses one by default."""

WRITES_IN_FLIGHT = 96


@dataclass(slots=True)
class _Progress:
    """One write on its way: how many of its requests are still out, and the first error.

    `parts`: the statements of each request; they are bound as it is sent, since TTLs count
    from then. `read_start`: of the oldest read that it follows from, microseconds since the epoch.
    """

    write: Write
    parts: list[list[Statement]]
    expires: bool
    waiting: int = field(init=False)
    read_start: float = field(init=False)
    error: HintferryError | None = None

    def __post_init__(self) -> None:
        self.waiting = len(self.parts)
        stamps = (one.timestamp for one in self.write.statements if not isinstance(one, Add))
        self.read_start = min(stamps, default=float("inf"))

    def failed(self, error: HintferryError) -> None:
        """The first fault counts; a late answer, which says that all was done, only without one."""
        if self.error is None or isinstance(self.error, LateAnswer):
            self.error = error


class KeyspacesTarget:
    """Writes partitions and reads slices."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._agreement = Agreement(session)

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        """Write many partitions at once; None for those that the target acknowledged.

        A timeout says nothing of whether the write arrived: it may still, at its own timestamp.
        """
        settled: list[tuple[Write, HintferryError | None]] = []
        is_unanswered = False
        try:
            requests, rate_limit = self._requests(writes, settled), self._session.rate_limit
            for answer in in_flight(self._send, requests, rate_limit, WRITES_IN_FLIGHT):
                self._session.answered(answer.sent_at, answer.arrived_at, answer.error)
                progress, _ = answer.item
                progress.waiting -= 1
                if answer.error is not None:
                    is_unanswered = is_unanswered or isinstance(answer.error, OperationTimedOut)
                    self._doubt(answer.error, progress.write.table)
                    progress.failed(translate(self._session, answer.error))
                elif progress.expires and answer.arrived_at - answer.sent_at > COUNTED_WITHIN_S:
                    progress.failed(
                        LateAnswer("target: the answer came too late for its TTL to be exact")
                    )
                if not progress.waiting:
                    yield progress.write, progress.error
            yield from settled
        finally:
            if is_unanswered:
                # It may lie in a buffer of ours, and a frozen sandbox would send it hours later.
                self._session.close()

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        """The rows of a slice, a page at a time. Raises HintferryError."""
        self._agreement.check(table)
        ttls = cql.ttls_asked(table, elements=False)
        shape = RowLayout(table, ttls, statics=False)
        for piece in pieces(part, table.clustering):
            text = cql.select_piece(table, piece, shape.ttls)
            try:
                for _, rows, _ in pages(
                    self._session, text, [*partition, *piece.values], lambda: 0
                ):
                    yield shape.rows(rows, time.time())
            except DRIVER_ERRORS as error:
                self._session.doubt(error)
                raise translate(self._session, error) from error

    def _requests(
        self, writes: Iterable[Write], settled: list[tuple[Write, HintferryError | None]]
    ) -> Iterator[tuple[_Progress, int]]:
        for write in writes:
            try:
                expires = any(map(_expires, write.statements))
                self._agreement.check(write.table, expires)
            except Exception as error:  # noqa: BLE001 - preparing raises whatever the driver met
                self._doubt(error, write.table)
                settled.append((write, translate(self._session, error)))
                continue
            progress = _Progress(write, list(_parts(write)), expires)
            if not progress.parts:
                settled.append((write, None))
            yield from ((progress, index) for index in range(len(progress.parts)))

    def _doubt(self, error: Exception, table: Table) -> None:
        self._session.doubt(error)
        if isinstance(error, InvalidRequest):
            self._agreement.forget(table)

    def _send(self, request: tuple[_Progress, int]) -> Any:
        progress, index = request
        session = self._session.current()
        bound = [self._bind(progress.write, one) for one in progress.parts[index]]
        # Here, whatever came between: a slow pace, a lost connection, a frozen sandbox.
        now = time.time()
        if now > progress.write.write_until:
            raise LeaseLost("the lease ran out before the counters were written")
        if now - progress.read_start / 1e6 > STALE_AFTER_S:
            raise StaleRead("too long between read and write")
        return session.execute_async(_as_one(bound), timeout=None)

    def _bind(self, write: Write, statement: Statement) -> BoundStatement:
        if isinstance(statement, Put):
            return self._bind_put(write, statement)
        if isinstance(statement, Extend):
            return self._bind_extend(write, statement)
        keys = [*write.work.partition, *statement.clustering]
        if isinstance(statement, Add):
            text = cql.add(write.table, statement.columns)
            return self._session.bind(text, [*statement.values, *keys])
        timestamp = [] if write.table.is_counter else [pack(">q", statement.timestamp)]
        return self._session.bind(cql.remove(write.table), [*timestamp, *keys])

    def _bind_put(self, write: Write, statement: Put) -> BoundStatement:
        clustering, columns, values, timestamp, expires_at, creates_row = statement
        expires = expires_at is not None
        text = cql.put(write.table, columns, creates_row, clustering is None, expires)
        partition, key = write.work.partition, clustering or ()
        using = pack(">q", timestamp)
        expiring = () if expires_at is None else (pack(">i", _seconds_left(expires_at)),)
        if creates_row:
            return self._session.bind(text, [*partition, *key, *values, using, *expiring])
        return self._session.bind(text, [using, *expiring, *values, *partition, *key])

    def _bind_extend(self, write: Write, statement: Extend) -> BoundStatement:
        clustering, places, values, timestamp, expires_at = statement
        text = cql.extend(write.table, places, clustering is None)
        using = pack(">qi", timestamp, _seconds_left(expires_at))
        keys = [*write.work.partition, *(clustering or ())]
        return self._session.bind(text, [using[:8], using[8:], *values, *keys])


def _expires(statement: Statement) -> bool:
    return isinstance(statement, Put | Extend) and statement.expires_at is not None


def _parts(write: Write) -> Iterator[list[Statement]]:
    """The statements of each request: as many as a batch of this one partition may hold."""
    most = 1 if write.table.is_counter else STATEMENTS_PER_BATCH
    keys = sum(map(len, write.work.partition))
    part: list[Statement] = []
    size = 0
    for statement in write.statements:
        length = keys + _length(statement)
        if part and (len(part) == most or size + length > BYTES_PER_BATCH):
            yield part
            part, size = [], 0
        part.append(statement)
        size += length
    if part:
        yield part


def _length(statement: Statement) -> int:
    """Bytes, about: clustering key, values, timestamp, TTL."""
    values = () if isinstance(statement, Remove) else statement.values
    return sum(len(one) for one in (*(statement.clustering or ()), *values) if one) + 12


def _seconds_left(expires_at: int) -> int:
    """Counted down to the second that has begun, so that nothing expires too early.

    Raises StaleRead where none is left.
    """
    left = expires_at - int(time.time())
    if left <= 0:
        raise StaleRead("the row expired before its write was sent")
    return left


def _as_one(statements: list[BoundStatement]) -> BoundStatement | BatchStatement:
    if len(statements) == 1:
        return statements[0]
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    for statement in statements:
        batch.add(statement)
    return batch
