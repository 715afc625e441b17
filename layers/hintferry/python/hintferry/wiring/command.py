"""What the command is made of beside its sweeps: inspection, the gate, reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hintferry.adapters.cassandra import CassandraSource
from hintferry.adapters.clock import WallClock
from hintferry.adapters.fences import KeyspacesFences
from hintferry.adapters.figures import CloudWatchFigures
from hintferry.adapters.inspection import CqlInspection
from hintferry.adapters.late_writes import LateWrites
from hintferry.adapters.marker import CapturedMarkers
from hintferry.adapters.other_clocks import CqlClocks
from hintferry.adapters.passes import KeyspacesPasses
from hintferry.adapters.session import CqlSession
from hintferry.adapters.settings import (
    Migration,
    TargetSettings,
)
from hintferry.adapters.source_settings import SourceSettings
from hintferry.adapters.target_check import TargetCheck
from hintferry.core.facts import Answers
from hintferry.core.offset import Offsets
from hintferry.core.schema import TableId
from hintferry.cutover import Gatekeeper
from hintferry.measured import MeasuredClock
from hintferry.ports import Captures, NodeReports, Waiting
from hintferry.wiring.sessions import client, measured_clock, source_session, target_session
from hintferry.wiring.sweep import captures_of


def source_inspection(settings: SourceSettings) -> CqlInspection:
    """What asks the source cluster of itself. Nothing is connected yet."""
    return CqlInspection(source_session(settings))


def target_check(settings: TargetSettings) -> TargetCheck:
    """What tells whether the target is ready. Nothing is connected yet."""
    return TargetCheck(target_session(settings))


def node_reports(migration: Migration) -> NodeReports:
    """What the nodes report; raises errors of boto3 when asked."""
    return CloudWatchFigures(client("cloudwatch"), migration, (), WallClock())


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
    figures = CloudWatchFigures(client("cloudwatch"), migration, tables, clock)
    captures = captures_of(migration, near, clock)
    return Seat(migration, near, far, clock, captures, figures, waiting)
