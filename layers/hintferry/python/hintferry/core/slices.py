"""A slice of a partition as plain CQL conditions, in clustering order.

The order of two values is the server's business (types are opaque here). So a slice is cut into
pieces that fix a prefix of the clustering key by equality and bound one more column. Every server
understands those, whatever the mix of ASC and DESC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.hint import Bound, Slice
from hintferry.core.schema import Column, Key


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows whose clustering key starts with `prefix` and whose next column lies in between.

    `after` and `before` are (operator, value) in CQL's sense, already turned for DESC columns.
    """

    prefix: Key
    after: tuple[str, bytes] | None = None
    before: tuple[str, bytes] | None = None

    @property
    def values(self) -> list[bytes]:
        """The prefix and the bounds, in the order in which conditions on them are bound."""
        return [*self.prefix, *(bound[1] for bound in (self.after, self.before) if bound)]


def bounded(slice_: Slice, clustering: Sequence[Column]) -> Slice | None:
    """Return the least slice around this one that Keyspaces can bound; None where it can this one.

    It compares a frozen collection, tuple or user type by equality only.
    """
    frozen = [parse(column.cql_type).kind is TypeKind.FROZEN for column in clustering]
    if not any(frozen):
        return None
    most = frozen.index(True)
    start, end = (
        bound if len(bound.values) <= most else Bound(bound.values[:most])
        for bound in (slice_.start, slice_.end)
    )
    return Slice(start, end)


def pieces(slice_: Slice, clustering: Sequence[Column]) -> Iterator[Piece]:
    """The pieces that together hold exactly the rows of the slice, in clustering order."""
    start, end = slice_.start, slice_.end
    common = _common_prefix(start.values, end.values)
    if len(start.values) == len(end.values) == common:
        if start.inclusive and end.inclusive:
            yield Piece(start.values)
    elif len(start.values) == common:
        if start.inclusive:
            yield from _up_to(end, common, clustering)
    elif len(end.values) == common:
        if end.inclusive:
            yield from _from(start, common, clustering)
    else:
        yield from _from(start, common + 1, clustering)
        yield _between(start, end, common, clustering)
        yield from _up_to(end, common + 1, clustering)


def _common_prefix(left: Key, right: Key) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


def _from(start: Bound, shared: int, clustering: Sequence[Column]) -> Iterator[Piece]:
    """Rows after the start that have at least `shared` first components in common with it."""
    for level in range(len(start.values) - 1, shared - 1, -1):
        yield Piece(start.values[:level], after=_after(start, level, clustering))


def _up_to(end: Bound, shared: int, clustering: Sequence[Column]) -> Iterator[Piece]:
    """Rows before the end that have at least `shared` first components in common with it."""
    for level in range(shared, len(end.values)):
        yield Piece(end.values[:level], before=_before(end, level, clustering))


def _between(start: Bound, end: Bound, level: int, clustering: Sequence[Column]) -> Piece:
    """Rows between the two bounds at the first component in which they differ."""
    return Piece(
        start.values[:level], _after(start, level, clustering), _before(end, level, clustering)
    )


def _after(bound: Bound, level: int, clustering: Sequence[Column]) -> tuple[str, bytes]:
    operator = "<" if clustering[level].descending else ">"
    return _inclusive(operator, bound, level), bound.values[level]


def _before(bound: Bound, level: int, clustering: Sequence[Column]) -> tuple[str, bytes]:
    operator = ">" if clustering[level].descending else "<"
    return _inclusive(operator, bound, level), bound.values[level]


def _inclusive(operator: str, bound: Bound, level: int) -> str:
    """A bound takes its own rows in only at its last component; before that they lie deeper."""
    return operator + "=" if bound.inclusive and level == len(bound.values) - 1 else operator
