"""Describe what a read saw, and what a write shall do: values as opaque bytes, never looked
into.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from hintferry.core.limits import COUNTED_WITHIN_S
from hintferry.core.schema import Key, Table

Values = tuple[bytes | None, ...]
"""Wire bytes a column, None for null, in the order of the table's regular or static columns."""

Expiry = int | None | tuple[int | None, ...]
"""The epoch second at which a value expires; None where it does not, or where that cannot be read.
For a collection whose elements tell it: the expiry of each element."""

Expiries = tuple[Expiry, ...]
"""The expiry of each column."""


class Row(NamedTuple):
    """The columns of one row, or the static columns of one partition."""

    values: Values
    expiries: Expiries


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that one read saw, by clustering key and in clustering order; an absent key has no
    row.

    `read_start` is microseconds since the epoch, taken just before the request was sent. It is the
    timestamp of everything that is written because of this read. Static columns stand under the
    empty clustering key. `is_last` is false for a page that others follow. `arrived_at` is epoch
    seconds, from which remaining TTLs count; 0 where none were told.
    """

    table: Table
    read_start: int
    rows: dict[Key, Row]
    is_last: bool = True
    arrived_at: float = 0.0

    @property
    def late(self) -> list[Key]:
        """The rows with TTLs that the answer told too late: they would last too long."""
        if self.arrived_at - self.read_start / 1e6 <= COUNTED_WITHIN_S:
            return []
        return [key for key, row in self.rows.items() if any(row.expiries)]

    @property
    def bound_at(self) -> int | None:
        """The second at which all is gone that expires and does not tell when; None: not known."""
        bound = self.table.longest_ttl
        return int(self.arrived_at) + bound if bound else None


class Scanned(NamedTuple):
    """One row that a scan of tokens showed, or the static columns of one partition."""

    token: int
    partition: Key
    clustering: Key
    row: Row


class Layout(Protocol):
    """The layout of the rows of a scan in their bytes."""

    def scanned(self, count: int, body: bytes, arrived_at: float) -> list[Scanned]:
        """The rows in these bytes; answers that only tell of static columns are none."""

    def extent(self, count: int, body: bytes, rows: int) -> tuple[int, int]:
        """Return how many answers, and bytes, hold the first so many rows."""

    def is_dense(self, body: bytes) -> bool:
        """Return whether surely every answer in these bytes is a row."""


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of a scan, in order of tokens; `read_start` is as a snapshot's.

    `body` has its rows as the wire has them, so that rows of equal bytes are equal. Each row is a
    token (4 bytes of length, 8 of value) and further cells. `count`: how many answers it holds,
    rows for the most part. `arrived_at`: epoch seconds, from which remaining TTLs count.
    """

    read_start: int
    arrived_at: float
    body: bytes
    count: int
    is_last: bool
    layout: Layout

    @property
    def keys(self) -> list[Scanned]:
        """Return its rows, cut again at each call."""
        return self.layout.scanned(self.count, self.body, self.arrived_at)

    @property
    def first_token(self) -> int:
        """The token of its first answer; there has to be one."""
        return int.from_bytes(self.body[4:12], signed=True)

    def without(self, rows: int) -> ScanPage:
        """Return the rest of the page after its first so many rows."""
        passed, length = self.layout.extent(self.count, self.body, rows)
        return self.after(passed, length)

    def after(self, count: int, length: int) -> ScanPage:
        """Return the rest of the page after so many answers, and bytes."""
        return replace(self, body=self.body[length:], count=self.count - count)


class Put(NamedTuple):
    """Write these columns at `timestamp`; they expire in the second `expires_at` of the epoch,
    None where they do not. Seconds to live are counted when it is sent.

    With `creates_row` the row itself (its marker) is written too, as CQL's INSERT does;
    `clustering` is None for static columns.
    """

    clustering: Key | None
    columns: tuple[str, ...]
    values: Values
    timestamp: int
    expires_at: int | None
    creates_row: bool


class ColumnOrField(NamedTuple):
    """A column of a collection, or one field of a column of a user type."""

    column: str
    field: str | None = None


class Extend(NamedTuple):
    """Add these elements to collections, and set these fields, as `Put` writes columns.

    What the columns hold besides stays: a `Put` of the same timestamp overwrites each of them.
    """

    clustering: Key | None
    columns: tuple[ColumnOrField, ...]
    values: tuple[bytes, ...]
    timestamp: int
    expires_at: int


class Remove(NamedTuple):
    """Delete this row at `timestamp`."""

    clustering: Key
    timestamp: int


class Add(NamedTuple):
    """Add these deltas (8 bytes each) to the counters of this row. Never to be sent twice."""

    clustering: Key
    columns: tuple[str, ...]
    values: Values


Statement = Put | Extend | Remove | Add
