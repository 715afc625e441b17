"""Plan the writes that make the target show exactly what a read saw.

No other module decides that. Writes are full and unconditional. A row that is there is written with
every regular column, nulls included; a row that is not there is deleted. Everything carries the
read start as its timestamp. So the newest read wins on the target, cell by cell, in whatever order
the writes arrive. No cell is written by two statements, so those of one read may arrive in any
order, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.elements import by_expiry, fields_of, longest
from hintferry.core.keyspaces_limits import COLUMNS_WITH_TTL
from hintferry.core.rows import (
    ColumnOrField,
    Extend,
    Put,
    Remove,
    Row,
    Snapshot,
    Statement,
    Values,
)
from hintferry.core.schema import Column, Key, Table

COLUMNS_PER_STATEMENT = COLUMNS_WITH_TTL
"""One rule serves tables with TTL and without."""


def plan_rows(rows: Iterable[Key], seen: Snapshot, now_s: int) -> list[Statement]:
    """Statements that make the target show these rows as `seen`.

    `now_s`: epoch seconds now; what has expired by then is written as null.
    """
    statements: list[Statement] = []
    for clustering in rows:
        row = seen.rows.get(clustering)
        if row is None:
            statements.append(Remove(clustering, seen.read_start))
        else:
            statements.extend(plan_row(seen, clustering, row, now_s))
    return statements


def plan_row(seen: Snapshot, clustering: Key, row: Row, now_s: int) -> list[Statement]:
    """Return the statements that make the target show this row as `seen`.

    A row all of whose values expire gets a marker that expires with the last of them. Once they all
    have expired, the row is gone and is deleted. The marker of a row without values expires when
    markers of its table must have.
    """
    names, bound_at = seen.table.regular_names, seen.bound_at
    if bound_at is None and not any(row.expiries):
        return _puts(clustering, names, row.values, seen.read_start, None, True)
    dealt = _dealt(seen, seen.table.regulars, row, now_s)
    has_values = any(value is not None for value in row.values)
    marker = longest(dealt.whole) if has_values else bound_at
    if (has_values and not dealt.whole) or (marker is not None and marker <= now_s):
        return [Remove(clustering, seen.read_start)]
    dealt.enter_nulls(marker)
    return list(dealt.statements(clustering, seen.read_start, marker))


def plan_statics(seen: Snapshot, now_s: int) -> list[Statement]:
    """Statements that make the target show the partition's static columns as `seen`.

    A partition that was not there has none: its static columns are all nulls.
    """
    columns = seen.table.statics
    row = seen.rows.get((), Row((None,) * len(columns), (None,) * len(columns)))
    dealt = _dealt(seen, columns, row, now_s)
    if dealt.nulls:
        dealt.enter_nulls(None)
    return list(dealt.statements(None, seen.read_start, None))


@dataclass(slots=True)
class _Dealt:
    """The values of a row by the second in which they expire, None for those that last.

    `whole`: columns, by their index; `further`: elements of columns of which others are there,
    so that each element is in exactly one group. `nulls`: columns that show nothing by now.
    """

    columns: tuple[Column, ...]
    whole: dict[int | None, dict[int, bytes | None]] = field(default_factory=dict)
    further: dict[int, list[tuple[ColumnOrField, bytes]]] = field(default_factory=dict)
    nulls: list[int] = field(default_factory=list)

    def enter_elements(
        self, index: int, value: bytes, expiries: tuple[int | None, ...], now_s: int, table: Table
    ) -> None:
        """Enter a column whose elements expire apart."""
        groups = by_expiry(self.columns[index].cql_type, value, expiries, now_s)
        if not groups:
            self.nulls.append(index)
            return
        last = longest(groups)
        self.whole.setdefault(last, {})[index] = groups.pop(last)
        for at, part in groups.items():
            assert at is not None
            places = self.further.setdefault(at, [])
            places.extend(_places(table, self.columns[index], part))

    def enter_nulls(self, expires_at: int | None) -> None:
        """Write them together with what expires then."""
        self.whole.setdefault(expires_at, {}).update(dict.fromkeys(self.nulls))

    def statements(
        self, clustering: Key | None, timestamp: int, marker: int | None
    ) -> Iterator[Statement]:
        """Yield the statements; the one whose values expire at `marker` creates the row."""
        for at, cells in self.whole.items():
            indexes = sorted(cells)
            names = tuple(self.columns[index].name for index in indexes)
            values = tuple(cells[index] for index in indexes)
            is_insert = clustering is None or at == marker
            yield from _puts(clustering, names, values, timestamp, at, is_insert)
        for end, parts in self.further.items():
            for some in _cut(parts):
                places, added = zip(*some, strict=True)
                yield Extend(clustering, places, added, timestamp, end)


def _dealt(seen: Snapshot, columns: tuple[Column, ...], row: Row, now_s: int) -> _Dealt:
    dealt, table, bound_at = _Dealt(columns), seen.table, seen.bound_at
    whole, nulls = dealt.whole, dealt.nulls
    for index, (value, expiry) in enumerate(zip(row.values, row.expiries, strict=True)):
        if bound_at is not None and table.is_bounded(columns[index]):
            expiry = bound_at
        if value is None:
            nulls.append(index)
        elif isinstance(expiry, tuple):
            dealt.enter_elements(index, value, expiry, now_s, table)
        elif expiry is not None and expiry <= now_s:
            nulls.append(index)
        else:
            whole.setdefault(expiry, {})[index] = value
    return dealt


def _places(table: Table, column: Column, part: bytes) -> Iterator[tuple[ColumnOrField, bytes]]:
    """Yield the keys or fields by which a statement adds these elements."""
    kind = parse(column.cql_type)
    if kind.kind is not TypeKind.USER:
        yield ColumnOrField(column.name), part
        return
    (fields,) = (one.fields for one in table.user_types if one.name == kind.name)
    for index, value in fields_of(part):
        yield ColumnOrField(column.name, fields[index][0]), value


def _cut(parts: list[tuple[ColumnOrField, bytes]]) -> Iterator[list[tuple[ColumnOrField, bytes]]]:
    for first in range(0, len(parts), COLUMNS_PER_STATEMENT):
        yield parts[first : first + COLUMNS_PER_STATEMENT]


def _puts(
    clustering: Key | None,
    columns: tuple[str, ...],
    values: Values,
    timestamp: int,
    expires_at: int | None,
    creates_row: bool,
) -> list[Statement]:
    """One statement, or several at one timestamp where there are too many columns for one."""
    if len(columns) <= COLUMNS_PER_STATEMENT:
        return [Put(clustering, columns, values, timestamp, expires_at, creates_row)]
    return [
        Put(
            clustering,
            columns[first : first + COLUMNS_PER_STATEMENT],
            values[first : first + COLUMNS_PER_STATEMENT],
            timestamp,
            expires_at,
            creates_row and first == 0,
        )
        for first in range(0, len(columns), COLUMNS_PER_STATEMENT)
    ]
