"""Scans of both sides' fakes. A partition's token is some of its key's bytes hashed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from marshal import dumps, loads
from random import Random
from struct import pack

from hintferry.core.errors import HintferryError
from hintferry.core.hint import WHOLE_PARTITION
from hintferry.core.rows import Row, Scanned, ScanPage
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import TokenRange
from hintferry.core.work import SliceWork, StaticWork
from hintferry.ports import Clock
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore

Rows = Callable[[Table, Key], dict[Key, Row]]


def token_of(partition: Key) -> int:
    """The token of a partition; never the lowest."""
    digest = sha256(b"".join(partition)).digest()
    return int.from_bytes(digest[:8], signed=True) | 1


@dataclass(frozen=True, slots=True)
class Marshalled:
    """Rows as two cells: the token and, marshalled, the rest; or static columns."""

    statics: bool

    def scanned(self, count: int, body: bytes, arrived_at: float) -> list[Scanned]:
        """The rows in these bytes."""
        rows, at = list[Scanned](), 0
        for _ in range(count):
            end = at + self._length(body, at)
            token = int.from_bytes(body[at + 4 : at + 12], signed=True)
            partition, clustering, *row = loads(body[at + _LEAD : end])
            rows.append(Scanned(token, partition, clustering, Row(*row)))
            at = end
        return rows

    def extent(self, count: int, body: bytes, rows: int) -> tuple[int, int]:
        """Return how many answers, and bytes, hold the first so many rows."""
        at = 0
        for _ in range(rows):
            at += self._length(body, at)
        return rows, at

    def is_dense(self, body: bytes) -> bool:
        """Every answer is a row here, but perhaps one of null static columns."""
        return not self.statics

    def _length(self, body: bytes, at: int) -> int:
        return _LEAD + int.from_bytes(body[at + 12 : at + _LEAD])


_LEAD = 16
"""Bytes of the token's cell and of the length of the next."""


def page_of(
    keys: Sequence[Scanned],
    read_start: int,
    is_last: bool,
    statics: bool = False,
    arrived_at: float = 0.0,
) -> ScanPage:
    """A page of these rows."""
    rows = [
        (key.token, dumps((key.partition, key.clustering, key.row.values, key.row.expiries), 2))
        for key in keys
    ]
    body = b"".join(pack(">iqi", 8, token, len(row)) + row for token, row in rows)
    return ScanPage(read_start, arrived_at, body, len(keys), is_last, Marshalled(statics))


class MemoryScan:
    """Pages are short, and may be empty.

    `fails(part)` tells which ranges are read with an error: faults of a side, or tombstones.
    """

    def __init__(
        self,
        partitions: Callable[[Table], Iterable[Key]],
        rows: Rows,
        statics: Rows,
        stamp: Callable[[], int],
        random: Random,
        now: Callable[[], float] = lambda: 0.0,
        most: int = 3,
    ) -> None:
        self._partitions, self._rows, self._statics = partitions, rows, statics
        self._stamp, self._random, self._now, self._most = stamp, random, now, most
        self.fails: Callable[[TokenRange], HintferryError | None] = lambda _: None

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The rows of a range page by page."""
        return self._pages(table, part, self._rows)

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        """The static columns of each partition likewise."""
        return self._pages(table, part, self._statics)

    def partitions(self, table: Table, token: int) -> list[Key]:
        """The partitions of one token."""
        return [one for one in self._partitions(table) if token_of(one) == token]

    def _pages(self, table: Table, part: TokenRange, read: Rows) -> Iterator[ScanPage]:
        after: tuple[int, Key, Key] | None = None
        is_last = False
        while not is_last:
            failure = self.fails(part)
            if failure is not None:
                raise failure
            start, size = self._stamp(), self._random.randint(0, self._most)
            keys = [
                one for one in self._keys(table, part, read) if after is None or one[:3] > after
            ]
            page, is_last = keys[:size], len(keys) < size
            after = page[-1][:3] if page else after
            yield page_of(page, start, is_last, read is self._statics, self._now())

    def _keys(self, table: Table, part: TokenRange, read: Rows) -> list[Scanned]:
        known = sorted((token_of(one), one) for one in self._partitions(table))
        return [
            Scanned(token, partition, clustering, row)
            for token, partition in known
            if part.after < token <= part.upto
            for clustering, row in read(table, partition).items()
        ]


def scan_of_source(
    cluster: ReplicatedCluster, source: ReplicatedSource, clock: Clock, random: Random
) -> MemoryScan:
    """Scans as the source reads slices and static columns."""

    def partitions(table: Table) -> set[Key]:
        return {at[1] for one in cluster.replicas for at in one.partitions if at[0] == table.id}

    def rows(table: Table, partition: Key) -> dict[Key, Row]:
        work = SliceWork(table.id, partition, WHOLE_PARTITION, ())
        return {key: row for page in source.pages(work) for key, row in page.rows.items()}

    def statics(table: Table, partition: Key) -> dict[Key, Row]:
        ((_, seen),) = source.read([StaticWork(table.id, partition, ())])
        if isinstance(seen, HintferryError):
            raise seen
        return seen.rows

    return MemoryScan(partitions, rows, statics, clock.read_start, random, clock.now)


def scan_of_target(store: MemoryStore, random: Random) -> MemoryScan:
    """Scans of the one store."""

    def partitions(table: Table) -> set[Key]:
        return {at[1] for at in store.partitions if at[0] == table.id}

    def statics(table: Table, partition: Key) -> dict[Key, Row]:
        return {(): store.statics(table, partition)}

    now = store.time
    return MemoryScan(partitions, store.rows, statics, lambda: 0, random, lambda: now.micros / 1e6)
