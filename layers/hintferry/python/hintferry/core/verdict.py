"""Describe what a sweep finds of each key that either side shows, and the sums of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Self

from hintferry.core.compare import outlives, same
from hintferry.core.counters import plan_counters
from hintferry.core.rows import Row
from hintferry.core.schema import Table


class Verdict(Enum):
    """The result of comparing the target's row with the source's."""

    EQUAL = "equal"
    MISSING = "missing"
    """The target lacks it."""

    DIFFERENT = "different"
    EXTRA = "extra"
    """Only the target has it."""

    EXPIRING = "expiring"
    """Only the target has it, or some of its elements, and it goes by itself. Its TTL could not be
    read, so it was given the longest of its table."""


def judge(table: Table, source: Row | None, target: Row | None, is_static: bool = False) -> Verdict:
    """The verdict over one row, or over the static columns of one partition."""
    if source is None and target is None:
        return Verdict.EQUAL
    if target is None:
        return Verdict.MISSING
    columns = table.statics if is_static else table.regulars
    if source is None:
        return Verdict.EXPIRING if outlives(table, columns, None, target) else Verdict.EXTRA
    if table.is_counter:
        is_equal = not plan_counters(table, (), source, target, 0)
    else:
        is_equal = same(source, target)
    if is_equal:
        return Verdict.EQUAL
    return Verdict.EXPIRING if outlives(table, columns, source, target) else Verdict.DIFFERENT


def shown(row: Row | None) -> Row | None:
    """Static columns that are all null are as good as none: a partition of rows has them."""
    return None if row is None or not any(value is not None for value in row.values) else row


@dataclass
class Sums:
    """Numbers that are added up over the ranges of a table."""

    def add(self, other: Self) -> None:
        """Take in what was found elsewhere."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


UNEQUAL = ("missing", "different", "extra", "unread", "parked")
"""The sums of a pass that mean that the sides may not be equal."""


@dataclass
class VerifySums(Sums):
    """The sums of keys by verdict; the static columns of a partition count as one more key."""

    equal: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    expiring: int = 0
    """Keys that go from the target by themselves, within the longest TTL of their table."""

    unread: int = 0
    """Partitions that a side fails to read although it serves others; not among the keys."""

    hinted: int = 0
    """Keys and partitions of which a hint was sent, so that the pipeline fixes them."""

    read_units: int = field(default=0, compare=False)
    """Read units of the target, about; those of second looks are left out."""

    @property
    def seen(self) -> int:
        """Keys that either side showed."""
        return self.equal + self.missing + self.different + self.extra + self.expiring

    @property
    def is_clean(self) -> bool:
        """Return whether every key was read and is equal."""
        return not (self.missing or self.different or self.extra or self.unread)

    def count(self, verdict: Verdict) -> None:
        """One more key."""
        setattr(self, verdict.value, getattr(self, verdict.value) + 1)


@dataclass
class BackfillSums(Sums):
    """The sums of the keys that a backfill read; the static columns of a partition count as one
    more key.
    """

    written: int = 0
    """Keys; those of a page that had to be read again count each time."""

    parked: int = 0
    """Keys that the target refuses for what they are, or at which a side fails and that wait in
    the replay queue."""

    unread: int = 0
    """Single tokens that the source fails to read although it serves others."""

    write_units: int = field(default=0, compare=False)
    """Write units of the target, about; what failed at first and was written again counts once."""

    @property
    def seen(self) -> int:
        """Keys that were read."""
        return self.written + self.parked

    @property
    def is_clean(self) -> bool:
        """Return whether all that the source holds was written."""
        return not (self.parked or self.unread)
