"""Everything a replica holds of one row: its marker, its deletion, and its cells.

The static columns of a partition are such a row too. States merge as Cassandra's do: in any
order, any number of times, with one result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hintferry.core.rows import Row
from hintferry.core.schema import Column
from hintferry.testing import wirelist
from hintferry.testing.cells import Cell, winner

NEVER = -(2**63)
"""The timestamp of a deletion that did not happen."""

WHOLE = 0
"""The path of the only cell of a column that has but one."""


@dataclass(slots=True)
class RowState:
    """`cells` by column and path; a list has a cell for each element, in order of the paths, and a
    counter one for each addition, which is how additions merge without being counted twice.

    `overwritten`: up to which timestamp the older elements of a list are gone.
    """

    deleted_at: int = NEVER
    marker: Cell | None = None
    cells: dict[tuple[str, int], Cell] = field(default_factory=dict)
    overwritten: dict[str, int] = field(default_factory=dict)

    def merge(self, other: RowState) -> None:
        """Take in what another replica holds, or a write."""
        self.deleted_at = max(self.deleted_at, other.deleted_at)
        self.marker = winner(self.marker, other.marker)
        for column, timestamp in other.overwritten.items():
            self.overwritten[column] = max(self.overwritten.get(column, NEVER), timestamp)
        for path, cell in other.cells.items():
            self.cells[path] = winner(self.cells.get(path), cell) or cell

    @property
    def newest(self) -> int:
        """The highest timestamp in it."""
        marks = () if self.marker is None else (self.marker,)
        cells: list[Cell] = [*marks, *self.cells.values()]
        return max(self.deleted_at, max((cell.timestamp for cell in cells), default=NEVER))

    def under(self, deleted_at: int) -> RowState:
        """This row as a read shows it that also met a deletion of what surrounds it."""
        limit = max(self.deleted_at, deleted_at)
        seen = RowState(limit)
        if self.marker is not None and self.marker.timestamp > limit:
            seen.marker = self.marker
        seen.overwritten = {name: at for name, at in self.overwritten.items() if at > limit}
        for path, cell in self.cells.items():
            if cell.timestamp > max(limit, seen.overwritten.get(path[0], NEVER)):
                seen.cells[path] = cell
        return seen

    def is_live(self, now_s: int) -> bool:
        """Whether a read shows the row at all; to be asked of `under`'s answer."""
        marks = () if self.marker is None else (self.marker,)
        return any(cell.is_live(now_s) for cell in (*marks, *self.cells.values()))

    def row(self, columns: Iterable[Column], now_s: int) -> Row:
        """The values a read shows; to be asked of `under`'s answer."""
        cells = [self._cell(column, now_s) for column in columns]
        return Row(
            tuple(None if cell is None else cell.value for cell in cells),
            tuple(None if cell is None else cell.expires_at for cell in cells),
        )

    def _cell(self, column: Column, now_s: int) -> Cell | None:
        """The column's live value; one put together of several cells tells no expiry."""
        if column.cql_type != "counter" and not column.multicell:
            cell = self.cells.get((column.name, WHOLE))
            return cell if cell is not None and cell.is_live(now_s) else None
        parts = [
            cell.value
            for (name, _), cell in sorted(self.cells.items())
            if name == column.name and cell.is_live(now_s) and cell.value is not None
        ]
        if not parts:
            return None
        return Cell(0, _sum(parts) if column.cql_type == "counter" else wirelist.encode(parts))


def _sum(additions: Iterable[bytes]) -> bytes:
    total = sum(int.from_bytes(addition, signed=True) for addition in additions)
    return (total % 2**64).to_bytes(8)
