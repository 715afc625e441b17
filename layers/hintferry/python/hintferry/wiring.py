"""The one place where adapters meet the pipeline."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

import boto3
import certifi
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    LoadBalancingPolicy,
    RoundRobinPolicy,
)

from hintferry.adapters.captures import SETTLES_S, CqlCaptures, settled
from hintferry.adapters.cassandra import CassandraSource
from hintferry.adapters.clock import WallClock
from hintferry.adapters.debezium import HintDecoder
from hintferry.adapters.fences import KeyspacesFences
from hintferry.adapters.figures import CloudWatchFigures
from hintferry.adapters.inspection import CqlInspection
from hintferry.adapters.keyspaces import KeyspacesTarget
from hintferry.adapters.late_writes import LateWrites
from hintferry.adapters.leases import KeyspacesLeases
from hintferry.adapters.marker import CapturedMarkers, check_capture
from hintferry.adapters.meter import NoMeter, PowertoolsMeter
from hintferry.adapters.other_clocks import CqlClocks
from hintferry.adapters.pace import Pace
from hintferry.adapters.parking import SqsParkingLot
from hintferry.adapters.passes import KeyspacesPasses
from hintferry.adapters.queue_event import ReplayEvents
from hintferry.adapters.rawcql import rows_as_they_are
from hintferry.adapters.replay_queue import SqsReplayQueue
from hintferry.adapters.ring import ranges_of
from hintferry.adapters.scan import Consistency, TokenScan
from hintferry.adapters.session import COMMON_OPTIONS, CqlSession
from hintferry.adapters.settings import (
    Migration,
    Queues,
    TableSettings,
    TargetSettings,
    migration_from_environment,
    queues_from_environment,
)
from hintferry.adapters.sigv4 import KeyspacesAuthProvider
from hintferry.adapters.source_login import SourceLogin
from hintferry.adapters.source_settings import SourceSettings
from hintferry.adapters.sweep_steps import SweepSteps
from hintferry.adapters.target_check import TargetCheck
from hintferry.backfill import Backfill
from hintferry.core.acknowledged import Acknowledged
from hintferry.core.capture import Proof, Witness
from hintferry.core.errors import ConfigurationError, Side
from hintferry.core.facts import Answers
from hintferry.core.limits import REQUEST_TIMEOUT_S
from hintferry.core.offset import Offsets
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Filled, Tally
from hintferry.cutover import Gatekeeper
from hintferry.estimate import Estimate, estimate
from hintferry.fence import FencedScan, FencedSource
from hintferry.measured import MeasuredClock
from hintferry.pipeline import Pipeline
from hintferry.ports import Captures, Clock, Deadline, NodeReports, Waiting
from hintferry.repair import Repair
from hintferry.report import Report
from hintferry.sweep import Sweep
from hintferry.task import Task

DROP_WHAT_IS_UNSENT = (socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
"""Closing a connection ends what it still had to send."""


def processor(logger: Logger, metrics: Metrics) -> Pipeline:
    """The pipeline of the processor function, from its environment. Nothing is connected yet."""
    migration, queues = migration_from_environment(), queues_from_environment()
    ttl_off = frozenset(table.id for table in migration.tables if not table.ttl)
    near, far = source_session(migration.source), target_session(migration.target)
    clock = measured_clock(migration, near, far)
    source = FencedSource(CassandraSource(near, clock, ttl_off), KeyspacesFences(far, clock))
    target = KeyspacesTarget(far, ttl_off)
    leases = KeyspacesLeases(far, clock)
    sqs = _client("sqs")
    parking = SqsParkingLot(sqs, _client("s3"), queues.parked_queue_url, queues.bucket)
    replay = SqsReplayQueue(sqs, queues.replay_queue_url, clock)
    meter = PowertoolsMeter(logger, metrics, near, far, clock)
    return Pipeline(
        HintDecoder(source.table), source, target, parking, replay, leases, clock, meter
    )


def replay_events() -> ReplayEvents:
    """What opens and answers the events of the replay queue."""
    queues = queues_from_environment()
    return ReplayEvents(_client("sqs"), _client("s3"), queues.replay_queue_url)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """What works on one table, range by range, from a machine of its own; close it at the end."""

    table: TableSettings
    near: CqlSession
    far: CqlSession
    clock: MeasuredClock
    captures: Captures
    queues: Queues | None
    """Where hints go, and what the target refuses; a verify without repair needs none."""

    def ranges(self) -> list[TokenRange]:
        """The whole ring, cut for this table. Raises ConfigurationError, SideFault."""
        return ranges_of(self.table.id, self.near, self.far)

    def check_table(self) -> None:
        """Raises UnknownTable, SideFault; ConfigurationError for one that was cut over."""
        CassandraSource(self.near, self.clock).table(self.table.id)
        if self.fences().is_fenced(self.table.id):
            raise ConfigurationError(
                f"{self.table.id} was cut over: its target belongs to the application, and is"
                " neither read nor changed any more"
            )

    def check_capture(self) -> Proof:
        """Raises ConfigurationError unless changes of the table reach the target."""
        return check_capture(self.table.id, self.captures, self.near, self.far, self.clock)

    def witness(self) -> Witness:
        """What is seen of the table's capture, once what is about to settle has settled."""
        return settled(self.captures, self.table.id, self.clock, SETTLES_S)

    def check_clock(self) -> None:
        """Raises ClockFault where nothing may be read by this machine's clock, SideFault."""
        self.clock.read_start()

    def work(
        self, task: Task, ranges: Iterable[TokenRange], deadline: Deadline
    ) -> Iterator[Report[Tally] | Report[Filled]]:
        """Sweep the ranges one after the other. Raises Fenced, Unprocessable."""
        if task.verb is Verb.BACKFILL:
            return self._backfill(task, deadline).fill(ranges)
        return self._verify(task).verify(ranges)

    def _verify(self, task: Task) -> Sweep:
        clock, ttl_off = self.clock, self._ttl_off()
        fences = self.fences()
        consistency = Consistency.ALL if task.at_all else Consistency.LOCAL_QUORUM
        near = TokenScan(self.near, clock.read_start, ttl_off, consistency.value)
        far = TokenScan(self.far, lambda: 0, ttl_off)
        repair = None
        if task.repair_rate is not None:
            url = self._the_queues().replay_queue_url
            queue = SqsReplayQueue(_client("sqs"), url, clock)
            repair = Repair(queue, clock, task.repair_rate / task.workers)
        return Sweep(
            self.table.id,
            FencedSource(CassandraSource(self.near, clock, ttl_off), fences),
            KeyspacesTarget(self.far, ttl_off),
            FencedScan(near, fences),
            far,
            clock,
            repair,
        )

    def estimate(self) -> Estimate:
        """About what a backfill will have to do. Raises HintferryError."""
        clock, fences = self.clock, self.fences()
        near = TokenScan(self.near, clock.read_start, self._ttl_off())
        source = CassandraSource(self.near, clock, self._ttl_off())
        return estimate(source.table(self.table.id), FencedScan(near, fences), self.table.ttl)

    def _backfill(self, task: Task, deadline: Deadline) -> Backfill:
        queues = self._the_queues()
        clock, ttl_off = self.clock, self._ttl_off()
        fences = self.fences()
        source = FencedSource(CassandraSource(self.near, clock, ttl_off), fences)
        sqs = _client("sqs")
        pipeline = Pipeline(
            HintDecoder(source.table),
            source,
            KeyspacesTarget(self.far, ttl_off),
            SqsParkingLot(sqs, _client("s3"), queues.parked_queue_url, queues.bucket),
            SqsReplayQueue(sqs, queues.replay_queue_url, clock),
            KeyspacesLeases(self.far, clock),
            clock,
            NoMeter(),
            acknowledged=Acknowledged(0),
        )
        scan = FencedScan(TokenScan(self.near, clock.read_start, ttl_off), fences)
        rate = self.table.capacity.backfill_units_per_s / task.workers
        return Backfill(self.table.id, scan, pipeline, deadline, self.table.ttl, rate)

    def fences(self) -> KeyspacesFences:
        """Which tables were cut over."""
        return KeyspacesFences(self.far, self.clock)

    def passes(self) -> KeyspacesPasses:
        """Where finished passes are recorded."""
        return KeyspacesPasses(self.far)

    def close(self) -> None:
        """End the connections."""
        self.near.close()
        self.far.close()

    def _the_queues(self) -> Queues:
        if self.queues is None:
            raise ConfigurationError("a backfill and a repair need the queues; name them")
        return self.queues

    def _ttl_off(self) -> frozenset[TableId]:
        return frozenset() if self.table.ttl else frozenset({self.table.id})


def source_inspection(settings: SourceSettings) -> CqlInspection:
    """What asks the source cluster of itself. Nothing is connected yet."""
    return CqlInspection(source_session(settings))


def target_check(settings: TargetSettings) -> TargetCheck:
    """What tells whether the target is ready. Nothing is connected yet."""
    return TargetCheck(target_session(settings))


def node_reports(migration: Migration) -> NodeReports:
    """What the nodes report; raises errors of boto3 when asked."""
    return CloudWatchFigures(_client("cloudwatch"), migration, (), WallClock())


def sweeper(migration: Migration, table: TableId, queues: Queues | None = None) -> Sweeper:
    """The sweeper of one table. Nothing is connected yet."""
    near, far = _yielding_sessions(migration)
    clock = measured_clock(migration, near, far)
    captures = _captures(migration, near, clock)
    return Sweeper(migration.settings_of(table), near, far, clock, captures, queues)


def sweep_steps(logger: Logger, metrics: Metrics) -> SweepSteps:
    """The steps of the sweep function, from its environment. Nothing is connected yet."""
    migration, queues = migration_from_environment(), queues_from_environment()
    near, far = _yielding_sessions(migration)
    clock = measured_clock(migration, near, far)

    captures = _captures(migration, near, clock)

    def of(table: TableId) -> Sweeper:
        return Sweeper(migration.settings_of(table), near, far, clock, captures, queues)

    return SweepSteps(of, _client("s3"), queues.bucket, logger, metrics)


def _captures(migration: Migration, near: CqlSession, clock: Clock) -> CqlCaptures:
    return CqlCaptures(near, migration.source.datacenter, migration.stock_connector, clock)


def _yielding_sessions(migration: Migration) -> tuple[CqlSession, CqlSession]:
    """Both sides', at a pace that gives way to live hints."""
    near, far = source_session(migration.source), target_session(migration.target)
    near.pace, far.pace = Pace(yields=True), Pace(yields=True)
    return near, far


@dataclass(frozen=True, slots=True)
class Seat:
    """From where tables are watched and cut over; close it at the end."""

    migration: Migration
    near: CqlSession
    far: CqlSession
    clock: MeasuredClock
    captures: Captures
    figures: CloudWatchFigures
    waiting: Waiting

    def keeper(self, table: TableId, answers: Answers) -> Gatekeeper:
        """Of the gate of one of its tables. Nothing is asked yet."""
        return Gatekeeper(
            table,
            answers,
            CassandraSource(self.near, self.clock).table,
            self.captures,
            self.figures,
            self.figures,
            self.waiting,
            CapturedMarkers(self.near, self.far),
            KeyspacesPasses(self.far),
            KeyspacesFences(self.far, self.clock),
            self.clock,
        )

    def check_clock(self) -> Offsets:
        """How far this machine's clock is from the target's. Raises ClockFault where that is too
        far, SideFault.

        The source is not asked: a table that was cut over may have none any more.
        """
        clocks = CqlClocks(self.near, self.far, self.migration.source.datacenter, WallClock())
        found = Offsets(clocks.target(), {})
        fault = found.fault()
        if fault is not None:
            raise fault
        return found

    def late_writes(self) -> LateWrites:
        """What looks for writes on the target."""
        return LateWrites(self.far)

    def close(self) -> None:
        """End the connections."""
        self.near.close()
        self.far.close()


def seat(migration: Migration, tables: Sequence[TableId], waiting: Waiting) -> Seat:
    """For these tables. Nothing is connected yet."""
    near, far = source_session(migration.source), target_session(migration.target)
    clock = measured_clock(migration, near, far)
    figures = CloudWatchFigures(_client("cloudwatch"), migration, tables, clock)
    captures = _captures(migration, near, clock)
    return Seat(migration, near, far, clock, captures, figures, waiting)


def measured_clock(migration: Migration, near: CqlSession, far: CqlSession) -> MeasuredClock:
    """The clock of whatever reads with these sessions. Nothing is asked yet."""
    own = WallClock()
    return MeasuredClock(own, CqlClocks(near, far, migration.source.datacenter, own))


def _client(service: str, region: str | None = None) -> Any:
    """A client that tells soon that its service is away: an invocation has no minutes to wait."""
    config = Config(
        connect_timeout=2,
        read_timeout=REQUEST_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client(service, region_name=region, config=config)


def source_session(settings: SourceSettings) -> CqlSession:
    """A session with the Cassandra cluster, read in one datacenter only."""
    # A secret may lie in another Region than the function.
    region = settings.secret_arn.split(":")[3] if settings.secret_arn else None
    login = SourceLogin(settings, lambda: _client("secretsmanager", region))

    def build() -> Cluster:
        return Cluster(
            settings.contact_points,
            port=settings.port,
            execution_profiles=_profile(DCAwareRoundRobinPolicy(settings.datacenter)),
            **login.options(),
            **COMMON_OPTIONS,
        )

    return CqlSession(Side.SOURCE, build, login.renew)


def target_session(settings: TargetSettings) -> CqlSession:
    """A session with Keyspaces: TLS with host names verified, SigV4 with the role's credentials."""

    def build() -> Cluster:
        context = ssl.create_default_context(cafile=str(settings.ca_file or certifi.where()))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return Cluster(
            [settings.endpoint],
            port=settings.port,
            ssl_context=context,
            ssl_options={"server_hostname": settings.endpoint},
            auth_provider=KeyspacesAuthProvider(boto3.Session(region_name=settings.region)),
            execution_profiles=_profile(RoundRobinPolicy()),
            sockopts=[DROP_WHAT_IS_UNSENT],
            **COMMON_OPTIONS,
        )

    return CqlSession(Side.TARGET, build)


def _profile(balancing: LoadBalancingPolicy) -> dict[Any, ExecutionProfile]:
    """The driver never retries: a write of a list, sent twice at one time, doubles it."""
    return {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(
            load_balancing_policy=balancing,
            retry_policy=FallthroughRetryPolicy(),
            request_timeout=REQUEST_TIMEOUT_S,
            row_factory=rows_as_they_are,
        )
    }
