"""Estimate what a pass costs on the target, and how long it takes at least."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry_ops.cost.estimate import Estimate
from hintferry_ops.cost.prices import Prices, price_book
from hintferry_ops.cost.usd import usd


@dataclass(frozen=True, slots=True)
class PassPrice:
    """Price the passes over one table."""

    table: TableSettings
    prices: Prices | None
    """None where those of the Region are not known."""

    def usd(self, sums: VerifySums | BackfillSums, seconds: float) -> float | None:
        """Return USD for what was read or written in so many seconds; None without a price."""
        if self.prices is None:
            return None
        writes = sums.write_units if isinstance(sums, BackfillSums) else 0
        reads = sums.read_units if isinstance(sums, VerifySums) else 0
        return usd(self.prices, self.table.capacity, writes, reads, seconds)

    def plan(self, found: Estimate) -> str:
        """Return the line that a backfill begins with."""
        rate = self.table.capacity.backfill_units_per_s
        seconds = found.write_units / rate
        return (
            f"about {found.rows:,} rows, {found.write_units:,} write units,"
            f" {self._price(found, seconds)}, {duration(seconds)} or more at"
            f" {rate:,.0f} units/s"
        )

    def usd_of(self, found: Estimate, seconds: float) -> float | None:
        """Return USD for a backfill that takes so many seconds; None without a price."""
        if self.prices is None:
            return None
        return usd(self.prices, self.table.capacity, found.write_units, 0, seconds)

    def _price(self, found: Estimate, seconds: float) -> str:
        price = self.usd_of(found, seconds)
        if price is None or self.prices is None:
            return "no price known of this Region"
        return f"{price:,.2f} USD ({self.prices.region}, {self.prices.dated})"


def pass_price(migration: Migration, table: TableId, folder: Path) -> PassPrice:
    """Return the bill at the prices of the target's Region, if they are known."""
    try:
        prices = price_book(folder).keyspaces(migration.target.region)
    except ConfigurationError:
        # A pass does not wait for prices.
        return PassPrice(migration.settings_of(table), None)
    return PassPrice(migration.settings_of(table), prices)


def duration(seconds: float) -> str:
    """Return a duration as 3 h 20 min, 5 min or 40 s."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
