"""Describe what each node of a cluster knows of its tables: a change reaches some later than
others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from struct import pack

from hintferry.core.errors import UnknownTable
from hintferry.core.schema import Column, Table, TableId
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import NEVER, RowState


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One version: the tables, and when each column was dropped that is gone or was made again."""

    tables: dict[TableId, Table]
    dropped: dict[TableId, dict[str, int]] = field(default_factory=dict)

    def takes(self, table: TableId, change: PartitionState) -> bool:
        """Return whether a node at this version knows every column that a write names."""
        known = self._names(table) | set(self.dropped.get(table, ()))
        rows = (change.statics, *change.rows.values())
        return all(name in known for row in rows for name, _ in row.cells)

    def shown(self, table: TableId, part: PartitionState) -> PartitionState:
        """Return the cells that a read sees: none from before its column was dropped."""
        dropped = self.dropped.get(table)
        if not dropped:
            return part
        gone = dict.fromkeys(dropped.keys() - self._names(table), 2**63) | {
            name: at for name, at in dropped.items() if name in self._names(table)
        }
        return PartitionState(
            part.deleted_at,
            dict(part.ranges),
            _without(part.statics, gone),
            {key: _without(row, gone) for key, row in part.rows.items()},
        )

    def _names(self, table: TableId) -> set[str]:
        known = self.tables[table]
        return {*known.static_names, *known.regular_names}


def _without(row: RowState, gone: dict[str, int]) -> RowState:
    cells = {
        path: cell for path, cell in row.cells.items() if cell.timestamp > gone.get(path[0], NEVER)
    }
    return replace(row, cells=cells)


class NodeSchemas:
    """Each node is at one version of a history; it learns the latest as a whole."""

    def __init__(self, tables: Iterable[Table], nodes: int) -> None:
        self._history = [SchemaVersion({table.id: table for table in tables})]
        self._at = [0] * nodes
        self._heard_us = [0] * nodes

    @property
    def latest(self) -> SchemaVersion:
        """Return the schema of the node that knows most."""
        return self._history[-1]

    def of(self, node: int) -> SchemaVersion:
        """Return the schema that this node knows."""
        return self._history[self._at[node]]

    def altered_us(self, node: int, table: TableId, upto_us: int) -> int:
        """Return when the table was last altered, as the node knows it since then; 0: since
        later.
        """
        return self.of(node).tables[table].altered_us if self._heard_us[node] <= upto_us else 0

    def version(self, node: int) -> bytes:
        """Equal where two nodes know the same."""
        return pack(">i", self._at[node])

    def table(self, table: TableId) -> Table:
        """Return the table as the node has it that knows most. Raises UnknownTable."""
        try:
            return self.latest.tables[table]
        except KeyError:
            raise UnknownTable(f"the source has no table {table}") from None

    def add(self, table: TableId, column: Column, at_us: int, reached: Collection[int]) -> None:
        """ALTER TABLE … ADD, heard by these nodes."""
        before = self.table(table)
        regulars = tuple(sorted((*before.regulars, column), key=lambda one: one.name))
        self.alter(replace(before, regulars=regulars, altered_us=at_us), reached)

    def drop(self, table: TableId, column: str, at_us: int, reached: Collection[int]) -> None:
        """ALTER TABLE … DROP, heard by these nodes."""
        before = self.table(table)
        regulars = tuple(one for one in before.regulars if one.name != column)
        dropped = self.latest.dropped.get(table, {}) | {column: at_us}
        self.alter(replace(before, regulars=regulars, altered_us=at_us), reached, dropped)

    def hear(self, nodes: Iterable[int], at_us: int) -> None:
        """These nodes learn the latest."""
        for node in nodes:
            if self._at[node] != len(self._history) - 1:
                self._at[node], self._heard_us[node] = len(self._history) - 1, at_us

    def alter(
        self, table: Table, reached: Collection[int], dropped: dict[str, int] | None = None
    ) -> None:
        """The table is now so, as these nodes hear."""
        gone = self.latest.dropped | ({} if dropped is None else {table.id: dropped})
        self._history.append(SchemaVersion(self.latest.tables | {table.id: table}, gone))
        self.hear(reached, table.altered_us)
