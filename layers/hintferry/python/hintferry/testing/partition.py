"""Everything a replica holds of one partition, and a write to it: both have the same shape.

Clustering keys are ordered by their bytes, ascending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import ge, gt, le, lt

from hintferry.core.hint import WHOLE_PARTITION, Slice
from hintferry.core.schema import Key
from hintferry.core.slices import Piece
from hintferry.testing.rowstate import NEVER, RowState


@dataclass(slots=True)
class PartitionState:
    """Rows by clustering key, the static row, and the deletions that cover more than a row."""

    deleted_at: int = NEVER
    ranges: dict[Slice, int] = field(default_factory=dict)
    statics: RowState = field(default_factory=RowState)
    rows: dict[Key, RowState] = field(default_factory=dict)

    def copy(self) -> PartitionState:
        """Return a copy that later merges leave as it is."""
        rows = {key: row.under(NEVER) for key, row in self.rows.items()}
        return PartitionState(self.deleted_at, dict(self.ranges), self.statics.under(NEVER), rows)

    def merge(self, other: PartitionState) -> None:
        """Merge a write, or the state of another replica."""
        self.deleted_at = max(self.deleted_at, other.deleted_at)
        for part, timestamp in other.ranges.items():
            self.ranges[part] = max(self.ranges.get(part, NEVER), timestamp)
        self.statics.merge(other.statics)
        for clustering, row in other.rows.items():
            self.rows.setdefault(clustering, RowState()).merge(row)

    @property
    def newest(self) -> int:
        """The highest timestamp in it."""
        rows = (row.newest for row in self.rows.values())
        return max(self.deleted_at, self.statics.newest, *self.ranges.values(), *rows, NEVER)

    def row(self, clustering: Key) -> RowState:
        """A row under every deletion that covers it."""
        covering = [at for part, at in self.ranges.items() if holds(part, clustering)]
        return self.rows.get(clustering, RowState()).under(max([self.deleted_at, *covering]))

    def static_row(self) -> RowState:
        """The static columns under the partition's deletion; range deletions spare them."""
        return self.statics.under(self.deleted_at)

    def keys(self, part: Slice = WHOLE_PARTITION) -> list[Key]:
        """The clustering keys of a slice, of dead rows too, in order."""
        return sorted(key for key in self.rows if holds(part, key))


_COMPARE: dict[str, Callable[[bytes, bytes], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def lies_in(piece: Piece, clustering: Key) -> bool:
    """Return whether a piece of a slice holds a row."""
    fixed = len(piece.prefix)
    bounds = [bound for bound in (piece.after, piece.before) if bound is not None]
    return clustering[:fixed] == piece.prefix and all(
        _COMPARE[operator](clustering[fixed], value) for operator, value in bounds
    )


def holds(part: Slice, clustering: Key) -> bool:
    """Return whether a slice holds a row."""
    start, end = part.start, part.end
    first, last = clustering[: len(start.values)], clustering[: len(end.values)]
    after = first > start.values or (start.inclusive and first == start.values)
    return after and (last < end.values or (end.inclusive and last == end.values))
