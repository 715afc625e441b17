"""Ports that break a rule, to be put around the good ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hintferry.core.errors import HintferryError, SideFault
from hintferry.core.hint import Hint, Nothing, Record, Slice
from hintferry.core.rows import Put, Remove, Row, Snapshot, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Decoder, Read, Source, Target, Write
from hintferry.testing.cluster import REPLICAS
from tests.model.watch import place

if TYPE_CHECKING:
    from tests.model.worker import WatchedClock, Worker
    from tests.model.world import World


class Rewritten:
    """A target that is given other statements than were planned."""

    def __init__(self, target: Target, rewrite: Callable[[Write], Sequence[Statement]]) -> None:
        self._target, self._rewrite = target, rewrite

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        return self._target.write(
            replace(write, statements=self._rewrite(write)) for write in writes
        )

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        return self._target.rows(table, partition, part)


class SecondThoughts:
    """A target that hears an answer, or looks, and then does the wrong thing."""

    def __init__(self, target: Target, then: Callable[..., HintferryError | None]) -> None:
        self._target, self._then = target, then

    @classmethod
    def sends_again(cls, target: Target, _worker: Worker) -> SecondThoughts:
        """As a driver's retry policy would, with the same timestamp."""
        return cls(target, lambda write, error: _sent_again(target, write, error))

    @classmethod
    def settles_at_once(cls, target: Target, _worker: Worker) -> SecondThoughts:
        """Whatever the answer is, the work counts as done."""
        return cls(target, lambda write, error: None)

    @classmethod
    def skips_equal(cls, target: Target, worker: Worker) -> Target:
        """A hinted row that the target shows already is not written."""
        return Rewritten(target, lambda write: _unequal(write, worker))

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        for write, error in self._target.write(writes):
            yield write, self._then(write, error)

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        return self._target.rows(table, partition, part)


def _sent_again(
    target: Target, write: Write, error: HintferryError | None
) -> HintferryError | None:
    if not isinstance(error, SideFault):
        return error
    return next(again for _, again in target.write([write]))


def _unequal(write: Write, worker: Worker) -> list[Statement]:
    if not isinstance(write.work, RowWork):
        return list(write.statements)
    kept = []
    for statement in write.statements:
        where = place(write, statement)
        if _shows(worker.world.shown(where), statement):
            worker.acknowledged.add(where)
        else:
            kept.append(statement)
    return kept


def _shows(row: Row | None, statement: Statement) -> bool:
    if row is None or not isinstance(statement, Put):
        return row is None and isinstance(statement, Remove)
    is_lasting = statement.expires_at is None and not any(row.expiries)
    return is_lasting and row.values == statement.values


class DrawnClock:
    """A clock whose read starts follow another rule."""

    def __init__(self, clock: WatchedClock, drawn: Callable[[int], int]) -> None:
        self._clock, self._drawn = clock, drawn

    @classmethod
    def coarse(cls, clock: WatchedClock) -> DrawnClock:
        return cls(clock, lambda start: start - start % 1_000_000)

    @classmethod
    def ahead(cls, clock: WatchedClock) -> DrawnClock:
        """It never waits, and counts on from its last one where it is busy."""
        drawn = 0

        def count_on(start: int) -> int:
            nonlocal drawn
            drawn = max(start, drawn + 2_000_000)
            return drawn

        return cls(clock, count_on)

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def read_start(self) -> int:
        start = self._clock.read_start()
        drawn = self._drawn(start)
        self._clock.true[drawn] = self._clock.true[start]
        return drawn


class Forgetful:
    """Mutant: of one event's duplicates only the first counts as news."""

    def __init__(self, decoder: Decoder, world: World) -> None:
        self._decoder, self._world = decoder, world

    def __call__(self, record: Record) -> Hint | Nothing:
        decoded = self._decoder(record)
        if record.value in self._world.applied:
            return Nothing()
        return decoded


class _SourceAround:
    def __init__(self, source: Source, world: World) -> None:
        self._source, self._world = source, world

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return self._source.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        return self._source.agreed(table)

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        return self._source.read(works)

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        return self._source.pages(work)

    def neighbours(self, work: Work) -> list[RowWork]:
        return self._source.neighbours(work)


class RowsOnly(_SourceAround):
    """Static columns are seen only where a row is."""

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        for work, seen in self._source.read(works):
            if isinstance(work, StaticWork) and isinstance(seen, Snapshot):
                is_there = self._has_rows(seen.table, work.partition)
                yield work, seen if is_there else replace(seen, rows={})
            else:
                yield work, seen

    def _has_rows(self, table: Table, partition: Key) -> bool:
        cluster = self._world.cluster
        everyone, now_s = range(REPLICAS), cluster.time.seconds
        return any(
            cluster.merged_row(table, partition, key, everyone).is_live(now_s)
            for key in cluster.keys(table, partition, everyone)
        )


class StampedOnArrival(_SourceAround):
    """Mutant: a read carries the moment of its answer, not of its start."""

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        # The worker that reads is the one whose clock was asked last.
        for work, seen in self._source.read(works):
            if isinstance(seen, Snapshot):
                seen = replace(seen, read_start=self._world.time.micros)
            yield work, seen


class PagesTogether(_SourceAround):
    """All pages carry the time of the last."""

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        pages = list(self._source.pages(work))
        return iter([replace(page, read_start=pages[-1].read_start) for page in pages])


class PiecesApart(_SourceAround):
    """Each piece of a slice speaks for its own rows only, up to the last one it has."""

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        before: int | None = None
        for page in self._source.pages(work):
            if page.rows or page.is_last or page.read_start != before:
                yield page
            before = page.read_start


class UntilEmptyPage(_SourceAround):
    """A page without rows is taken for the end."""

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        for page in self._source.pages(work):
            is_last = page.is_last or not page.rows
            yield replace(page, is_last=is_last)
            if is_last:
                return
