"""Describe what the source cluster says of itself, for the operator's commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hintferry.core.schema import TableId

OURS = "hintferry"
"""The keyspace of our own tables, on either side."""


@dataclass(frozen=True, slots=True)
class SourceNode:
    """A node of the cluster, by the address at which it serves CQL."""

    address: str
    datacenter: str
    version: str
    answers: bool
    settings: Mapping[str, str] | None
    """The settings of cassandra.yaml, for nodes of the datacenter that is read; None where a node
    does not answer."""


@dataclass(frozen=True, slots=True)
class KeyspaceText:
    """The definition of a keyspace as CQL, part by part; a table's with what stands on it."""

    types: Sequence[str]
    functions: Sequence[str]
    tables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The cluster, and rows of `system_schema` by column name."""

    cluster: str
    datacenter: str
    partitioner: str
    nodes: Sequence[SourceNode]
    keyspaces: Sequence[Mapping[str, Any]]
    tables: Sequence[Mapping[str, Any]]
    columns: Sequence[Mapping[str, Any]]
    text: Mapping[str, KeyspaceText]

    def cql(self, wanted: Iterable[TableId]) -> str:
        """The definitions of these tables, and of what else their keyspaces hold."""
        chosen = sorted(wanted)
        parts: list[str] = []
        for keyspace in sorted({table.keyspace for table in chosen} & self.text.keys()):
            text = self.text[keyspace]
            names = [table.name for table in chosen if table.keyspace == keyspace]
            parts += [*text.types, *text.functions]
            parts += [text.tables[name] for name in names if name in text.tables]
        return "".join(f"{part}\n\n" for part in parts)

    @property
    def own_tables(self) -> list[TableId]:
        """The tables of applications."""
        return sorted(
            TableId(keyspace, name)
            for keyspace, text in self.text.items()
            if keyspace != OURS
            for name in text.tables
        )
