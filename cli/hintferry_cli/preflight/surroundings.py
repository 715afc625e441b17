"""Check all that `preflight` covers; one side that does not answer is a finding, not the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry.core.errors import ConfigurationError, HintferryError, Masked, UnknownTable
from hintferry.ports import Captures, Clock
from hintferry_cli.failures import sentence
from hintferry_cli.preflight.capture import capture_findings, connector_findings
from hintferry_cli.preflight.finding import Finding, Level, from_error
from hintferry_cli.preflight.sizes import size_findings
from hintferry_cli.preflight.source import (
    copies_findings,
    file_findings,
    node_findings,
    schema_findings,
    ttl_findings,
)
from hintferry_ops.cost.sample import sample
from hintferry_ops.cutover.gate.facts import NodeReport
from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import schema_from, schema_of
from hintferry_ops.fit.source_facts import SourceFacts
from hintferry_ops.ports import NodeReports, SourceInspection, TargetInspection

REPORTS_OF_S = 3600.0


class CheckArea(Enum):
    """The areas that can be checked alone."""

    ACCOUNT = "account"
    SOURCE = "source"
    CAPTURE = "capture"
    TARGET = "target"


DEFAULT = (CheckArea.SOURCE, CheckArea.CAPTURE, CheckArea.TARGET)
"""The areas that are checked without --only: the account matters before the first deploy."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that preflight checks."""

    migration: Migration
    source: SourceInspection
    target: TargetInspection
    reports: NodeReports
    captures: Captures
    clock: Clock

    def findings(self, parts: Sequence[CheckArea]) -> Iterator[Finding]:
        """Yield the findings of these parts. It always reads the source, to compare with it."""
        try:
            facts = self.source.facts(with_settings=CheckArea.SOURCE in parts)
        except HintferryError as error:
            yield from_error(Level.UNKNOWN, "source", error)
            return
        if CheckArea.SOURCE in parts:
            yield from self._source(facts)
        if CheckArea.CAPTURE in parts:
            yield from self._capture(facts)
        if CheckArea.TARGET in parts:
            yield from self._target()

    def _source(self, facts: SourceFacts) -> Iterator[Finding]:
        migration = self.migration
        text = facts.cql(table.id for table in migration.tables)
        live = schema_of(text, "the source's schema")
        filed: Schema | None = None
        try:
            filed = schema_from(migration.target.schema)
        except ConfigurationError as error:
            yield from_error(Level.FAULT, str(migration.target.schema), error)
        yield from node_findings(migration, facts)
        yield from schema_findings(migration, facts, live)
        yield from copies_findings(migration, facts)
        for settings in migration.tables:
            yield from self._table(settings, filed)

    def _table(self, settings: TableSettings, filed: Schema | None) -> Iterator[Finding]:
        try:
            table = self.source.table(settings.id)
            yield from ttl_findings(settings, table)
            if filed is not None:
                yield from file_findings(self.migration, filed, table)
            found = sample(table, self.source.scan(), settings.ttl and not table.is_counter)
        except UnknownTable:
            # It is among the findings of the schema.
            return
        except Masked as error:
            yield from_error(Level.FAULT, "source", error)
        except HintferryError as error:
            yield from_error(Level.UNKNOWN, str(settings.id), error)
        else:
            yield from size_findings(settings, table, found)

    def _capture(self, facts: SourceFacts) -> Iterator[Finding]:
        now = self.clock.now()
        try:
            reports = self.reports.reports(now - REPORTS_OF_S)
        except (BotoCoreError, ClientError) as error:
            fix = "run this again with a login that may read CloudWatch"
            yield Finding(Level.UNKNOWN, "capture", sentence(error), fix)
        else:
            yield from capture_findings(facts, reports, now)
            yield from self._connectors(reports, now)

    def _connectors(self, reports: Sequence[NodeReport], now: float) -> Iterator[Finding]:
        seen = []
        for settings in self.migration.tables:
            try:
                seen.append(self.captures.witness(settings.id))
            except UnknownTable:
                # It is among the findings of the schema.
                continue
            except ConfigurationError as error:
                yield from_error(Level.FAULT, "source", error)
                return
            except HintferryError as error:
                yield from_error(Level.UNKNOWN, "source", error)
                return
        yield from connector_findings(seen, reports, now)

    def _target(self) -> Iterator[Finding]:
        try:
            for fault in self.target.control_faults(stock=self.migration.stock_connector):
                yield from_error(Level.FAULT, "target", fault)
            for settings in self.migration.tables:
                yield from self._target_table(settings)
        except HintferryError as error:
            yield from_error(Level.UNKNOWN, "target", error)

    def _target_table(self, settings: TableSettings) -> Iterator[Finding]:
        try:
            table = self.source.table(settings.id)
        except UnknownTable:
            # It is among the findings of the schema.
            return
        except Masked as error:
            yield from_error(Level.UNKNOWN, "source", error)
            return
        for fault in self.target.table_faults(table, settings.ttl and not table.is_counter):
            yield from_error(Level.FAULT, "target", fault)
