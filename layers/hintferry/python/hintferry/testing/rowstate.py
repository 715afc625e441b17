"""Everything a replica holds of one row: its marker, its deletion, and its cells.

The static columns of a partition are such a row too. States merge as Cassandra's do: in any
order, any number of times, with one result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hintferry.core.rows import Expiry, Row
from hintferry.core.schema import Column
from hintferry.testing.cells import Cell, winner
from hintferry.testing.collections import Path, encode, placed

NEVER = -(2**63)
"""The timestamp of a deletion that did not happen."""

WHOLE = 0
"""The path of the only cell of a column that has but one."""


@dataclass(slots=True)
class RowState:
    """The cells of a row, by column and path.

    A collection has a cell for each element, in order of the paths, and a counter one for each
    addition. So additions merge without being counted twice. `overwritten`: up to which timestamp
    the older elements of a collection are gone.
    """

    deleted_at: int = NEVER
    marker: Cell | None = None
    cells: dict[tuple[str, Path], Cell] = field(default_factory=dict)
    overwritten: dict[str, int] = field(default_factory=dict)

    def merge(self, other: RowState) -> None:
        """Merge a write, or the state of another replica."""
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
        """Return whether a read shows the row at all; to be asked of `under`'s answer."""
        marks = () if self.marker is None else (self.marker,)
        return any(cell.is_live(now_s) for cell in (*marks, *self.cells.values()))

    def row(self, columns: Iterable[Column], now_s: int, elements: bool = False) -> Row:
        """The values a read shows; to be asked of `under`'s answer. With `elements` it tells when
        each element of a collection expires."""
        cells = [self._cell(column, now_s, elements) for column in columns]
        return Row(tuple(value for value, _ in cells), tuple(expiry for _, expiry in cells))

    def written_us(self, columns: Iterable[Column], now_s: int) -> int | None:
        """When the newest live cell was written that tells it, or None."""
        cells = (self.cells.get((one.name, WHOLE)) for one in columns if not one.multicell)
        return max(
            (cell.timestamp for cell in cells if cell is not None and cell.is_live(now_s)),
            default=None,
        )

    def _cell(self, column: Column, now_s: int, elements: bool) -> tuple[bytes | None, Expiry]:
        """The column's live value, and when it expires."""
        if column.cql_type != "counter" and not column.multicell:
            cell = self.cells.get((column.name, WHOLE))
            is_live = cell is not None and cell.is_live(now_s)
            return (cell.value, cell.expires_at) if cell and is_live else (None, None)
        live = {
            path: cell
            for (name, path), cell in sorted(self.cells.items())
            if name == column.name and cell.is_live(now_s)
        }
        values = {path: cell.value or b"" for path, cell in live.items()}
        if not values:
            return None, None
        if column.cql_type == "counter":
            return _sum(values.values()), None
        ends = {path: cell.expires_at for path, cell in live.items()}
        expiries = placed(column.cql_type, ends) if elements and any(ends.values()) else None
        return encode(column.cql_type, values), expiries


def _sum(additions: Iterable[bytes]) -> bytes:
    total = sum(int.from_bytes(addition, signed=True) for addition in additions)
    return (total % 2**64).to_bytes(8)
