"""Describe what a verify or a backfill of one table is made of, in the function and in the
command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aws_lambda_powertools import Logger, Metrics

from hintferry.adapters.aws.meter import ClockMeter, NoMeter
from hintferry.adapters.aws.parked_queue import SqsParkingLot
from hintferry.adapters.aws.replay_queue import SqsReplayQueue
from hintferry.adapters.config.places import Queues
from hintferry.adapters.config.settings import (
    Migration,
    TableSettings,
    migration_from_environment,
    queues_from_environment,
)
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.adapters.source.capture_check import check_capture, check_stock_capture
from hintferry.adapters.source.captures import SETTLES_S, settled
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.source.marker_row import MarkerRows
from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.adapters.source.markers import CqlMarkers
from hintferry.adapters.sweep.ring import ranges_of
from hintferry.adapters.sweep.scan import Consistency, TokenScan
from hintferry.adapters.sweep.steps import SweepSteps
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.adapters.target.journal import KeyspacesJournal
from hintferry.adapters.target.keyspaces import KeyspacesTarget
from hintferry.adapters.target.leases import KeyspacesLeases
from hintferry.adapters.target.open_items import KeyspacesOpenItems
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.adapters.target.switches import KeyspacesSwitches, SwitchedLimits
from hintferry.core.capture import Proof, Witness
from hintferry.core.errors import ConfigurationError
from hintferry.core.passes import Verb
from hintferry.core.schema import Table, TableId
from hintferry.core.switches import Workers, repair_rate
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.live.fence import FencedScan, FencedSource
from hintferry.live.pipeline import Pipeline
from hintferry.live.recent_writes import RecentWrites
from hintferry.ports import Captures, Deadline, Scan
from hintferry.sweep.backfill import Backfill
from hintferry.sweep.progress import RangeProgress
from hintferry.sweep.repair_sender import RepairSender
from hintferry.sweep.task import Task
from hintferry.sweep.verify import Verifier
from hintferry.wiring.sessions import Sides, captures_of, client, sides_of


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Works on one table, range by range, from a separate machine; close it at the end."""

    table: TableSettings
    pipeline: str
    """The name of the pipeline."""

    sides: Sides
    captures: Captures
    is_stock: bool
    """The stock connector captures."""

    queues: Queues | None
    """The queues for hints and for what the target refuses; a verify without repair needs none."""

    def ranges(self) -> list[TokenRange]:
        """The whole ring, cut for this table. Raises ConfigurationError, SideFault."""
        return ranges_of(self.table.id, self.sides.source, self.sides.target)

    def check_table(self) -> None:
        """Raises UnknownTable, SideFault; ConfigurationError for one that was cut over; Paused."""
        CassandraSource(self.sides.source, self.sides.clock).table(self.table.id)
        if self.fences().is_fenced(self.table.id):
            raise ConfigurationError(
                f"{self.table.id} was cut over, so Hintferry no longer reads or writes its target;"
                " to replicate it again, run `hintferry cutover --undo`"
            )
        self._admission(1, 1).admit(self.table.id)

    def check_capture(self) -> Proof:
        """Raises ConfigurationError unless changes of the table reach the target."""
        sides, table = self.sides, self.table.id
        if self.is_stock:
            rows = MarkerRows(sides.source, sides.target)
            return check_stock_capture(table, self.captures, rows, sides.clock)
        markers = CqlMarkers(sides.source, sides.clock)
        return check_capture(MarkerWatch(table, markers, sides.clock), self.captures)

    def witness(self) -> Witness:
        """Return how the table is captured, after the time in which a change settles."""
        return settled(self.captures, self.table.id, self.sides.clock, SETTLES_S)

    def check_clock(self) -> None:
        """Raises ClockFault where nothing may be read by this machine's clock, SideFault."""
        self.sides.clock.read_start()

    def work(
        self, task: Task, ranges: Iterable[TokenRange], deadline: Deadline
    ) -> Iterator[RangeProgress[VerifySums] | RangeProgress[BackfillSums]]:
        """Sweep the ranges one after the other. Raises Fenced, Paused, Unprocessable."""
        if task.verb is Verb.BACKFILL:
            return self._backfill(task, deadline).fill(ranges)
        return self._verify(task).verify(ranges)

    def _verify(self, task: Task) -> Verifier:
        sides, clock, fences = self.sides, self.sides.clock, self.fences()
        admission = self._admission(task.workers, task.sharers)
        consistency = Consistency.ALL if task.at_all else Consistency.LOCAL_QUORUM
        source_scan = TokenScan(sides.source, clock.read_start, consistency.value)
        repair = None
        if task.repair_rate is not None:
            url = self._the_queues().replay_queue_url
            queue = SqsReplayQueue(client("sqs"), url, clock, self._open_items())
            repair = RepairSender(queue, clock, self._repair_rate(task.repair_rate, task.workers))
        return Verifier(
            self.table.id,
            FencedSource(self._source(), fences, admission),
            KeyspacesTarget(sides.target),
            FencedScan(source_scan, fences, admission),
            TokenScan(sides.target, lambda: 0),
            clock,
            repair,
        )

    def source_table(self) -> Table:
        """The table as the source has it. Raises UnknownTable, SideFault."""
        return self._source().table(self.table.id)

    def source_scan(self, workers: int = 1, sharers: int = 1) -> Scan:
        """Return a scan of the source's rows, with the TTL of each element.

        `workers` share the bounds of the table, and `sharers` those of all tables.
        """
        sides = self.sides
        scan = TokenScan(sides.source, sides.clock.read_start, elements=True)
        return FencedScan(scan, self.fences(), self._admission(workers, sharers))

    def _backfill(self, task: Task, deadline: Deadline) -> Backfill:
        queues = self._the_queues()
        target, clock = self.sides.target, self.sides.clock
        source = FencedSource(
            self._source(), self.fences(), self._admission(task.workers, task.sharers)
        )
        sqs, s3, open_items = client("sqs"), client("s3"), self._open_items()
        pipeline = Pipeline(
            HintDecoder(source.table),
            source,
            KeyspacesTarget(target),
            SqsParkingLot(sqs, s3, queues.parked_queue_url, queues.bucket, clock, open_items),
            SqsReplayQueue(sqs, queues.replay_queue_url, clock, open_items),
            KeyspacesLeases(target, clock),
            clock,
            NoMeter(),
            recent_writes=RecentWrites(0),
        )
        rate = self.table.capacity.backfill_units_per_s / task.workers
        scan = self.source_scan(task.workers, task.sharers)
        return Backfill(self.table.id, scan, pipeline, deadline, self.table.ttl, rate)

    def fences(self) -> KeyspacesFences:
        """Return which tables were cut over."""
        return KeyspacesFences(self.sides.target, self.sides.clock)

    def passes(self) -> KeyspacesPasses:
        """Return where finished passes are recorded."""
        return KeyspacesPasses(self.sides.target)

    def switches(self) -> KeyspacesSwitches:
        """Return the switches that an operator set."""
        return KeyspacesSwitches(self.sides.target, self.sides.clock, self.pipeline)

    def journal(self) -> KeyspacesJournal:
        """Return where what is done is written down."""
        return KeyspacesJournal(self.sides.target, self.pipeline)

    def _open_items(self) -> KeyspacesOpenItems:
        return KeyspacesOpenItems(self.sides.target, self.pipeline)

    def close(self) -> None:
        """Close the sessions."""
        self.sides.close()

    def _the_queues(self) -> Queues:
        if self.queues is None:
            raise ConfigurationError(
                "backfill and verify --repair need the queues; set HINTFERRY_REPLAY_QUEUE_URL,"
                " HINTFERRY_PARKED_QUEUE_URL and HINTFERRY_BUCKET as `hintferry env` prints them"
            )
        return self.queues

    def _admission(self, workers: int, sharers: int) -> SwitchedLimits:
        limits, each = (
            (self.sides.source.rate_limit, self.sides.target.rate_limit),
            Workers(workers, sharers),
        )
        return SwitchedLimits(self.switches(), *limits, lambda _: each)

    def _repair_rate(self, configured: float, workers: int) -> Callable[[], float]:
        switches = self.switches()
        return lambda: repair_rate(switches.board(), self.table.id, configured) / workers

    def _source(self) -> CassandraSource:
        return CassandraSource(self.sides.source, self.sides.clock, [self.table])


def sweeper(migration: Migration, table: TableId, queues: Queues | None = None) -> Sweeper:
    """The sweeper of one table. Nothing is connected yet."""
    sides = _yielding_sides(migration)
    captures = captures_of(migration, sides)
    return _sweeper(migration, table, sides, captures, queues)


def sweep_steps(logger: Logger, metrics: Metrics) -> SweepSteps:
    """The steps of the sweep function, from its environment. Nothing is connected yet."""
    migration, queues = migration_from_environment(), queues_from_environment()
    sides = _yielding_sides(migration)
    captures = captures_of(migration, sides)

    def of(table: TableId) -> Sweeper:
        return _sweeper(migration, table, sides, captures, queues)

    clocks = ClockMeter(metrics, sides.clock)
    return SweepSteps(of, client("s3"), queues.bucket, logger, metrics, clocks)


def _sweeper(
    migration: Migration, table: TableId, sides: Sides, captures: Captures, queues: Queues | None
) -> Sweeper:
    settings, is_stock = migration.settings_of(table), migration.stock_connector
    return Sweeper(settings, migration.pipeline, sides, captures, is_stock, queues)


def _yielding_sides(migration: Migration) -> Sides:
    """Return both sides, at a pace that gives way to live hints."""
    sides = sides_of(migration)
    sides.source.rate_limit, sides.target.rate_limit = (
        RateLimit(yields=True),
        RateLimit(yields=True),
    )
    return sides
