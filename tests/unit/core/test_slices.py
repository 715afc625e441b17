"""The pieces of a slice hold its rows, all of them, each once, in clustering order."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cmp_to_key
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hintferry.core.hint import Bound, Slice
from hintferry.core.schema import Column, ColumnKind, Key
from hintferry.core.slices import Piece, pieces

VALUES = (b"a", b"b", b"c")
OPERATORS: dict[str, Callable[[bytes, bytes], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

DIRECTIONS = st.lists(st.booleans(), min_size=1, max_size=4)


def clustering_of(directions: list[bool]) -> tuple[Column, ...]:
    """Clustering columns, descending where true."""
    return tuple(
        Column(f"c{place}", "text", ColumnKind.CLUSTERING, place, descending)
        for place, descending in enumerate(directions)
    )


def compare(left: Key, right: Key, directions: list[bool]) -> int:
    """Clustering order of two keys, as far as the shorter one goes."""
    for one, other, descending in zip(left, right, directions, strict=False):
        if one != other:
            return (1 if one > other else -1) * (-1 if descending else 1)
    return 0


def in_order(directions: list[bool]) -> list[Key]:
    """Every row of the partition, in the table's clustering order."""

    def order(one: Key, other: Key) -> int:
        return compare(one, other, directions)

    return sorted(product(VALUES, repeat=len(directions)), key=cmp_to_key(order))


def expected(part: Slice, directions: list[bool]) -> list[Key]:
    """The rows of a slice by its definition: walk the order and compare with the two bounds."""

    def holds(row: Key) -> bool:
        after = compare(row, part.start.values, directions)
        before = compare(row, part.end.values, directions)
        return (after > 0 or (after == 0 and part.start.inclusive)) and (
            before < 0 or (before == 0 and part.end.inclusive)
        )

    return [row for row in in_order(directions) if holds(row)]


def selected(piece: Piece, rows: list[Key]) -> list[Key]:
    """The rows that a server finds for a piece's conditions."""
    level = len(piece.prefix)
    bounds = [bound for bound in (piece.after, piece.before) if bound is not None]
    return [
        row
        for row in rows
        if row[:level] == piece.prefix
        and all(OPERATORS[sign](row[level], value) for sign, value in bounds)
    ]


@st.composite
def slices(draw: st.DrawFn) -> tuple[list[bool], Slice]:
    """A table's directions and a slice whose start does not come after its end."""
    directions = draw(DIRECTIONS)

    def bound(prefix: Key) -> Bound:
        depth = draw(st.integers(len(prefix), len(directions)))
        more = (draw(st.sampled_from(VALUES)) for _ in range(depth - len(prefix)))
        values = (*prefix, *more)
        return Bound(values, not values or draw(st.booleans()))

    start = bound(())
    shared = draw(st.integers(0, len(start.values)))
    end = bound(start.values[:shared])
    if draw(st.booleans()):
        start, end = end, start
    if compare(start.values, end.values, directions) > 0:
        start, end = end, start
    return directions, Slice(start, end)


@given(slices())
@settings(max_examples=400)
def test_pieces_hold_exactly_the_rows_between_the_bounds_in_order(
    drawn: tuple[list[bool], Slice],
) -> None:
    """Joined in their order, with no row twice, the pieces are the slice."""
    directions, part = drawn
    rows = in_order(directions)
    actual = [
        row for piece in pieces(part, clustering_of(directions)) for row in selected(piece, rows)
    ]
    assert expected(part, directions) == actual


@given(slices())
def test_a_piece_bounds_one_column_behind_an_equal_prefix(drawn: tuple[list[bool], Slice]) -> None:
    """Which is all that every server understands, whatever the mix of ASC and DESC."""
    directions, part = drawn
    for piece in pieces(part, clustering_of(directions)):
        bounded = piece.after is not None or piece.before is not None
        assert len(piece.prefix) + bounded <= len(directions)
        bounds = [bound[1] for bound in (piece.after, piece.before) if bound is not None]
        assert [*piece.prefix, *bounds] == piece.values


@given(DIRECTIONS)
def test_open_bounds_are_one_piece_without_conditions(directions: list[bool]) -> None:
    assert [Piece(())] == list(pieces(Slice(), clustering_of(directions)))


@given(slices(), st.data())
def test_a_slice_cut_at_one_of_its_rows_loses_none(
    drawn: tuple[list[bool], Slice], data: st.DataObject
) -> None:
    """The pages of a comparison: up to a key, then on from behind it."""
    directions, part = drawn
    rows = expected(part, directions)
    if not rows:
        return
    cut = data.draw(st.sampled_from(rows))
    halves = Slice(part.start, Bound(cut)), Slice(Bound(cut, inclusive=False), part.end)
    everything = in_order(directions)
    actual = [
        row
        for half in halves
        for piece in pieces(half, clustering_of(directions))
        for row in selected(piece, everything)
    ]
    assert rows == actual
