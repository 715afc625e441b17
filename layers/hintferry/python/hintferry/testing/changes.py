"""Writes as the partition states they merge into: what INSERT, UPDATE and DELETE do to cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hintferry.core.cql_type import parse
from hintferry.core.hint import Slice
from hintferry.core.rows import ColumnOrField
from hintferry.core.schema import Column, Key, Table
from hintferry.testing.cells import Cell
from hintferry.testing.collections import Path, decode, new_path
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import WHOLE, RowState

NewValues = Mapping[str, bytes | None]


def put(
    table: Table,
    clustering: Key | None,
    values: NewValues,
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
            row.cells.update(_elements(columns[name], value, timestamp, expires_at))
        else:
            lives_until = None if value is None else expires_at
            row.cells[name, WHOLE] = Cell(timestamp, value, lives_until)
    return PartitionState(statics=row) if clustering is None else _of_row(clustering, row)


def append(clustering: Key | None, column: str, element: bytes, timestamp: int) -> PartitionState:
    """UPDATE … SET column = column + [element] of a row or of the static columns."""
    row = RowState()
    row.cells[column, new_path()] = Cell(timestamp, element)
    return PartitionState(statics=row) if clustering is None else _of_row(clustering, row)


def extend(
    table: Table,
    clustering: Key | None,
    parts: Iterable[tuple[ColumnOrField, bytes]],
    timestamp: int,
    expires_at: int | None = None,
) -> PartitionState:
    """UPDATE … SET collection = collection + elements, type.field = value."""
    row = RowState()
    columns = {column.name: column for column in table.statics + table.regulars}
    for (name, field), value in parts:
        if field is None:
            row.cells.update(_elements(columns[name], value, timestamp, expires_at))
        else:
            place = _place_of(table, columns[name], field)
            row.cells[name, place] = Cell(timestamp, value, expires_at)
    return PartitionState(statics=row) if clustering is None else _of_row(clustering, row)


def _place_of(table: Table, column: Column, field: str) -> int:
    kind = parse(column.cql_type).name
    (fields,) = (one.fields for one in table.user_types if one.name == kind)
    return [name for name, _ in fields].index(field)


def add(clustering: Key, deltas: Mapping[str, int], timestamp: int) -> PartitionState:
    """UPDATE … SET counter = counter + delta of a row."""
    row = RowState()
    for name, delta in deltas.items():
        row.cells[name, new_path()] = Cell(timestamp, (delta % 2**64).to_bytes(8))
    return _of_row(clustering, row)


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
    column: Column, value: bytes | None, timestamp: int, expires_at: int | None
) -> Iterator[tuple[tuple[str, Path], Cell]]:
    for path, element in decode(column.cql_type, value) if value is not None else ():
        yield (column.name, path), Cell(timestamp, element, expires_at)
