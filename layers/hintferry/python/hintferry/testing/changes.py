"""Writes as the partition states they merge into: what INSERT, UPDATE and DELETE do to cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from hintferry.core.hint import Slice
from hintferry.core.schema import Key, Table
from hintferry.testing import wirelist
from hintferry.testing.cells import Cell
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import WHOLE, RowState

Values = Mapping[str, bytes | None]

_paths = count(1)
"""Paths of list elements and additions: never the same twice, always growing."""


def put(
    table: Table,
    clustering: Key | None,
    values: Values,
    timestamp: int,
    expires_at: int | None = None,
    *,
    creates_row: bool,
) -> PartitionState:
    """INSERT (`creates_row`) or UPDATE of a row, or of the static columns (`clustering` None)."""
    row = RowState()
    if creates_row and clustering is not None:
        row.marker = Cell(timestamp, b"", expires_at)
    columns = {column.name: column for column in table.statics + table.regulars}
    for name, value in values.items():
        if columns[name].multicell:
            # The old elements go at one microsecond less; the new ones never meet them.
            row.overwritten[name] = timestamp - 1
            row.cells.update(_elements(name, value, timestamp, expires_at))
        else:
            lives_until = None if value is None else expires_at
            row.cells[name, WHOLE] = Cell(timestamp, value, lives_until)
    return PartitionState(statics=row) if clustering is None else _of_row(clustering, row)


def append(clustering: Key | None, column: str, element: bytes, timestamp: int) -> PartitionState:
    """UPDATE … SET column = column + [element] of a row or of the static columns."""
    row = RowState(cells={(column, next(_paths)): Cell(timestamp, element)})
    return PartitionState(statics=row) if clustering is None else _of_row(clustering, row)


def add(clustering: Key, deltas: Mapping[str, int], timestamp: int) -> PartitionState:
    """UPDATE … SET counter = counter + delta of a row."""
    cells = {
        (name, next(_paths)): Cell(timestamp, (delta % 2**64).to_bytes(8))
        for name, delta in deltas.items()
    }
    return _of_row(clustering, RowState(cells=cells))


def remove_row(clustering: Key, timestamp: int) -> PartitionState:
    """DELETE of one row; without any such row it leaves its tombstone all the same."""
    return _of_row(clustering, RowState(deleted_at=timestamp))


def remove_slice(part: Slice, timestamp: int) -> PartitionState:
    """DELETE of a range of rows."""
    return PartitionState(ranges={part: timestamp})


def remove_partition(timestamp: int) -> PartitionState:
    """DELETE of a partition, static columns included."""
    return PartitionState(deleted_at=timestamp)


def _of_row(clustering: Key, row: RowState) -> PartitionState:
    return PartitionState(rows={clustering: row})


def _elements(
    column: str, value: bytes | None, timestamp: int, expires_at: int | None
) -> Iterator[tuple[tuple[str, int], Cell]]:
    for element in wirelist.decode(value) if value is not None else ():
        yield (column, next(_paths)), Cell(timestamp, element, expires_at)
