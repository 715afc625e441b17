"""Estimate how much a table holds from a few pages of it, before a backfill."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.schema import Table
from hintferry.ports import Scan
from hintferry_ops.cost.sample import sample


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate the whole table without static columns; `write_units` are those of one write of
    all.
    """

    rows: int
    write_units: int


def estimate(table: Table, scan: Scan, ttl: bool) -> Estimate:
    """Return an estimate from a sample; `ttl` as the target's table has it. Raises
    HintferryError.
    """
    rows = sample(table, scan, ttl).rows
    return Estimate(rows.whole(rows.seen), rows.whole(rows.write_units))
