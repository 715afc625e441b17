"""Cuts a case down to what still shows its fault: fewer tables, writes, columns; smaller types.

A whole round of smaller cases is judged at once, as a live run has room for many tables; the first
of a round that still shows the fault is cut down further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from hintferry.core.cql_type import CqlType, TypeKind
from hintferry.core.schema import ColumnKind
from tests.fuzz.case import Case, OneColumn, OneTable, OneType

T = TypeVar("T")
Judge = Callable[[Sequence[Case]], list[bool]]
"""Which of these cases still show the fault."""

_SMALLEST = CqlType(TypeKind.NATIVE, "int")
_AT_ONCE = 8


def shrunk(case: Case, judge: Judge, rounds: int) -> Case:
    """Return the smallest case found within so many rounds."""
    smaller = list(_smaller(case))
    while smaller and rounds > 0:
        now, smaller = smaller[:_AT_ONCE], smaller[_AT_ONCE:]
        rounds -= 1
        kept = [one for one, shows in zip(now, judge(now), strict=True) if shows]
        if kept:
            case = kept[0]
            smaller = list(_smaller(case))
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Yield cases that are a step smaller, those that leave most out first."""
    if len(case.tables) > 1:
        for part in _parts(case.tables):
            yield replace(case, tables=part)
    used = {(table.keyspace, one.name) for table in case.tables for one in case.used_types(table)}
    if len(used) < len(case.types):
        types = tuple(one for one in case.types if (one.keyspace, one.name) in used)
        yield replace(case, types=types)
    for place, table in enumerate(case.tables):
        for smaller in _smaller_tables(table):
            yield replace(case, tables=_with(case.tables, place, smaller))
    for place, one in enumerate(case.types):
        for less in _smaller_types(one):
            yield replace(case, types=_with(case.types, place, less))


def _smaller_tables(table: OneTable) -> Iterator[OneTable]:
    for writes in _parts(table.writes):
        yield replace(table, writes=writes)
    if table.beside:
        yield replace(table, beside=())
    if table.expires:
        yield replace(table, expires=False)
    if table.options or table.default_ttl:
        yield replace(table, options=(), default_ttl=0)
    yield from _smaller_columns(table)
    for place, write in enumerate(table.writes):
        for parts in _parts(write.parts):
            smaller = replace(write, parts=parts)
            yield replace(table, writes=_with(table.writes, place, smaller))


def _smaller_columns(table: OneTable) -> Iterator[OneTable]:
    for place, column in enumerate(table.columns):
        if _may_go(table, column):
            columns = _with(table.columns, place)
            beside = tuple(one for one in table.beside if one.column != column.name)
            yield replace(table, columns=columns, beside=beside)
        for kind in _smaller_kinds(column.type):
            yield replace(table, columns=_with(table.columns, place, replace(column, type=kind)))
        plain = replace(column, name=f"c{place}", descending=False)
        if plain != column and column.name not in {one.column for one in table.beside}:
            yield replace(table, columns=_with(table.columns, place, plain))


def _may_go(table: OneTable, column: OneColumn) -> bool:
    """Return whether the table may be without this column."""
    alike = len(table.of(column.kind))
    if column.kind is ColumnKind.PARTITION_KEY:
        return alike > 1
    return not (column.kind is ColumnKind.CLUSTERING and alike == 1 and table.of(ColumnKind.STATIC))


def _smaller_types(one: OneType) -> Iterator[OneType]:
    for place, (name, kind) in enumerate(one.fields):
        if len(one.fields) > 1:
            yield replace(one, fields=_with(one.fields, place))
        for smaller in _smaller_kinds(kind):
            yield replace(one, fields=_with(one.fields, place, (name, smaller)))


def _smaller_kinds(kind: CqlType) -> Iterator[CqlType]:
    """Yield what stands in a type, then a whole number in its place."""
    if kind.name == "counter":
        return
    inner = kind.inner
    yield from (part for part in inner.parameters if part != kind)
    if kind != _SMALLEST:
        yield _SMALLEST
    if inner.kind is TypeKind.TUPLE and len(inner.parameters) > 1:
        for part in _parts(inner.parameters):
            tuple_ = CqlType(TypeKind.TUPLE, "", part)
            yield CqlType(TypeKind.FROZEN, "", (tuple_,))


def _parts(things: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    """Yield halves, quarters and so on, then the whole without each of them."""
    size = len(things) // 2
    while size:
        pieces = [(at, at + size) for at in range(0, len(things), size)]
        yield from (things[begin:end] for begin, end in pieces if end - begin < len(things))
        if len(pieces) > 2:
            yield from (things[:begin] + things[end:] for begin, end in pieces)
        size //= 2
    if len(things) == 1:
        yield ()


def _with(things: tuple[T, ...], place: int, *instead: T) -> tuple[T, ...]:
    return (*things[:place], *instead, *things[place + 1 :])
