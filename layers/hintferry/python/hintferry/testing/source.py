"""The source port over the three-replica cluster: one worker's quorum reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

from hintferry.core.coalesce import RowWork, SliceWork, StaticWork
from hintferry.core.errors import HintferryError, Overwhelmed, Side, Unavailable
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.slices import Piece, pieces
from hintferry.ports import Clock
from hintferry.testing.cluster import QUORUM, REPLICAS, ReplicatedCluster
from hintferry.testing.partition import lies_in
from hintferry.testing.points import Hook, Point, nowhere
from hintferry.testing.rowstate import RowState

Read = tuple[RowWork | StaticWork, Snapshot | HintferryError]


class ReplicatedSource:
    """Reads with blocking read repair, at quorum, or of all replicas.

    `random` picks the replicas of each read, the size of each page, how many reads are in
    flight together and the order in which they come back. `most_rows`: as many rows, dead ones
    counted, as a request may touch before the replicas give up on it.
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
    ) -> None:
        self._cluster, self._clock, self._hook = cluster, clock, hook
        self._random = random or Random(0)
        self._in_flight, self._most_rows = reads_in_flight, most_rows
        self._at_all = at_all

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        """The table. Raises UnknownTable."""
        return self._cluster.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        """The table. Raises UnknownTable."""
        return self._cluster.table(table)

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        """Read many keys, some of them together."""
        remaining = iter(works)
        while sent := self._send(islice(remaining, self._random.randint(1, self._in_flight))):
            self._random.shuffle(sent)
            yield from [(work, self._answer(work, start)) for work, start in sent]

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

    def _pages(self, table: Table, partition: Key, piece: Piece) -> Iterator[Snapshot]:
        after, is_last = None, False
        while not is_last:
            self._hook(Point.BEFORE_READ)
            start = self._clock.read_start()
            self._hook(Point.READ_STARTED)
            asked = self._some_replicas()
            keys = [
                key
                for key in self._cluster.keys(table, partition, asked)
                if lies_in(piece, key) and (after is None or key > after)
            ]
            self._refuse_more_than_most(keys)
            page = keys[: self._random.randint(1, 3)]
            # A full page does not know that nothing follows: sometimes the last one is empty.
            is_last = len(page) == len(keys) and self._random.random() < 0.7
            after = page[-1] if page else after
            rows = self._rows(table, partition, page, asked)
            self._hook(Point.AFTER_READ)
            yield Snapshot(table, start, rows, is_last)

    def _send(
        self, works: Iterable[RowWork | StaticWork]
    ) -> list[tuple[RowWork | StaticWork, int | HintferryError]]:
        """Requests with their read starts, or why a request could not be sent."""
        sent: list[tuple[RowWork | StaticWork, int | HintferryError]] = []
        for work in works:
            self._hook(Point.BEFORE_READ)
            try:
                sent.append((work, self._clock.read_start()))
            except HintferryError as error:
                sent.append((work, error))
        if sent:
            self._hook(Point.READ_STARTED)
        return sent

    def _answer(
        self, work: RowWork | StaticWork, start: int | HintferryError
    ) -> Snapshot | HintferryError:
        if isinstance(start, HintferryError):
            return start
        try:
            table, asked = self.table(work.table), self._some_replicas()
            self._refuse_more_than_most(work.rows if isinstance(work, RowWork) else ())
        except HintferryError as error:
            return error
        if isinstance(work, StaticWork):
            rows = self._statics(table, work.partition, asked)
        else:
            rows = self._rows(table, work.partition, sorted(work.rows), asked)
        self._hook(Point.AFTER_READ)
        return Snapshot(table, start, rows)

    def _some_replicas(self) -> list[int]:
        wanted = REPLICAS if self._at_all else QUORUM
        if len(self._cluster.up) < wanted:
            raise Unavailable(Side.SOURCE, "too few replicas answer")
        return sorted(self._random.sample(self._cluster.up, wanted))

    def _refuse_more_than_most(self, keys: Collection[Key]) -> None:
        if self._most_rows is not None and len(keys) > self._most_rows:
            raise Overwhelmed("source: too many tombstones")

    def _rows(
        self, table: Table, partition: Key, keys: list[Key], asked: list[int]
    ) -> dict[Key, Row]:
        now_s = self._cluster.time.seconds
        states = {key: self._cluster.merged_row(table, partition, key, asked) for key in keys}
        return {
            key: self._as_read(state.row(table.regulars, now_s), now_s)
            for key, state in states.items()
            if state.is_live(now_s)
        }

    def _statics(self, table: Table, partition: Key, asked: list[int]) -> dict[Key, Row]:
        now_s = self._cluster.time.seconds
        state: RowState = self._cluster.merged_statics(table, partition, asked)
        exists = state.is_live(now_s) or self._rows(
            table, partition, self._cluster.keys(table, partition, asked), asked
        )
        return {(): self._as_read(state.row(table.statics, now_s), now_s)} if exists else {}

    def _as_read(self, row: Row, now_s: int) -> Row:
        """The server tells seconds to live; the reader adds them to its own clock."""
        ahead = int(self._clock.now()) - now_s
        expiries = (None if expiry is None else expiry + ahead for expiry in row.expiries)
        return Row(row.values, tuple(expiries))
