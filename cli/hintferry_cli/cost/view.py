"""The figures as a table for a person, and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from hintferry.core.prices import Prices
from hintferry_cli.cost.figures import Figures, TableCost, together

NOT_HERE = (
    "Not here: what the stacks cost while they stand (`make synth` prints it), Lambda's time,"
    " transfer, and the one-time fee of warm throughput, which AWS's price file does not have."
)


def show(costs: Sequence[TableCost], prices: Prices, region: str, out: Console) -> None:
    """One line a table, and their sum."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("USD")
    for name in (
        "rows", "bytes", "GiB", "backfill", "sweep", "1M changes", "timestamps", "month",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for one in costs:
        table.add_row(str(one.table), *_cells(one.figures, f"{one.row_bytes:,}"))
    if len(costs) > 1:
        table.add_row("together", *_cells(together(costs), ""), style="bold")
    out.print(table)
    out.print(_origin(prices, region), markup=False, highlight=False, soft_wrap=True)
    out.print(NOT_HERE, markup=False, highlight=False, soft_wrap=True)


def as_json(costs: Sequence[TableCost], prices: Prices, region: str) -> str:
    """The same as one JSON object."""
    return json.dumps(
        {
            "prices": {"region": prices.region, "dated": prices.dated, "asked_for": region},
            "tables": [
                {
                    "table": str(one.table),
                    "sampled": one.sampled,
                    "row_bytes": one.row_bytes,
                    **asdict(one.figures),
                }
                for one in costs
            ],
            "together": asdict(together(costs)),
            "warm_throughput": None,
        }
    )


def _cells(figures: Figures, row_bytes: str) -> list[str]:
    return [
        f"{figures.rows:,}",
        row_bytes,
        f"{figures.gib:,.2f}",
        *(
            f"{usd:,.2f}"
            for usd in (
                figures.backfill,
                figures.sweep,
                figures.million_changes,
                figures.million_timestamps,
                figures.month,
            )
        ),
    ]


def _origin(prices: Prices, region: str) -> str:
    """A Region whose prices are not known is told."""
    instead = "" if prices.region == region else f" (those of {region} are not known here)"
    return f"Prices of {prices.region}, {prices.dated}{instead}. Rows are estimated from a sample."
