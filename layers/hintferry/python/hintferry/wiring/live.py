"""Describe what the processor and the replay function are made of."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

from hintferry.adapters.aws.meter import PowertoolsMeter
from hintferry.adapters.aws.parked_queue import SqsParkingLot
from hintferry.adapters.aws.queue_event import ReplayEvents
from hintferry.adapters.aws.replay_queue import SqsReplayQueue
from hintferry.adapters.config.settings import (
    Migration,
    migration_from_environment,
    queues_from_environment,
    version_from_environment,
)
from hintferry.adapters.driver.write_times import CqlWriteTimes
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.source.markers import CqlMarkers
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.adapters.target.keyspaces import KeyspacesTarget
from hintferry.adapters.target.leases import KeyspacesLeases
from hintferry.adapters.target.open_items import KeyspacesOpenItems
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.adapters.target.switches import KeyspacesSwitches, SwitchedLimits
from hintferry.core.limits import REPLAYED_AT_ONCE
from hintferry.core.switches import Workers
from hintferry.live.fence import FencedSource
from hintferry.live.pipeline import Pipeline
from hintferry.live.validation import Sampler, Validator
from hintferry.ports import OpenItems, ReplayQueue, Source, Target
from hintferry.wiring.sessions import Sides, captures_of, client, sides_of


def processor(logger: Logger, metrics: Metrics) -> Pipeline:
    """The pipeline of the processor function, from its environment. Nothing is connected yet."""
    migration = migration_from_environment()
    return _pipeline(logger, metrics, migration, sides_of(migration), None)


def replayer(logger: Logger, metrics: Metrics) -> tuple[Pipeline, ReplayEvents]:
    """The same of the replay function, with the codec that opens and answers its events."""
    migration, queues = migration_from_environment(), queues_from_environment()
    sides = sides_of(migration)
    open_items = KeyspacesOpenItems(sides.target, migration.pipeline)
    events = ReplayEvents(client("sqs"), client("s3"), queues.replay_queue_url, open_items)
    return _pipeline(logger, metrics, migration, sides, REPLAYED_AT_ONCE), events


def _pipeline(
    logger: Logger, metrics: Metrics, migration: Migration, sides: Sides, at_once: int | None
) -> Pipeline:
    """`at_once`: how many processes share an operator's bounds; None: as many as follow the
    topics.
    """
    queues, clock = queues_from_environment(), sides.clock
    reader = CassandraSource(sides.source, clock, migration.tables)
    workers = migration.workers if at_once is None else lambda _: Workers(at_once, at_once)
    switches = KeyspacesSwitches(sides.target, clock, migration.pipeline)
    admission = SwitchedLimits(switches, sides.source.rate_limit, sides.target.rate_limit, workers)
    source = FencedSource(reader, KeyspacesFences(sides.target, clock), admission)
    target = KeyspacesTarget(sides.target)
    leases = KeyspacesLeases(sides.target, clock)
    sqs = client("sqs")
    open_items = KeyspacesOpenItems(sides.target, migration.pipeline)
    parking = SqsParkingLot(
        sqs, client("s3"), queues.parked_queue_url, queues.bucket, clock, open_items
    )
    replay = SqsReplayQueue(sqs, queues.replay_queue_url, clock, open_items)
    version = version_from_environment()
    meter = PowertoolsMeter(logger, metrics, sides.source, sides.target, clock, version)
    return Pipeline(
        HintDecoder(source.table),
        source,
        target,
        parking,
        replay,
        leases,
        clock,
        meter,
        validator=_validator(migration, sides, source, target, open_items, replay),
    )


def _validator(
    migration: Migration,
    sides: Sides,
    source: Source,
    target: Target,
    open_items: OpenItems,
    replay: ReplayQueue,
) -> Validator | None:
    """None with the stock connector: without watermarks nobody knows what is on its way."""
    if migration.stock_connector:
        return None
    return Validator(
        source,
        target,
        CqlWriteTimes(sides.source, sides.target),
        CqlMarkers(sides.source, sides.clock),
        captures_of(migration, sides),
        open_items,
        KeyspacesPasses(sides.target),
        replay,
        sides.clock,
        Sampler(migration.deployment.pipeline.validate_one_in),
    )
