"""Pieces of work: keys to read, and whose hints they settle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from hintferry.core.hint import Check, Errand, Hint, Slice, Trouble
from hintferry.core.schema import Key, TableId

ROWS_PER_READ = 30
"""Rows of one read: as many as one unlogged batch may write on the target."""


@dataclass(frozen=True, slots=True)
class RowWork:
    """Read these rows of a partition and make the target show exactly them."""

    table: TableId
    partition: Key
    rows: dict[Key, tuple[int, ...]]
    """Clustering key -> the indexes of the records that hinted at it."""

    is_repair: bool = False
    """A sweep found each of them unequal."""

    @property
    def records(self) -> Iterator[int]:
        return (index for indexes in self.rows.values() for index in indexes)

    def split(self, most: int = 1) -> list[RowWork]:
        """The same work a row, or so many, at a time."""
        if len(self.rows) <= most:
            return [self]
        rows = iter(self.rows.items())
        parts = iter(lambda: dict(islice(rows, most)), {})
        return [replace(self, rows=part) for part in parts]

    def under(self, clustering: Key) -> RowWork:
        """The same work of one row, named as the source names it."""
        return replace(self, rows={clustering: tuple(self.records)})


@dataclass(frozen=True, slots=True)
class StaticWork:
    """Read the static columns of a partition and make the target show exactly them."""

    table: TableId
    partition: Key
    records: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SliceWork:
    """Compare a slice of a partition on both sides and make the target's equal.

    `errand` is NEWS unless all hints of the slice agree on another.
    """

    table: TableId
    partition: Key
    slice: Slice
    records: tuple[int, ...]
    errand: Errand = Errand.NEWS
    altered_us: int = 0
    """The latest of its hints: what is done of it later must know the table so."""


Work = RowWork | StaticWork | SliceWork


@dataclass(frozen=True, slots=True)
class Later:
    """A hint to be taken up again, no earlier than `delay_s` seconds from now."""

    hint: Hint
    delay_s: int
    trouble: Trouble | None = None
    check: Check | None = None
