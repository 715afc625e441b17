"""Show the costs as a table for a person, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hintferry.adapters.config.settings import Migration
from hintferry_cli.console import say
from hintferry_cli.cost.table_cost import CostSums, TableCost, together
from hintferry_ops.cost.fixed_cost import Line, standing_cost, told, total
from hintferry_ops.cost.offer_file import SAVINGS
from hintferry_ops.cost.prices import HOURS_A_MONTH, PriceBook, Prices

NOT_HERE = "Not included: Lambda duration, cross-AZ traffic and log ingestion."


@dataclass(frozen=True, slots=True)
class CostOverview:
    """The costs of all tables, and the prices that are known."""

    migration: Migration
    costs: Sequence[TableCost]
    book: PriceBook

    @property
    def prices(self) -> Prices:
        """Return those of Keyspaces. Raises ConfigurationError where they are not known."""
        return self.book.keyspaces(self.migration.target.region)

    @property
    def standing(self) -> list[Line]:
        """Return the fixed monthly cost of the whole pipeline, whichever tables are listed."""
        return standing_cost(self.migration, self.book)

    @property
    def sweeps_month(self) -> float:
        """Return the cost of a month's verify passes over these tables, in USD."""
        hours = self.migration.deployment.sweep.every_hours
        return together(self.costs).sweep * HOURS_A_MONTH / hours if hours else 0.0

    @property
    def warmed(self) -> dict[str, tuple[int, int]]:
        """Return read and write units a second, by table, where a table is to be warmed."""
        tables = {one.table for one in self.costs}
        return {
            str(one.id): one.capacity.warm
            for one in self.migration.tables
            if one.id in tables and one.capacity.warm
        }


WIDEST = 10_000
_COLUMNS = (
    "rows", "bytes", "GiB", "backfill", "sweep", "1M changes", "timestamps", "month",
)  # fmt: skip


def show(bill: CostOverview, out: Console) -> None:
    """Show a line for each table and their sum, then a line for each fixed cost."""
    rows = [(str(one.table), _cells(one.sums, f"{one.row_bytes:,}")) for one in bill.costs]
    if len(rows) > 1:
        rows.append(("together", _cells(together(bill.costs), "")))
    table = _as_table(rows)
    # No figure is ever cut off: what is too wide stands below each other.
    if Measurement.get(out, out.options.update(width=WIDEST), table).maximum > out.width:
        table = _as_list(rows)
    out.print(table)
    for text in (
        _origin(bill),
        "",
        told(bill.migration, bill.book),
        "",
        *_on_top(bill),
        NOT_HERE,
    ):
        say(out, text)


def _as_table(rows: Sequence[tuple[str, list[str]]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("USD", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for name, cells in rows:
        table.add_row(name, *cells, style="bold" if name == "together" else None)
    return table


def _as_list(rows: Sequence[tuple[str, list[str]]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(justify="right", no_wrap=True)
    for name, cells in rows:
        grid.add_row(Text(name, style="bold"), "")
        for column, cell in zip(_COLUMNS, cells, strict=True):
            grid.add_row(f"  {column}", cell)
    return grid


def as_tree(bill: CostOverview) -> dict[str, Any]:
    """Return the same for JSON."""
    prices, standing = bill.prices, bill.standing
    return {
        "prices": {
            "region": prices.region,
            "dated": prices.dated,
            "asked_for": bill.migration.target.region,
        },
        "tables": [
            {
                "table": str(one.table),
                "sampled": one.sampled,
                "row_bytes": one.row_bytes,
                **asdict(one.sums),
            }
            for one in bill.costs
        ],
        "together": asdict(together(bill.costs)),
        "sweeps_month": bill.sweeps_month,
        "standing": {
            "region": prices.region,
            "dated": bill.book.dated(prices.region),
            "lines": [asdict(line) for line in standing],
            "month": total(standing),
        },
        "warm_throughput": {
            name: {"read_units": reads, "write_units": writes, "usd": None}
            for name, (reads, writes) in bill.warmed.items()
        },
    }


def _on_top(bill: CostOverview) -> Iterator[str]:
    hours = bill.migration.deployment.sweep.every_hours
    if hours:
        yield f"Sweeps, one every {hours} h: {bill.sweeps_month:,.2f} a month."
    plan = bill.book.usd(SAVINGS, bill.prices.region, "million_writes")
    if plan is not None:
        share = 1 - plan / bill.prices.million_writes
        yield f"A Database Savings Plan of a year takes {100 * share:.0f} % off a write on demand."
    for name, (reads, writes) in bill.warmed.items():
        yield (
            f"Warming {name} to {reads:,} read and {writes:,} write units a second: once, a fee"
            " that AWS's price file does not have."
        )


def _cells(sums: CostSums, row_bytes: str) -> list[str]:
    return [
        f"{sums.rows:,}",
        row_bytes,
        f"{sums.gib:,.2f}",
        *(
            f"{usd:,.2f}"
            for usd in (
                sums.backfill,
                sums.sweep,
                sums.million_changes,
                sums.million_timestamps,
                sums.month,
            )
        ),
    ]


def _origin(bill: CostOverview) -> str:
    prices = bill.prices
    return (
        f"Keyspaces: prices of {prices.region}, {prices.dated}. Rows are estimated from a"
        " sample; month is storage with recovery."
    )
