"""Compares two clusters completely: every row, every column, statics included.

Independent on purpose: it reads with the ordinary driver, decodes every value, and shares no
code with what it judges. It holds both tables in memory, which suits a sandbox and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

_PAGE = 1000
_READ_S = 60.0
_EARLY_S, _LATE_S = 1, 3
"""Seconds that a value may expire earlier or later on the target than on the source. Either side's
whole seconds may be off by one, and a value lasts at most two seconds too long."""
_COLUMNS = """SELECT column_name, kind, position, type FROM system_schema.columns
    WHERE keyspace_name = %s AND table_name = %s"""
_KEY = ("partition_key", "clustering")
_NATIVE = {
    "ascii", "bigint", "blob", "boolean", "date", "decimal", "double", "duration", "float", "inet",
    "int", "smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varchar",
    "varint",
}  # fmt: skip

ComparedRow = dict[str, str | int]
"""Texts of the values by column, and the second at which each expires by `ttl(column)`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that is not the same on both sides; a side without the row is None.

    Of a row that is on both sides only the columns that differ are named.
    """

    key: str
    source: str | None
    target: str | None
    columns: tuple[str, ...] = ()

    @property
    def on_both(self) -> bool:
        return None not in (self.source, self.target)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of one table on each side. A partition with only statics counts as one row."""

    table: str
    rows_source: int
    rows_target: int
    differences: tuple[Difference, ...]

    @property
    def missing(self) -> int:
        """Rows of the source that the target lacks."""
        return sum(difference.target is None for difference in self.differences)

    @property
    def extra(self) -> int:
        """Rows of the target that the source lacks."""
        return sum(difference.source is None for difference in self.differences)

    @property
    def differing(self) -> int:
        """Rows on both sides with unequal values."""
        return len(self.differences) - self.missing - self.extra


def compare_table(source: Session, target: Session, table: str) -> Comparison:
    """Read `table` (`keyspace.table`) on both sides, the source at ALL; the sessions are plain.

    Columns are the source's: one that the target lacks is an error of the driver.
    """
    keyspace, _, name = table.partition(".")
    columns = list(source.execute(_COLUMNS, (keyspace, name)))
    key = sorted(
        (column for column in columns if column.kind in _KEY),
        key=lambda column: (_KEY.index(column.kind), column.position),
    )
    others = [column for column in columns if column.kind not in _KEY]
    quoted = f'"{keyspace}"."{name}"'
    source_rows = _rows(source, quoted, key, others, ConsistencyLevel.ALL)
    target_rows = _rows(target, quoted, key, others, ConsistencyLevel.LOCAL_QUORUM)
    return Comparison(
        table, len(source_rows), len(target_rows), tuple(_differences(source_rows, target_rows))
    )


def _rows(
    session: Session, table: str, key: list[Any], others: list[Any], consistency: int
) -> dict[str, ComparedRow]:
    expiring = [column for column in others if _may_expire(column.type)]
    selected = [_selector(column) for column in (*key, *others)]
    selected += [f"TTL({_quoted(column.column_name)})" for column in expiring]
    names = [column.column_name for column in others]
    statement = SimpleStatement(
        f"SELECT {', '.join(selected)} FROM {table}",
        consistency_level=consistency,
        fetch_size=_PAGE,
    )
    rows: dict[str, ComparedRow] = {}
    for row in session.execute(statement, timeout=_READ_S):
        at = len(key) + len(others)
        values = [_text(value) for value in row[:at]]
        found: ComparedRow = dict(zip(names, values[len(key) :], strict=True))
        now = int(time.time())
        for column, ttl in zip(expiring, row[at:], strict=True):
            if ttl is not None:
                found[f"ttl({column.column_name})"] = now + ttl
        rows[", ".join(values[: len(key)])] = found
    return rows


def _may_expire(cql_type: str) -> bool:
    """Return whether the server can return the remaining TTL of such a column."""
    return cql_type in _NATIVE or cql_type.startswith(("frozen<", "tuple<"))


def _selector(column: Any) -> str:
    """A timestamp is read as the number it is: the driver refuses years that Python lacks."""
    name = _quoted(column.column_name)
    return f"blobAsBigint(timestampAsBlob({name}))" if column.type == "timestamp" else name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: Any) -> str:
    """Text that is equal for equal values only: NaN is itself, 1.0 and 1.00 are two decimals."""
    return repr(value)


def _differences(
    source: dict[str, ComparedRow], target: dict[str, ComparedRow]
) -> Iterable[Difference]:
    for key, source_row in source.items():
        target_row = target.get(key)
        if target_row is None:
            yield Difference(key, _shown(source_row, source_row), None, tuple(source_row))
            continue
        unequal = [
            name
            for name in source_row | target_row
            if not _same(source_row.get(name), target_row.get(name))
        ]
        if unequal:
            shown = _shown(source_row, unequal), _shown(target_row, unequal)
            yield Difference(key, *shown, tuple(unequal))
    for key, target_row in target.items():
        if key not in source:
            yield Difference(key, None, _shown(target_row, target_row), tuple(target_row))


def _same(source_row: str | int | None, target_row: str | int | None) -> bool:
    if isinstance(source_row, int) and isinstance(target_row, int):
        return -_EARLY_S <= target_row - source_row <= _LATE_S
    return source_row == target_row


def _shown(row: ComparedRow, names: Iterable[str]) -> str:
    return ", ".join(f"{name}={row.get(name)}" for name in names)
