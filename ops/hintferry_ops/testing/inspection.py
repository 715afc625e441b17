"""A source cluster that says of itself what a test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hintferry.core.errors import HintferryError, Masked, UnknownTable
from hintferry.core.schema import Table, TableId
from hintferry.ports import Scan
from hintferry_ops.fit.source_facts import OURS, KeyspaceText, SourceFacts, SourceNode


class ScriptedInspection:
    """Answers with `facts`, or raises them; `closed` tells whether it was closed at the end."""

    def __init__(
        self,
        facts: SourceFacts | Exception,
        tables: Mapping[TableId, Table],
        scan: Scan,
    ) -> None:
        self._facts, self._tables, self._scan = facts, tables, scan
        self.closed = False
        self.masked: Masked | None = None
        """Why no table is read, if so."""

    def scan(self) -> Scan:
        """Return the scan that was given."""
        return self._scan

    def table(self, table: TableId) -> Table:
        """One of those that were given."""
        if self.masked is not None:
            raise self.masked
        if table not in self._tables:
            raise UnknownTable(f"the source has no table {table}")
        return self._tables[table]

    def facts(self, with_settings: bool) -> SourceFacts:
        """Return the facts that were given."""
        if isinstance(self._facts, Exception):
            raise self._facts
        return self._facts

    def close(self) -> None:
        """It is closed."""
        self.closed = True


GOOD_SETTINGS = {
    "cdc_enabled": "true",
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "100ms",
    "periodic_commitlog_sync_lag_block": "15s",
    "cdc_total_space": "4GiB",
    "commitlog_segment_size": "32MiB",
}
"""The settings of a node on which no hint is lost."""


def facts_of(text: Mapping[str, KeyspaceText], *nodes: SourceNode) -> SourceFacts:
    """A cluster that keeps three copies of each keyspace in the datacenter dc1.

    All is captured but for the tables in which the connectors report.
    """
    replication = {"class": "NetworkTopologyStrategy", "dc1": "3"}
    keyspaces = [
        {"keyspace_name": name, "durable_writes": True, "replication": replication} for name in text
    ]
    tables: list[dict[str, Any]] = [
        {
            "keyspace_name": name,
            "table_name": table,
            "cdc": (name, table) not in ((OURS, "captures"), (OURS, "watermarks")),
            "read_repair": "BLOCKING",
        }
        for name, keyspace in text.items()
        for table in keyspace.tables
    ]
    known = nodes or [
        SourceNode(f"10.0.{number}.11", "dc1", "5.0.4", True, GOOD_SETTINGS) for number in (1, 2, 3)
    ]
    return SourceFacts("prod", "dc1", "Murmur3Partitioner", known, keyspaces, tables, [], text)


class ScriptedTarget:
    """Has these faults of tables, and these of the control tables; or raises `failure`."""

    def __init__(
        self,
        faults: Mapping[TableId, Sequence[HintferryError]],
        control: Sequence[HintferryError] = (),
        failure: HintferryError | None = None,
    ) -> None:
        self._faults, self._control, self._failure = faults, control, failure
        self.asked: list[tuple[TableId, bool]] = []

    def table_faults(self, table: Table, with_ttl: bool) -> list[HintferryError]:
        """Return the faults of a table."""
        if self._failure is not None:
            raise self._failure
        self.asked.append((table.id, with_ttl))
        return list(self._faults.get(table.id, ()))

    def control_faults(self, *, stock: bool) -> list[HintferryError]:
        """Return the faults of our own tables."""
        if self._failure is not None:
            raise self._failure
        return list(self._control)

    def close(self) -> None:
        """Do nothing: there is no connection."""
