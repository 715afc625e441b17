"""Cut the raw rows of `cql.select_*` into keys and columns.

A raw row has the clustering key, then the columns, then the remaining TTLs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from hintferry.adapters.driver.cql import Ttls, ttl_readable
from hintferry.adapters.driver.raw_rows import RawRow, cut
from hintferry.core.elements import split
from hintferry.core.rows import Expiries, Expiry, Row, Scanned
from hintferry.core.schema import Key, Table

_NULL = b"\xff" * 4
"""The cell that is null."""

_NUMBERS = "list<int>"


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Cuts raw rows of `cql.select_*` into keys and rows; with `statics`, of `select_statics`."""

    table: Table
    ttls: Ttls
    statics: bool
    _ttl_at: tuple[tuple[int, bool] | None, ...] = field(init=False)
    """The place of each column's TTL in a raw row, and whether it is a list; None without a TTL."""
    _no_expiries: Expiries = field(init=False)
    _lead: int = field(init=False)
    """Cells before the clustering key in a row of a scan."""
    _keys: int = field(init=False)
    """Cells of the clustering key; 0 where static columns are read."""
    _width: int = field(init=False)
    """Cells of a row of a scan."""

    def __post_init__(self) -> None:
        columns = self.table.statics if self.statics else self.table.regulars
        readable = ttl_readable(columns, self.ttls)
        places = {one: (place, one.multicell) for place, one in enumerate(readable)}
        lead = 1 + len(self.table.partition_key)
        keys = 0 if self.statics else len(self.table.clustering)
        object.__setattr__(self, "_ttl_at", tuple(map(places.get, columns)))
        object.__setattr__(self, "_no_expiries", (None,) * len(columns))
        object.__setattr__(self, "_lead", lead)
        object.__setattr__(self, "_keys", keys)
        object.__setattr__(self, "_width", lead + keys + len(columns) + len(readable))

    def rows(self, raw: Sequence[RawRow], arrived_at: float) -> dict[Key, Row]:
        """The rows by clustering key, static columns under the empty one, in the given order.

        `arrived_at`: epoch seconds; remaining TTLs count from then, never too early.
        """
        table = self.table
        keys = len(table.partition_key if self.statics else table.clustering)
        columns = len(self._ttl_at)
        now_s = int(arrived_at)
        found: dict[Key, Row] = {}
        for row in raw:
            if keys and row[0] is None:
                # A partition that holds nothing but static columns answers with a row of nulls.
                continue
            key = () if self.statics else cast(Key, row[:keys])
            ttls = row[keys + columns :]
            found[key] = Row(row[keys : keys + columns], self._expiries(ttls, now_s))
        return found

    def scanned(self, count: int, body: bytes, arrived_at: float) -> list[Scanned]:
        """The rows of `cql.scan_*`, which begin with token and partition key."""
        now_s, lead = int(arrived_at), self._lead
        first = lead + self._keys
        end = first + len(self._ttl_at)
        return [
            Scanned(
                int.from_bytes(cast(bytes, row[0]), signed=True),
                cast(Key, row[1:lead]),
                cast(Key, row[lead:first]),
                Row(row[first:end], self._expiries(row[end:], now_s)),
            )
            for row in cut(count, body, self._width)
            if self._is_row(row)
        ]

    def extent(self, count: int, body: bytes, rows: int) -> tuple[int, int]:
        """Return how many rows of nulls and others, and bytes, the first so many rows take."""
        passed = length = 0
        for row in cut(count, body, self._width):
            if not rows:
                break
            passed += 1
            length += 4 * len(row) + sum(len(cell) for cell in row if cell is not None)
            rows -= self._is_row(row)
        return passed, length

    def is_dense(self, body: bytes) -> bool:
        """A partition that holds nothing but static columns tells so by a row of nulls, and one
        without them by static columns that are null."""
        return not self.table.statics or _NULL * (self._width - self._lead) not in body

    def _is_row(self, row: RawRow) -> bool:
        return not self._keys or row[self._lead] is not None

    def _expiries(self, ttls: RawRow, now_s: int) -> Expiries:
        if not any(ttls):
            return self._no_expiries
        return tuple(
            None
            if place is None or (ttl := ttls[place[0]]) is None
            else _of_elements(ttl, now_s)
            if place[1]
            else now_s + int.from_bytes(ttl)
            for place in self._ttl_at
        )


def _of_elements(ttls: bytes, now_s: int) -> Expiry:
    """A list of numbers, nulls for elements that last; None where all do."""
    found = [cell[4:] for cell in split(_NUMBERS, ttls)]
    if not any(found):
        return None
    return tuple(now_s + int.from_bytes(ttl) if ttl else None for ttl in found)


@lru_cache(1000)
def row_layout(table: Table, ttls: Ttls, statics: bool) -> RowLayout:
    """The shape, made once a table and looked up for every further read."""
    return RowLayout(table, ttls, statics)
