"""One worker of the model: the real pipeline on its own clock, stopped where the program says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.adapters.records.hint_record import Lookup
from hintferry.core.errors import HintferryError, LateAnswer
from hintferry.core.hint import Hint, Nothing, Record
from hintferry.core.outcome import Settled
from hintferry.core.rows import Add, Row, ScanPage, Snapshot, Statement
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange, plan_ranges
from hintferry.core.verdict import BackfillSums
from hintferry.core.work import RowWork, SliceWork, StaticWork
from hintferry.live.fence import FencedScan, FencedSource
from hintferry.live.pipeline import Pipeline
from hintferry.live.recent_writes import RecentWrites
from hintferry.live.validation import Sampler, Validator
from hintferry.ports import Read, Write
from hintferry.sweep.backfill import Backfill
from hintferry.sweep.progress import RangeProgress
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import merge
from hintferry.testing.deadline import FixedDeadline, SimulatedDeadline
from hintferry.testing.fences import HeldFences
from hintferry.testing.leases import MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.other_clocks import SimulatedClocks
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.partition import PartitionState
from hintferry.testing.points import Hook, Point
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.scan import MemoryScan, scan_of_source
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.target import Answers, Fate, MemoryTarget
from hintferry.testing.write_times import MemoryWriteTimes
from tests.model.catalog import catalog_of
from tests.model.journey import Journey
from tests.model.program import Batch
from tests.model.surroundings import WorldCaptures, WorldOpenItems
from tests.model.watch import RowName, is_refused, place

if TYPE_CHECKING:
    from tests.model.world import World

FAULTS = (
    Fate.THROTTLED,
    Fate.UNAVAILABLE,
    Fate.TIMED_OUT_WRITTEN,
    Fate.TIMED_OUT_LATE,
    Fate.TIMED_OUT_LOST,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """The rows that a page speaks for: behind `after`, up to `last` (None: without such a limit).

    `started`: the true time at which the read of the first page began that saw any of them.
    """

    partition: tuple[TableId, Key]
    after: Key | None
    last: Key | None
    started: int

    def speaks_for(self, where: RowName) -> bool:
        """Return whether the row is one of them."""
        key = where[2] or ()
        is_behind = self.after is None or key > self.after
        return where[:2] == self.partition and is_behind and (self.last is None or key <= self.last)


class Worker:
    """A process that handles batches; from one to the next it keeps its clock and what the target
    has acknowledged, until it dies."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.clock = WatchedClock(world.time, 17 + 31 * number, world.profile.is_measured)
        self.catalog = catalog_of(world.cluster, world.random)
        self.fences = HeldFences(world.hand_overs.fences, self.clock)
        self.is_busy = False
        self.remembered = RecentWrites()
        self.acknowledged: set[RowName] = set()
        self.on_their_way: list[Journey] = []
        self.read_by: dict[RowName, int] = {}
        """By how late an alteration of its table each place was read."""
        self._read_at: dict[RowName, int] = {}
        self._intervals: list[Interval] = []

    def run(self, step: Batch, records: list[Record], hook: Hook) -> list[Settled]:
        """Bring a batch to its end."""
        self._begin()
        deadline = SimulatedDeadline(self.world.time, step.budget_s)
        return self._pipeline(step, hook).process(records, deadline)

    def fill(
        self, step: Batch, table: TableId, hook: Hook
    ) -> Iterator[RangeProgress[BackfillSums]]:
        """Fill a table, or half of it."""
        self._begin()
        pipeline, random = self._pipeline(step, hook), Random(step.seed)
        source = WatchedSource(self, step, hook, random)
        source_scan = scan_of_source(self.world.cluster, source, pipeline.clock, random)
        scan = FencedScan(
            WatchedScan(source_scan, self), _Fences(self.fences, hook), self.world.switches
        )
        ranges = plan_ranges([], 2)
        part = random.choice([ranges, ranges, ranges[:1], ranges[1:]])
        return Backfill(table, scan, pipeline, FixedDeadline()).fill(part)

    def _begin(self) -> None:
        self.acknowledged, self.on_their_way = set(), []
        self._read_at, self._intervals = {}, []

    def latest(self) -> int | None:
        """Until when this worker may be stalled, with writes of its own on their way."""
        return min((journey.latest_us for journey in self.on_their_way), default=None)

    def has_read(self, work: RowWork | StaticWork, seen: Snapshot) -> None:
        """A key was read; the read start is by this worker's clock."""
        keys: Iterable[Key | None] = [None] if isinstance(work, StaticWork) else work.rows
        for key in keys:
            self.has_seen((work.table, work.partition, key), seen.table, seen.read_start)

    def has_seen(self, where: RowName, table: Table, read_start: int) -> None:
        """A row was read, or scanned."""
        self._read_at[where] = self.clock.true[read_start]
        self.read_by[where] = max(table.altered_us, self.read_by.get(where, 0))

    def has_read_page(self, interval: Interval) -> None:
        """A page was read that speaks for these rows."""
        self._intervals.append(interval)

    def read_at(self, write: Write, statement: Statement) -> int:
        """The true time at which the read began that a statement follows from."""
        where = place(write, statement)
        if isinstance(statement, Add):
            return self.world.time.micros
        if not isinstance(write.work, SliceWork):
            return self._read_at[where]
        return next(one.started for one in reversed(self._intervals) if one.speaks_for(where))

    def sends(self, write: Write) -> Write:
        """A write leaves the pipeline."""
        starts = [self.read_at(write, statement) for statement in write.statements]
        self.on_their_way.append(self.world.set_out(write, starts))
        return write

    def has_sent(self, write: Write, error: HintferryError | None) -> None:
        """A write was answered."""
        self.on_their_way = [one for one in self.on_their_way if one.write is not write]
        # A late answer says that all was written.
        if error is None or isinstance(error, LateAnswer):
            self.acknowledged.update(place(write, one) for one in write.statements)

    def _pipeline(self, step: Batch, hook: Hook) -> Pipeline:
        random, world = Random(step.seed), self.world
        parking, replay = MemoryParkingLot(hook), MemoryReplayQueue(world.postponed, hook)
        parking.is_closed, replay.is_closed = step.park_fails, step.replay_fails
        mutant, answers = world.mutant, _answers(step, random)
        asked = WatchedSource(self, step, hook, random)
        watched = mutant.source(asked, world)
        source = FencedSource(watched, _Fences(self.fences, hook), world.switches)
        target = WatchedTarget(self, hook, random, answers)
        validator = Validator(
            source,
            target,
            mutant.write_times(MemoryWriteTimes(asked, target)),
            world.markers,
            WorldCaptures(world),
            WorldOpenItems(world),
            world.hand_overs.passes,
            replay,
            self.clock,
            Sampler(world.one_in),
        )
        return Pipeline(
            mutant.decoder(_StoppedDecoder(source.table, hook), world),
            source,
            mutant.target(target, self),
            parking,
            replay,
            MemoryLeases(world.leases, self.clock, hook),
            mutant.clock(self.clock),
            RecordingMeter(),
            self.remembered,
            validator,
        )


class WatchedClock(MeasuredClock):
    """The real clock of a worker, over a machine's that is wrong. It remembers at which true time
    each read start was given out."""

    def __init__(self, time: SimulatedTime, salt: int, is_measured: bool) -> None:
        self.own = ScriptedClock(time, salt)
        # The way there and the way back are not alike.
        ways = (1_500, 300) if salt % 2 else (300, 1_500)
        super().__init__(self.own, SimulatedClocks(self.own, *ways, tells=is_measured))
        self.true: dict[int, int] = {}

    def read_start(self) -> int:
        start = super().read_start()
        self.true[start] = self.own.time.micros
        return start


class WatchedSource(ReplicatedSource):
    """Tells the worker when each read began."""

    def __init__(self, worker: Worker, step: Batch, hook: Hook, random: Random) -> None:
        clock = worker.world.mutant.clock(worker.clock)
        cluster = worker.world.cluster
        faults = step.lookup_faults
        super().__init__(
            cluster,
            clock,
            hook,
            random,
            most_rows=step.most_rows,
            lookup_faults=faults,
            catalog=worker.catalog,
        )
        self._worker = worker

    def read(self, works: Iterable[RowWork | StaticWork]) -> Iterator[Read]:
        for work, seen in super().read(works):
            if isinstance(seen, Snapshot):
                self._worker.has_read(work, seen)
            yield work, seen

    def _rows(
        self,
        table: Table,
        partition: Key,
        keys: list[Key],
        parts: Mapping[int, PartitionState],
        now_s: int,
    ) -> dict[Key, Row]:
        if len(parts) > 1:
            for key in keys:
                seen = merge(part.row(key) for part in parts.values())
                self._worker.world.watch.read((table.id, partition, key), table, seen)
        return super()._rows(table, partition, keys, parts, now_s)

    def _statics(
        self, table: Table, partition: Key, parts: Mapping[int, PartitionState], now_s: int
    ) -> dict[Key, Row]:
        if len(parts) > 1:
            seen = merge(part.static_row() for part in parts.values())
            self._worker.world.watch.read((table.id, partition, None), table, seen)
        return super()._statics(table, partition, parts, now_s)

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        after: Key | None = None
        oldest: int | None = None
        for page in super().pages(work):
            start = self._worker.clock.true[page.read_start]
            oldest = start if oldest is None else oldest
            if page.rows or page.is_last:
                last = None if page.is_last else max(page.rows)
                where = work.table, work.partition
                self._worker.has_read_page(Interval(where, after, last, oldest))
                after, oldest = last, None
            yield page


@dataclass(frozen=True, slots=True)
class WatchedScan:
    """Tells the worker when each page was asked for, and the page when it arrived."""

    scan: MemoryScan
    worker: Worker

    def rows(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        for page in self.scan.rows(table, part):
            for key in page.keys:
                where = table.id, key.partition, key.clustering
                self.worker.has_seen(where, table, page.read_start)
            yield replace(page, arrived_at=self.worker.clock.now())

    def statics(self, table: Table, part: TokenRange) -> Iterator[ScanPage]:
        for page in self.scan.statics(table, part):
            for key in page.keys:
                self.worker.has_seen((table.id, key.partition, None), table, page.read_start)
            yield replace(page, arrived_at=self.worker.clock.now())

    def partitions(self, table: Table, token: int) -> list[Key]:
        return self.scan.partitions(table, token)


class WatchedTarget(MemoryTarget):
    """Tells the world what arrives, and the worker what is on its way and what is acknowledged."""

    def __init__(self, worker: Worker, hook: Hook, random: Random, answers: Answers) -> None:
        world, now = worker.world, worker.clock.now
        super().__init__(world.target, hook, answers, random, late=world.late, now=now)
        self._worker = worker

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        for write, error in super().write(map(self._worker.sends, writes)):
            self._worker.has_sent(write, error)
            yield write, error

    def arrive(self, write: Write, statement: Statement) -> None:
        self._worker.world.arrive(write, statement, super().arrive)


@dataclass(frozen=True, slots=True)
class _Fences:
    held: HeldFences
    hook: Hook

    def is_fenced(self, table: TableId, read_start: int = 0) -> bool:
        return self.held.is_fenced(table, self.hook, read_start)


class _StoppedDecoder:
    """The real decoder, with a place to stop after it."""

    def __init__(self, lookup: Lookup, hook: Hook) -> None:
        self._decode, self._hook = HintDecoder(lookup), hook

    def __call__(self, record: Record) -> Hint | Nothing:
        decoded = self._decode(record)
        self._hook(Point.AFTER_DECODE)
        return decoded


def _answers(step: Batch, random: Random) -> Answers:
    def answer(write: Write, statement: Statement) -> Fate:
        if is_refused(place(write, statement), statement):
            return Fate.UNREPRESENTABLE
        return random.choice(FAULTS) if random.random() < step.faults else Fate.WRITTEN

    return answer
