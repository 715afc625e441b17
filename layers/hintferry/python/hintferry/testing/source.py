"""The source port over the three-replica cluster: one worker's quorum reads.

Each replica is asked at a different moment, and the answer takes time to come back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import Protocol

from hintferry.core.errors import HintferryError, Overwhelmed, Side, Troubled, Unavailable
from hintferry.core.limits import REQUEST_TIMEOUT_S
from hintferry.core.rows import Expiry, Row, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.slices import Piece, pieces
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Clock, Read
from hintferry.testing.cluster import QUORUM, REPLICAS, ReplicatedCluster, known_keys
from hintferry.testing.partition import PartitionState, lies_in
from hintferry.testing.points import Hook, Point, nowhere
from hintferry.testing.rowstate import RowState

NEIGHBOURS = 3


class TableLookup(Protocol):
    """The catalog that the fake source asks for its tables."""

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table, altered no earlier than then. Raises UnknownTable, SideFault."""

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it. Raises UnknownTable, SideFault."""


@dataclass(frozen=True, slots=True)
class _AllAgree:
    cluster: ReplicatedCluster

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return self.cluster.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        return self.cluster.table(table)


@dataclass(frozen=True, slots=True)
class _Request:
    """`start`: its read start, or why it could not be sent; `sent_us`: by the true time."""

    work: RowWork | StaticWork
    start: int | HintferryError
    sent_us: int


class ReplicatedSource:
    """A source of several replicas: reads with blocking read repair, at quorum, or of all replicas.

    `random` picks the replicas of each read, the size of each page, how many reads are in flight
    together and the order of their answers. `most_rows`: as many rows, dead ones counted, as a
    request may touch before the replicas give up on it. `lookup_faults`: the share of looks at a
    table that fail.
    """

    def __init__(
        self,
        cluster: ReplicatedCluster,
        clock: Clock,
        hook: Hook = nowhere,
        random: Random | None = None,
        reads_in_flight: int = 3,
        most_rows: int | None = None,
        at_all: bool = False,
        lookup_faults: float = 0.0,
        catalog: TableLookup | None = None,
    ) -> None:
        self._cluster, self._clock, self._hook = cluster, clock, hook
        self._random = random or Random(0)
        self._in_flight, self._most_rows = reads_in_flight, most_rows
        self._at_all, self._lookup_faults = at_all, lookup_faults
        self._catalog: TableLookup = catalog or _AllAgree(cluster)

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table. Raises UnknownTable, SideFault."""
        self._look()
        return self._catalog.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        """The table as all nodes have it. Raises UnknownTable, SideFault."""
        self._look()
        return self._catalog.agreed(table)

    def _look(self) -> None:
        if self._lookup_faults and self._random.random() < self._lookup_faults:
            raise Unavailable(Side.SOURCE, "does not tell its schema")

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys, some of them together."""
        remaining = iter(works)
        while sent := self._send(islice(remaining, self._random.randint(1, self._in_flight))):
            self._random.shuffle(sent)
            yield from [(request.work, self._answer(request)) for request in sent]

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        """The rows of a slice page by page; pages are short, and may be empty."""
        table = self.table(work.table)
        parts = list(pieces(work.slice, table.clustering))
        if not parts:
            yield Snapshot(table, self._clock.read_start(), {})
        for index, piece in enumerate(parts):
            is_end = index == len(parts) - 1
            for page in self._pages(table, work.partition, piece):
                yield replace(page, is_last=page.is_last and is_end)
                if page.rows and page.is_last and not is_end:
                    yield Snapshot(table, page.read_start, {}, is_last=False)

    def neighbours(self, work: Work) -> list[RowWork]:
        """Rows that any replica knows, of partitions other than this one."""
        table, asked = self.table(work.table), self._some_replicas()
        beside = self._cluster.partitions(table) - {work.partition}
        rows = (
            RowWork(table.id, partition, {key: ()})
            for partition in sorted(beside)
            for key in self._cluster.keys(table, partition, asked)
        )
        return list(islice(rows, NEIGHBOURS))

    def written_us(self, table: Table, partition: Key, clustering: Key) -> int | None:
        """When the newest cell of the row was written that tells it, or None."""
        self._hook(Point.BEFORE_READ)
        parts = self._ask(table, partition)
        state = self._cluster.repaired_row(table, partition, clustering, parts)
        columns = () if table.is_counter else table.regulars
        return state.written_us(columns, self._cluster.time.seconds)

    def _pages(self, table: Table, partition: Key, piece: Piece) -> Iterator[Snapshot]:
        after, is_last = None, False
        while not is_last:
            self._hook(Point.BEFORE_READ)
            start = self._clock.read_start()
            self._hook(Point.READ_STARTED)
            sent_us, now_s = self._cluster.time.micros, self._cluster.time.seconds
            parts = self._ask(table, partition)
            keys = [
                key
                for key in known_keys(parts.values())
                if lies_in(piece, key) and (after is None or key > after)
            ]
            self._refuse_more_than_most(keys)
            page = keys[: self._random.randint(1, 3)]
            # A full page does not know that nothing follows: sometimes the last one is empty.
            is_last = len(page) == len(keys) and self._random.random() < 0.7
            after = page[-1] if page else after
            rows = self._rows(table, partition, page, parts, now_s)
            yield self._back(Snapshot(table, start, rows, is_last), sent_us, now_s)

    def _send(self, works: Iterable[RowWork | StaticWork]) -> list[_Request]:
        """Requests with their read starts, or why a request could not be sent."""
        sent: list[_Request] = []
        for work in works:
            self._hook(Point.BEFORE_READ)
            start: int | HintferryError
            try:
                start = self._clock.read_start()
            except HintferryError as error:
                start = error
            sent.append(_Request(work, start, self._cluster.time.micros))
        if sent:
            self._hook(Point.READ_STARTED)
        return sent

    def _answer(self, request: _Request) -> Snapshot | HintferryError:
        if isinstance(request.start, HintferryError):
            return request.start
        try:
            return self._snapshot(request.work, request.start, request.sent_us)
        except HintferryError as error:
            return error

    def _snapshot(self, work: RowWork | StaticWork, start: int, sent_us: int) -> Snapshot:
        table = self.table(work.table)
        self._refuse_more_than_most(work.rows if isinstance(work, RowWork) else ())
        now_s = self._cluster.time.seconds
        parts = self._ask(table, work.partition)
        if isinstance(work, StaticWork):
            rows = self._statics(table, work.partition, parts, now_s)
        else:
            rows = self._rows(table, work.partition, sorted(work.rows), parts, now_s)
        return self._back(Snapshot(table, start, rows), sent_us, now_s)

    def _ask(self, table: Table, partition: Key) -> dict[int, PartitionState]:
        """Ask each of the chosen replicas, one after the other."""
        parts: dict[int, PartitionState] = {}
        asked = self._some_replicas()
        coordinator = self._random.choice(self._cluster.up)
        if not all(self._cluster.knows(node, table) for node in (coordinator, *asked)):
            raise Unavailable(Side.SOURCE, "undefined column name")
        for replica in asked:
            if parts:
                self._hook(Point.REPLICA_ASKED)
            if replica in self._cluster.down:
                raise Unavailable(Side.SOURCE, "a replica does not answer in time")
            if replica in self._cluster.failing:
                raise read_failure()
            parts[replica] = self._cluster.answer(replica, table, partition)
        return parts

    def _back(self, seen: Snapshot, sent_us: int, now_s: int) -> Snapshot:
        """The answer's way back. What takes too long is given up, unless the worker stood still.

        The server tells seconds to live, counted from when it was asked; the reader adds them to
        its own clock.
        """
        self._hook(Point.ANSWERED)
        took_us = self._cluster.time.micros - sent_us
        if took_us > REQUEST_TIMEOUT_S * 1e6 and self._random.random() < 0.5:
            raise Unavailable(Side.SOURCE, "no answer in time")
        arrived_at = self._clock.now()
        ahead = int(arrived_at) - now_s
        self._hook(Point.AFTER_READ)
        rows = {key: _counted_from(row, ahead) for key, row in seen.rows.items()}
        return replace(seen, rows=rows, arrived_at=arrived_at)

    def _some_replicas(self) -> list[int]:
        wanted = REPLICAS if self._at_all else QUORUM
        if len(self._cluster.up) < wanted:
            raise Unavailable(Side.SOURCE, "too few replicas answer")
        return sorted(self._random.sample(self._cluster.up, wanted))

    def _refuse_more_than_most(self, keys: Collection[Key]) -> None:
        if self._most_rows is not None and len(keys) > self._most_rows:
            raise Overwhelmed("source: too many tombstones")

    def _rows(
        self,
        table: Table,
        partition: Key,
        keys: list[Key],
        parts: Mapping[int, PartitionState],
        now_s: int,
    ) -> dict[Key, Row]:
        states = {key: self._cluster.repaired_row(table, partition, key, parts) for key in keys}
        return {
            key: state.row(table.regulars, now_s, table.tells_elements)
            for key, state in states.items()
            if state.is_live(now_s)
        }

    def _statics(
        self, table: Table, partition: Key, parts: Mapping[int, PartitionState], now_s: int
    ) -> dict[Key, Row]:
        state: RowState = self._cluster.repaired_statics(table, partition, parts)
        exists = state.is_live(now_s) or self._rows(
            table, partition, known_keys(parts.values()), parts, now_s
        )
        return {(): state.row(table.statics, now_s, table.tells_elements)} if exists else {}


def read_failure() -> HintferryError:
    """Return the error that a replica's failure means for a key; None as long as patience lasts."""
    return Troubled(Side.SOURCE, "ReadFailure: UNKNOWN")


def _counted_from(row: Row, ahead: int) -> Row:
    return Row(row.values, tuple(_later(expiry, ahead) for expiry in row.expiries))


def _later(expiry: Expiry, by_s: int) -> Expiry:
    if isinstance(expiry, tuple):
        return tuple(at and at + by_s for at in expiry)
    return expiry and expiry + by_s
