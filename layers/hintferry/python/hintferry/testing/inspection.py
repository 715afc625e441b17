"""A source cluster that says of itself what a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hintferry.core.source import KeyspaceText, SourceFacts, SourceNode


class ScriptedInspection:
    """Answers with `facts`, or raises them; `closed` tells whether it was closed at the end."""

    def __init__(self, facts: SourceFacts | Exception) -> None:
        self._facts = facts
        self.closed = False

    def facts(self, with_settings: bool) -> SourceFacts:
        """What was given."""
        if isinstance(self._facts, Exception):
            raise self._facts
        return self._facts

    def close(self) -> None:
        """It is closed."""
        self.closed = True


GOOD_SETTINGS = {
    "cdc_enabled": "true",
    "commitlog_sync": "periodic",
    "commitlog_sync_period": "200ms",
    "periodic_commitlog_sync_lag_block": "15s",
    "cdc_total_space": "4GiB",
    "commitlog_segment_size": "32MiB",
}
"""Of a node on which no hint is lost."""


def facts_of(text: Mapping[str, KeyspaceText], *nodes: SourceNode) -> SourceFacts:
    """A cluster that keeps three copies of each keyspace in the datacenter dc1, all captured."""
    replication = {"class": "NetworkTopologyStrategy", "dc1": "3"}
    keyspaces = [
        {"keyspace_name": name, "durable_writes": True, "replication": replication} for name in text
    ]
    tables: list[dict[str, Any]] = [
        {"keyspace_name": name, "table_name": table, "cdc": True, "read_repair": "BLOCKING"}
        for name, keyspace in text.items()
        for table in keyspace.tables
    ]
    known = nodes or [
        SourceNode(f"10.0.{number}.11", "dc1", "5.0.4", True, GOOD_SETTINGS) for number in (1, 2, 3)
    ]
    return SourceFacts("prod", "dc1", known, keyspaces, tables, [], text)
