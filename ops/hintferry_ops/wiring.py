"""Describe what the command is made of beside its sweeps: inspection, the gate, reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import boto3

from hintferry.adapters.clocks.both_sides import CqlClocks
from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import Migration, TargetSettings
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.source.marker_row import MarkerRows
from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.adapters.source.markers import CqlMarkers
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.adapters.target.journal import KeyspacesJournal
from hintferry.adapters.target.open_items import KeyspacesOpenItems
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.adapters.target.switches import KeyspacesSwitches
from hintferry.core.clock_offset import Offsets
from hintferry.core.schema import Table, TableId
from hintferry.ports import Captures
from hintferry.wiring.sessions import (
    Sides,
    captures_of,
    client,
    sides_of,
    source_session,
    target_session,
)
from hintferry_ops.cutover.arrivals import SampledArrivals, WatermarkArrivals
from hintferry_ops.cutover.cloudwatch import CloudWatchMetrics
from hintferry_ops.cutover.gate.facts import Confirmations
from hintferry_ops.cutover.gate.fence import Stated, Wait, wait_of
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.cutover.late_writes import CqlLateWrites
from hintferry_ops.fit.inspection import CqlInspection
from hintferry_ops.fit.target_check import TargetCheck
from hintferry_ops.ports import Arrivals, NodeReports, Waiting
from hintferry_ops.statements.collection import Collection
from hintferry_ops.statements.prepared import read_prepared
from hintferry_ops.statements.trial import Trial
from hintferry_ops.switches.control import Control


def source_inspection(settings: SourceSettings) -> CqlInspection:
    """Return the inspection of the source cluster. Nothing is connected yet."""
    return CqlInspection(source_session(settings))


def target_check(settings: TargetSettings) -> TargetCheck:
    """Return the check of whether the target is ready. Nothing is connected yet."""
    return TargetCheck(target_session(settings))


def trial(settings: TargetSettings, login: boto3.Session | None) -> Trial:
    """Return what tries statements on an endpoint. Nothing is connected yet."""
    return Trial(target_session(settings, login))


def prepared_statements(settings: SourceSettings, into: Collection) -> int:
    """Take what the source's nodes hold prepared; give the number of nodes. Raises SideFault."""
    session = source_session(settings)
    try:
        return read_prepared(session, into)
    finally:
        session.close()


def node_reports(migration: Migration) -> NodeReports:
    """Return the reader of the nodes' reports; it raises errors of boto3 when asked."""
    cloudwatch = client("cloudwatch", migration.target.region)
    return CloudWatchMetrics(cloudwatch, migration, (), WallClock())


@dataclass(frozen=True, slots=True)
class Seat:
    """Everything that `status` and `cutover` need to watch tables; close it at the end."""

    migration: Migration
    sides: Sides
    captures: Captures
    metrics: CloudWatchMetrics
    waiting: Waiting

    def keeper(self, table: TableId, confirmations: Confirmations) -> Gatekeeper:
        """Return the keeper of the gate of one table; it asks nothing yet."""
        source, target, clock = self.sides.source, self.sides.target, self.sides.clock
        group = self.migration.group_of(table)
        return Gatekeeper(
            table,
            confirmations,
            CassandraSource(source, clock).table,
            self.captures,
            self._arrivals(table),
            self.waiting,
            KeyspacesOpenItems(target, self.migration.pipeline),
            KeyspacesPasses(target),
            KeyspacesFences(target, clock),
            KeyspacesSwitches(target, clock, self.migration.pipeline),
            clock,
            self._wait,
            self.check_clock,
            () if group is None else [one for one in group.tables if one != table],
        )

    def _wait(self, table: Table) -> Wait:
        """Return the wait behind the table's fence. Raises SideFault."""
        clock, stated = self.sides.clock, self.migration.cutover
        offsets = clock.offsets or clock.compare()
        settings = self.migration.settings_of(table.id)
        return wait_of(
            settings.applied_to(table),
            Stated(stated.clock_skew_ms / 1000, settings.own_timestamps, stated.tombstones_kept),
            stock=self.migration.stock_connector,
            has_clock=not offsets.is_vague,
        )

    def _arrivals(self, table: TableId) -> Arrivals:
        source, target, clock = self.sides.source, self.sides.target, self.sides.clock
        if self.migration.stock_connector:
            rows = MarkerRows(source, target)
            return SampledArrivals(table, self.metrics, self.metrics, rows, clock)
        return WatermarkArrivals(MarkerWatch(table, CqlMarkers(source, clock), clock))

    def check_clock(self) -> Offsets:
        """Return how far this machine's clock is from the target's. Raises ClockFault where that
        is too far, SideFault.

        The source is not asked: a table that was cut over may have none any more.
        """
        source, target = self.sides.source, self.sides.target
        clocks = CqlClocks(source, target, self.migration.source.datacenter, WallClock())
        found = Offsets(clocks.target(), {})
        fault = found.fault()
        if fault is not None:
            raise fault
        return found

    def journal(self) -> KeyspacesJournal:
        """Return where what is done is written down."""
        return KeyspacesJournal(self.sides.target, self.migration.pipeline)

    def late_writes(self) -> CqlLateWrites:
        """Return the search for writes on the target."""
        return CqlLateWrites(self.sides.target)

    def close(self) -> None:
        """Close the sessions."""
        self.sides.close()


@contextmanager
def captures(migration: Migration) -> Iterator[Captures]:
    """Yield what the nodes' connectors say of each table. Nothing is connected yet."""
    sides = sides_of(migration)
    try:
        yield captures_of(migration, sides)
    finally:
        sides.close()


@contextmanager
def control(migration: Migration, who: str) -> Iterator[Control]:
    """Yield the control that sets the switches as this caller."""
    with _target(migration) as (session, clock):
        pipeline = migration.pipeline
        switches = KeyspacesSwitches(session, clock, pipeline)
        yield Control(switches, KeyspacesJournal(session, pipeline), clock, who)


@contextmanager
def journal(migration: Migration) -> Iterator[KeyspacesJournal]:
    """Yield the journal."""
    with _target(migration) as (session, _):
        yield KeyspacesJournal(session, migration.pipeline)


@contextmanager
def open_items(migration: Migration) -> Iterator[KeyspacesOpenItems]:
    """Yield the rows of the messages that wait."""
    with _target(migration) as (session, _):
        yield KeyspacesOpenItems(session, migration.pipeline)


@contextmanager
def _target(migration: Migration) -> Iterator[tuple[CqlSession, WallClock]]:
    session = target_session(migration.target)
    try:
        yield session, WallClock()
    finally:
        session.close()


def seat(migration: Migration, tables: Sequence[TableId], waiting: Waiting) -> Seat:
    """Return a Seat for `tables`; it connects on first use."""
    sides = sides_of(migration)
    metrics = CloudWatchMetrics(client("cloudwatch"), migration, tables, sides.clock)
    return Seat(migration, sides, captures_of(migration, sides), metrics, waiting)
