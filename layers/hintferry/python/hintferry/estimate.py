"""How much a table holds, from a few pages of it: what a backfill is told beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core import cost
from hintferry.core.schema import Table
from hintferry.core.tokens import HIGHEST, LOWEST, WIDTH_OF_RING, TokenRange
from hintferry.ports import Scan

SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of the whole table, static columns left out; `write_units` are those of writing it once."""

    rows: int
    write_units: int


def estimate(table: Table, scan: Scan, ttl: bool) -> Estimate:
    """From the first page after each of some tokens; `ttl` as the target's table has it.

    Raises HintferryError.
    """
    rows = units = width = 0
    for number in range(SAMPLES):
        after = LOWEST + WIDTH_OF_RING * number // SAMPLES
        keys = []
        for page in scan.rows(table, TokenRange(after, HIGHEST)):
            keys = page.keys
            if keys or page.is_last:
                break
        rows += len(keys)
        width += (HIGHEST if page.is_last else keys[-1].token) - after
        for _, partition, clustering, row in keys:
            units += cost.write_units(cost.row_size(table, partition, clustering, row.values, ttl))
    share = min(1.0, width / WIDTH_OF_RING)
    return Estimate(round(rows / share), round(units / share))
