"""Describe how much a table of the target takes a second, as `migration.toml` declares it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hintferry.core.keyspaces_limits import ON_DEMAND_READS, ON_DEMAND_WRITES

BACKFILL_SHARE = 0.8
"""The share of a table's capacity that a backfill takes; the rest is left to live hints."""


class Mode(Enum):
    """The ways to pay for a table's capacity; the values are those of `migration.toml`."""

    ON_DEMAND = "on-demand"
    PROVISIONED = "provisioned"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Units a second of a table.

    `read_units` and `write_units` are those of a provisioned table, 0 on demand. The warm ones are
    what a table takes from its first second on, 0 where that is the service's own number.
    """

    mode: Mode = Mode.ON_DEMAND
    read_units: int = 0
    write_units: int = 0
    warm_read_units: int = 0
    warm_write_units: int = 0

    @property
    def writes_per_s(self) -> int:
        """Write units a second that it surely takes."""
        return self.write_units or self.warm_write_units or ON_DEMAND_WRITES

    @property
    def warm(self) -> tuple[int, int] | None:
        """Warm read and write units, where either was declared."""
        reads, writes = self.warm_read_units, self.warm_write_units
        if not reads and not writes:
            return None
        return reads or ON_DEMAND_READS, writes or ON_DEMAND_WRITES

    @property
    def backfill_units_per_s(self) -> float:
        """Write units a second that a backfill may take."""
        return BACKFILL_SHARE * self.writes_per_s

    @property
    def most_units(self) -> int:
        """The largest of all: what a quota has to allow."""
        return max(self.read_units, self.write_units, self.warm_read_units, self.warm_write_units)


ON_DEMAND = Capacity()
