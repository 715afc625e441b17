"""Both sides in memory, filled by hand, and a sweep over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from hintferry.core.hint import Hint, Record
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import TokenRange, plan_ranges
from hintferry.core.verdict import VerifySums
from hintferry.core.work import Later
from hintferry.live.fence import FencedScan, FencedSource
from hintferry.live.pipeline import Pipeline
from hintferry.sweep.backfill import Backfill
from hintferry.sweep.progress import Finished
from hintferry.sweep.repair_sender import RepairSender
from hintferry.sweep.verify import Verifier
from hintferry.testing import changes
from hintferry.testing.changes import NewValues
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.fences import MemoryFences
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.partition import PartitionState
from hintferry.testing.points import Hook, nowhere
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.scan import scan_of_source, scan_of_target
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.switches import MemorySwitches
from hintferry.testing.target import MemoryTarget
from tests.model.tables import TABLES

ALL = range(3)


@dataclass
class Sides:
    """A source of three replicas, a target, and what works on them."""

    seed: int = 0
    captured: list[Hint] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = Random(self.seed)
        self.time = SimulatedTime()
        self.clock = ScriptedClock(self.time)
        self.cluster = ReplicatedCluster(
            TABLES.values(), self.time, lambda hint, *_: self.captured.append(hint)
        )
        self.store = MemoryStore(self.time)
        self.fences = MemoryFences()
        self.switches = MemorySwitches()
        self.raw_source = ReplicatedSource(self.cluster, self.clock, random=random)
        self.source = FencedSource(self.raw_source, self.fences, self.switches)
        self.hook: Hook = nowhere
        self.target = MemoryTarget(self.store, lambda point: self.hook(point), random=random)
        self.source_scan = scan_of_source(self.cluster, self.raw_source, self.clock, random)
        self.target_scan = scan_of_target(self.store, random)
        self.queue = MemoryReplayQueue(self.later.append)
        self.parking = MemoryParkingLot()
        self.pipeline = Pipeline(
            lambda record: self._hints[record.offset],
            self.source,
            self.target,
            self.parking,
            self.queue,
            MemoryLeases(LeaseTable(self.time), self.clock),
            self.clock,
            RecordingMeter(),
        )
        self._hints: list[Hint] = []

    def on_source(self, table: Table, partition: Key, change: PartitionState) -> None:
        """A write to all replicas of the source."""
        self.time.advance(1_000)
        self.cluster.write(table, partition, change, ALL)

    def on_target(self, table: Table, partition: Key, change: PartitionState) -> None:
        """A write to the target that nothing of ours has made."""
        self.store.apply(table.id, partition, change)

    def put(
        self,
        table: Table,
        partition: Key,
        key: Key | None,
        values: NewValues,
        ttl: int | None = None,
    ) -> PartitionState:
        """An INSERT, as a change to be written to either side."""
        at = self.time.micros
        expires = None if ttl is None else self.time.seconds + ttl
        return changes.put(table, key, values, at, expires, creates_row=key is not None)

    def sweep(self, table: Table, *, repair: bool = False) -> Verifier:
        scan = FencedScan(self.source_scan, self.fences, self.switches)
        fix = RepairSender(self.queue, self.clock, lambda: 100.0) if repair else None
        return Verifier(table.id, self.source, self.target, scan, self.target_scan, self.clock, fix)

    def verify(
        self, table: Table, *, repair: bool = False, ranges: Iterable[TokenRange] | None = None
    ) -> VerifySums:
        """The sums of a sweep of the whole table; every range has to finish."""
        parts = list(plan_ranges([], 3) if ranges is None else ranges)
        sums, done = VerifySums(), list[TokenRange]()
        for report in self.sweep(table, repair=repair).verify(parts):
            if isinstance(report, Finished):
                assert report.error is None, report.error
                done.append(report.part)
                sums.add(report.sums)
        assert sorted(done) == sorted(parts)
        return sums

    def backfill(self, table: Table) -> Backfill:
        scan = FencedScan(self.source_scan, self.fences, self.switches)
        return Backfill(table.id, scan, self.pipeline, FixedDeadline())

    def apply_later(self) -> None:
        """The replay queue's work, until it is empty."""
        for _ in range(20):
            if not self.later:
                return
            some, self.later[:] = list(self.later), []
            self._hints = [one.hint for one in some]
            self.time.advance(max(one.delay_s for one in some) * 1_000_000)
            records = [Record("replay", 0, n, None, None, b"") for n in range(len(some))]
            self.pipeline.process(records, FixedDeadline())
        raise AssertionError("the replay queue never runs empty")
