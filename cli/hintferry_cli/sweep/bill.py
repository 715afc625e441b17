"""Estimate what a pass costs on the target, and how long it takes at least."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry.core.schema import TableId
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry_ops.cost.estimate import Estimate
from hintferry_ops.cost.prices import Prices, prices_of
from hintferry_ops.cost.usd import usd


@dataclass(frozen=True, slots=True)
class PassPrice:
    """Price the passes over one table."""

    table: TableSettings
    prices: Prices

    def usd(self, sums: VerifySums | BackfillSums, seconds: float) -> float:
        """Return USD for what was read or written so far, in so many seconds."""
        writes = sums.write_units if isinstance(sums, BackfillSums) else 0
        reads = sums.read_units if isinstance(sums, VerifySums) else 0
        return usd(self.prices, self.table.capacity, writes, reads, seconds)

    def plan(self, found: Estimate) -> str:
        """Return the line that a backfill begins with."""
        rate = self.table.capacity.backfill_units_per_s
        seconds = found.write_units / rate
        price = usd(self.prices, self.table.capacity, found.write_units, 0, seconds)
        return (
            f"about {found.rows:,} rows, {found.write_units:,} write units, {price:,.2f} USD"
            f" ({self.prices.region}, {self.prices.dated}), {duration(seconds)} or more at"
            f" {rate:,.0f} units/s"
        )


def pass_price(migration: Migration, table: TableId) -> PassPrice:
    """Return the bill at the prices of the target's Region."""
    return PassPrice(migration.settings_of(table), prices_of(migration.target.region))


def duration(seconds: float) -> str:
    """Return a duration as 3 h 20 min, 5 min or 40 s."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
