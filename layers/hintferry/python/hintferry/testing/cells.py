"""One cell, and which of two cells wins: the rules of Cassandra's `Cells.resolveRegular`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A value (None: a tombstone) written at `timestamp` microseconds, expiring at that second.

    A row's marker is a cell with an empty value.
    """

    timestamp: int
    value: bytes | None
    expires_at: int | None = None

    def is_live(self, now_s: int) -> bool:
        """Return whether a read in this second shows it."""
        return self.value is not None and (self.expires_at is None or now_s < self.expires_at)

    @property
    def _rank(self) -> tuple[int, bool, bool, int, bytes]:
        is_tombstone = self.value is None
        ends = is_tombstone or self.expires_at is not None
        return (self.timestamp, ends, is_tombstone, self.expires_at or 0, self.value or b"")


def winner(one: Cell | None, other: Cell | None) -> Cell | None:
    """The higher timestamp; on a tie what ends beats what stays, a tombstone beats an expiring
    value, then the later expiry, then the larger value."""
    if one is None or other is None:
        return one or other
    return one if one._rank >= other._rank else other
