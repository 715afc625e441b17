"""Tell whether two rows are the same, to a reader of either side."""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.elements import holds
from hintferry.core.rows import Expiries, Expiry, Row
from hintferry.core.schema import Column, Table

EXPIRY_TOLERANCE_S = 2
"""Remaining TTLs are whole seconds, read on two clocks and counted down on a third."""


def same(source: Row, target: Row) -> bool:
    """Equal bytes in every column, and expiries that a reader could not tell apart."""
    return source.values == target.values and _close(source.expiries, target.expiries)


def outlives(table: Table, columns: Sequence[Column], source: Row | None, target: Row) -> bool:
    """Return whether the target has only more of what tells no TTL, and was given the longest of
    its table.

    That is a row without values, or elements. A lost delete of it looks the same, and goes by
    itself likewise.
    """
    if not table.longest_ttl:
        return False
    shown = source or Row((None,) * len(columns), (None,) * len(columns))
    cells = zip(columns, *shown, *target, strict=True)
    return all(
        holds(column.cql_type, target_value, source_value)
        if table.is_bounded(column)
        else source_value == target_value and _is_close(source_end, target_end)
        for column, source_value, source_end, target_value, target_end in cells
    )


def _close(one: Expiries, other: Expiries) -> bool:
    if one == other:
        return True
    return all(map(_is_close, one, other))


def _is_close(source: Expiry, target: Expiry) -> bool:
    if isinstance(source, int) and isinstance(target, int):
        return abs(source - target) <= EXPIRY_TOLERANCE_S
    # Of elements the target never tells it.
    return source == target or isinstance(source, tuple)
