"""Provide what the property tests draw from: tables, keys, hints and records."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from hintferry.core.hint import Bound, Errand, Hint, Record, Scope, Slice
from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId

WIDTHS = {"int": 4, "bigint": 8, "uuid": 16, "tinyint": 1, "text": None, "blob": None}


def columns(kind: ColumnKind, least: int, most: int) -> st.SearchStrategy[tuple[Column, ...]]:
    """Columns of one kind, named by it and their position, in either order."""
    shapes = st.tuples(st.sampled_from(sorted(WIDTHS)), st.booleans())

    def named(drawn: list[tuple[str, bool]]) -> tuple[Column, ...]:
        return tuple(
            Column(f"{kind.value}{place}", cql_type, kind, place, descending)
            for place, (cql_type, descending) in enumerate(drawn)
        )

    return st.lists(shapes, min_size=least, max_size=most).map(named)


@st.composite
def tables(draw: st.DrawFn, least_clustering: int = 0) -> Table:
    """Any table; one without clustering columns has no static ones."""
    clustering = draw(columns(ColumnKind.CLUSTERING, least_clustering, 4))
    statics = draw(columns(ColumnKind.STATIC, 0, 2)) if clustering else ()
    return Table(
        TableId("shop", draw(st.sampled_from(["orders", "Visits"]))),
        draw(columns(ColumnKind.PARTITION_KEY, 1, 3)),
        clustering,
        statics,
        draw(columns(ColumnKind.REGULAR, 0, 3)),
    )


def components(column: Column) -> st.SearchStrategy[bytes]:
    """Wire bytes that the column's type may have; they may be empty."""
    width = WIDTHS[column.cql_type]
    if width is None:
        return st.binary(max_size=5)
    return st.one_of(st.just(b""), st.binary(min_size=width, max_size=width))


def keys(of: tuple[Column, ...]) -> st.SearchStrategy[Key]:
    """A whole key of these columns."""
    return st.tuples(*map(components, of))


@st.composite
def bounds(draw: st.DrawFn, of: tuple[Column, ...]) -> Bound:
    """A prefix of a key; an open end is inclusive."""
    values = draw(keys(of[: draw(st.integers(0, len(of)))]))
    return Bound(values, not values or draw(st.booleans()))


def hints(table: Table) -> st.SearchStrategy[Hint]:
    """A hint that decoding a record of this table can make."""
    altered = st.integers(min_value=0, max_value=2**63 - 1)
    return st.builds(lambda hint, us: replace(hint, altered_us=us), _hints(table), altered)


@st.composite
def _hints(draw: st.DrawFn, table: Table) -> Hint:
    partition = draw(keys(table.partition_key))
    scopes = [Scope.ROW]
    if table.clustering:
        scopes += [Scope.SLICE, Scope.PARTITION, Scope.STATIC]
    scope = draw(st.sampled_from(scopes))
    if scope is Scope.ROW:
        statics = bool(table.statics) and draw(st.booleans())
        clustering = draw(keys(table.clustering))
        return Hint(table.id, partition, scope, clustering, statics_due=statics)
    if scope is Scope.SLICE:
        part = Slice(draw(bounds(table.clustering)), draw(bounds(table.clustering)))
        return Hint(table.id, partition, scope, slice=part, errand=draw(st.sampled_from(Errand)))
    statics_due = scope is Scope.STATIC or bool(table.statics)
    return Hint(table.id, partition, scope, statics_due=statics_due)


def record(value: bytes | None, offset: int = 0) -> Record:
    """A record with this value."""
    return Record("hintferry.shop.orders", 0, offset, None, None, value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
"""Anything that JSON can say."""
