"""Estimate what a table costs on Keyspaces, from a sample of its rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from hintferry.adapters.config.settings import TableSettings
from hintferry.core import metering
from hintferry.core.keyspaces_limits import ROW_METADATA
from hintferry.core.schema import TableId
from hintferry_ops.cost.prices import Prices
from hintferry_ops.cost.sample import Sample, Sampled
from hintferry_ops.cost.usd import usd

GIB = 1024**3
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class CostSums:
    """Costs in USD, of one table or of all. `rows` and `gib` are estimates of the whole table."""

    rows: int
    gib: float
    """The size as it is stored."""

    backfill: float
    sweep: float
    """One verify pass over the target. Its reads of the source cost nothing there."""

    million_changes: float
    """A million changes of rows like the sampled ones, each written once."""

    million_timestamps: float
    """The part of `million_changes` that client-side timestamps cost."""

    month: float
    """Storage and point-in-time recovery for a month."""


@dataclass(frozen=True, slots=True)
class TableCost:
    """One table; `sampled` rows were measured, `row_bytes` on average."""

    table: TableId
    sampled: int
    row_bytes: int
    sums: CostSums
    backfill_s: float
    """Seconds that its backfill takes at least, by the capacity that migration.toml declares."""


def table_cost(settings: TableSettings, found: Sample, prices: Prices) -> TableCost:
    """Return the cost of a table at on-demand prices.

    A provisioned table pays its capacity for as long as the backfill takes. The capacity that it
    has for live hints pays for its changes.
    """
    rows, statics = found.rows, found.statics
    units = rows.whole(rows.write_units) + statics.whole(statics.write_units)
    held = rows.whole(rows.size + ROW_METADATA * rows.seen) + statics.whole(statics.size)
    seconds = units / settings.capacity.backfill_units_per_s
    reads = metering.read_units(held) if held else 0
    gib = held / GIB
    written, bare = _a_row(rows, rows.write_units), _a_row(rows, rows.bare_units)
    a_unit = prices.million_writes
    return TableCost(
        settings.id,
        rows.seen,
        round(_a_row(rows, rows.size)),
        CostSums(
            rows.whole(rows.seen),
            gib,
            usd(prices, settings.capacity, units, 0, seconds),
            reads * prices.million_reads / MILLION,
            written * a_unit,
            (written - bare) * a_unit,
            gib * (prices.storage_gib_month + prices.recovery_gib_month),
        ),
        seconds,
    )


def together(costs: Sequence[TableCost]) -> CostSums:
    """Return the sums over the tables; of a million changes, the mean over all rows."""
    rows = sum(one.sums.rows for one in costs)
    sums = {
        field.name: sum(getattr(one.sums, field.name) for one in costs)
        for field in fields(CostSums)
    }
    for name in ("million_changes", "million_timestamps"):
        weighed = sum(getattr(one.sums, name) * one.sums.rows for one in costs)
        sums[name] = weighed / rows if rows else 0.0
    return CostSums(**sums)


def _a_row(rows: Sampled, whole: int) -> float:
    return whole / rows.seen if rows.seen else 0.0
