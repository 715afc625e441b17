"""The use of each table: write and read request units, and the requests they came from. Only
counts.

A written unit is 1 KB of an encoded row (`encoding`), a read unit 4 KB of an answer. A read at ONE
or LOCAL_ONE costs half. The README says what the meters leave out.
"""

from dataclasses import dataclass

WRITE_UNIT = 1024
READ_UNIT = 4096


def write_units(size: int) -> int:
    """Units of one row (or of a partition's static data) of that encoded size."""
    return max(1, -(-size // WRITE_UNIT))


class ReadMeter:
    """Reads of one table at one price."""

    __slots__ = ("requests", "units")

    def __init__(self) -> None:
        self.requests = self.units = 0

    def add(self, size: int) -> None:
        """An answer of so many bytes (assumed to be what the service read for it)."""
        self.requests += 1
        self.units += max(1, -(-size // READ_UNIT))


class Meter:
    """One table's counters, changed in place."""

    __slots__ = ("eventual", "strong", "throttled", "write_units", "writes")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.writes = self.write_units = self.throttled = 0
        self.strong, self.eventual = ReadMeter(), ReadMeter()

    def reading(self) -> "Reading":
        return Reading(
            writes=self.writes,
            wru=self.write_units,
            reads=self.strong.requests + self.eventual.requests,
            rru=self.strong.units + self.eventual.units / 2,
            throttled=self.throttled,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """A table's counters at one moment; `throttled` requests used nothing."""

    writes: int
    wru: int
    reads: int
    rru: float
    throttled: int
