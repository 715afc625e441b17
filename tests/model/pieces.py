"""The parts of a row that expire each by itself, and when the target's copy of each may go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.elements import longest, split
from hintferry.core.rows import Row
from hintferry.core.schema import Column, Table


class Piece(NamedTuple):
    """A value, or an element of a collection; `place` is that of a field of a user type."""

    column: str
    value: bytes
    place: int | None = None


class Span(NamedTuple):
    """The seconds in which the target's copy may expire: no earlier, no later; None: never."""

    first: int | None
    last: int | None


_NULL = b"\xff" * 4


def pieces(table: Table, columns: tuple[Column, ...], row: Row) -> Iterator[tuple[Piece, Span]]:
    """Yield what a row shows that was read with the times of its elements."""
    tells = table.tells_elements or bool(table.longest_ttl)
    for column, value, expiry in zip(columns, row.values, row.expiries, strict=True):
        if value is None:
            continue
        if not (column.multicell and tells):
            end = expiry if isinstance(expiry, int) else None
            yield Piece(column.name, value), Span(end, end)
            continue
        elements = split(column.cql_type, value)
        ends = expiry if isinstance(expiry, tuple) else (None,) * len(elements)
        yield from _elements(table, column, elements, ends)


def _elements(
    table: Table, column: Column, elements: list[bytes], ends: tuple[int | None, ...]
) -> Iterator[tuple[Piece, Span]]:
    kind = parse(column.cql_type).kind
    there = [
        (place, one, end)
        for place, (one, end) in enumerate(zip(elements, ends, strict=True))
        if one != _NULL
    ]
    of_all = longest(end for _, _, end in there)
    for place, one, end in there:
        last = of_all if kind is TypeKind.LIST else end
        if table.is_bounded(column) and end is not None:
            last = end + table.longest_ttl
        yield Piece(column.name, one, place if kind is TypeKind.USER else None), Span(end, last)
