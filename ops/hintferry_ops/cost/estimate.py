"""How much a table holds, from a few pages of it: what a backfill is told beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.schema import Table
from hintferry.ports import Scan
from hintferry_ops.cost.sample import sample


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of the whole table, static columns left out; `write_units` are those of writing it once."""

    rows: int
    write_units: int


def estimate(table: Table, scan: Scan, ttl: bool) -> Estimate:
    """From a sample; `ttl` as the target's table has it. Raises HintferryError."""
    rows = sample(table, scan, ttl).rows
    return Estimate(rows.whole(rows.seen), rows.whole(rows.write_units))
