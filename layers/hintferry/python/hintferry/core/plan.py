"""What to write so that the target shows exactly what a read saw. The only place that decides.

Writes are full and unconditional: a row that is there is written with every regular column, nulls
included; a row that is not there is deleted. Everything carries the read start as its timestamp,
so the newest read wins on the target, cell by cell, in whatever order the writes arrive.
"""

from __future__ import annotations

from collections.abc import Iterable

from hintferry.core.rows import Put, Remove, Row, Snapshot, Statement, Values
from hintferry.core.schema import Key, Table

COLUMNS_PER_STATEMENT = 166
"""Keyspaces takes 225 columns in a statement, 166 where the table has TTL; one rule serves both."""


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
            statements.extend(plan_row(seen.table, clustering, row, seen.read_start, now_s))
    return statements


def plan_row(
    table: Table, clustering: Key, row: Row, read_start: int, now_s: int
) -> list[Statement]:
    """Statements that make the target show this row.

    A row all of whose values expire gets a marker that expires with the last of them; once they
    all have, the row is gone and is deleted.
    """
    names = table.regular_names
    if not any(row.expiries):
        return _puts(clustering, names, row.values, read_start, None, True)
    by_expiry = _columns_by_expiry(row, now_s)
    nulls = by_expiry.pop(_NULL, [])
    if not by_expiry:
        return [Remove(clustering, read_start)]
    marker = None if None in by_expiry else max(at for at in by_expiry if at is not None)
    by_expiry[marker] = sorted(by_expiry.pop(marker) + nulls)
    return [
        put
        for at, columns in by_expiry.items()
        for put in _puts(
            clustering, *_pick(names, row, columns, nulls), read_start, at, at == marker
        )
    ]


def plan_statics(seen: Snapshot, now_s: int) -> list[Statement]:
    """Statements that make the target show the partition's static columns as `seen`.

    A partition that was not there has none: its static columns are all nulls.
    """
    names = seen.table.static_names
    row = seen.rows.get((), Row((None,) * len(names), (None,) * len(names)))
    by_expiry = _columns_by_expiry(row, now_s)
    nulls = by_expiry.pop(_NULL, [])
    if nulls:
        by_expiry[None] = sorted(by_expiry.get(None, []) + nulls)
    return [
        put
        for at, columns in by_expiry.items()
        for put in _puts(None, *_pick(names, row, columns, nulls), seen.read_start, at, True)
    ]


_NULL = 0
"""Stands for the expiry of a value that is null, or has expired by now."""


def _columns_by_expiry(row: Row, now_s: int) -> dict[int | None, list[int]]:
    """Column indexes grouped by the second of their expiry, None for values that do not expire.

    Each column is in exactly one group: of a null and a value at one timestamp the null would win.
    """
    groups: dict[int | None, list[int]] = {}
    for index, (value, expiry) in enumerate(zip(row.values, row.expiries, strict=True)):
        is_null = value is None or (expiry is not None and expiry <= now_s)
        groups.setdefault(_NULL if is_null else expiry, []).append(index)
    return groups


def _pick(
    names: tuple[str, ...], row: Row, columns: list[int], nulls: list[int]
) -> tuple[tuple[str, ...], Values]:
    gone = set(nulls)
    return (
        tuple(names[index] for index in columns),
        tuple(None if index in gone else row.values[index] for index in columns),
    )


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
