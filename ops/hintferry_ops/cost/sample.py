"""A few pages of a table, measured as the target will hold its rows. Bounded in reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hintferry.core import metering
from hintferry.core.rows import Scanned, ScanPage
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import HIGHEST, LOWEST, TokenRange
from hintferry.ports import Scan

PAGES = 16
"""Pages of rows that are read, and as many pages of static columns: one from each part of the ring.
"""

EMPTY_PAGES = 8
"""Pages without a row that are passed over for each of them."""


@dataclass(slots=True)
class Largest:
    """The most that was seen of something, and where."""

    size: int = 0
    partition: Key = ()
    clustering: Key = ()

    def see(self, size: int, one: Scanned) -> None:
        """Keep it if there was none as large."""
        if size > self.size:
            self.size, self.partition, self.clustering = size, one.partition, one.clustering


@dataclass(slots=True)
class Sampled:
    """Rows, or the static columns of partitions: how many were seen, and their encoded size.

    `share` of the whole ring was looked at; `bare_units` are write units without client-side
    timestamps.
    """

    seen: int = 0
    size: int = 0
    write_units: int = 0
    bare_units: int = 0
    share: float = 0.0
    largest: Largest = field(default_factory=Largest)

    def enter(self, one: Scanned, size: int, timestamps: int) -> None:
        """One more; `timestamps`: bytes of its size that these take."""
        self.seen += 1
        self.size += size
        further = metering.further(one.row.expiries)
        self.write_units += metering.write_units(size) + further
        self.bare_units += metering.write_units(size - timestamps) + further
        self.largest.see(size, one)

    def whole(self, seen: int) -> int:
        """So much of what was seen, scaled to the whole table."""
        return round(seen / self.share) if self.share else 0


@dataclass(slots=True)
class Sample:
    """The rows, columns and keys that were seen of a table."""

    rows: Sampled = field(default_factory=Sampled)
    statics: Sampled = field(default_factory=Sampled)
    partition_key: Largest = field(default_factory=Largest)
    clustering_key: Largest = field(default_factory=Largest)
    digits: Largest = field(default_factory=Largest)
    """The most digits of a varint."""

    expiring: int = 0
    """Rows of which a value expires."""


def sample(table: Table, scan: Scan, ttl: bool) -> Sample:
    """Read and measure; `ttl` as the target's table has that switch. Raises HintferryError."""
    found = Sample()
    timestamps = 0 if table.is_counter else metering.TIMESTAMP_METADATA * len(table.regulars)
    for one in _scanned(found.rows, lambda part: scan.rows(table, part)):
        size = metering.row_size(table, one.partition, one.clustering, one.row.values, ttl)
        found.rows.enter(one, size, timestamps)
        _enter_keys(found, table, one)
    if table.statics:
        for one in _scanned(found.statics, lambda part: scan.statics(table, part)):
            found.statics.enter(one, metering.static_size(table, one.partition, one.row.values), 0)
    return found


def _scanned(into: Sampled, pages: Callable[[TokenRange], Iterator[ScanPage]]) -> Iterator[Scanned]:
    """Yield the rows of the pages; enters how much of the ring they cover."""
    width = 0
    for number in range(PAGES):
        after, upto = (LOWEST + (HIGHEST - LOWEST) * one // PAGES for one in (number, number + 1))
        keys: list[Scanned] = []
        is_last = False
        for _, page in zip(range(EMPTY_PAGES), pages(TokenRange(after, upto)), strict=False):
            keys, is_last = page.keys, page.is_last
            if keys or is_last:
                break
        yield from keys
        if is_last or keys:
            width += (upto if is_last else keys[-1].token) - after
    into.share = width / (HIGHEST - LOWEST)


def _enter_keys(found: Sample, table: Table, one: Scanned) -> None:
    found.partition_key.see(sum(map(len, one.partition)), one)
    found.clustering_key.see(sum(map(len, one.clustering)), one)
    found.expiring += any(expiry is not None for expiry in one.row.expiries)
    keys = zip(table.partition_key + table.clustering, one.partition + one.clustering, strict=True)
    for column, value in [*keys, *zip(table.regulars, one.row.values, strict=True)]:
        if column.cql_type == "varint" and value:
            found.digits.see(metering.digits(value), one)
