"""Describe what read and write units of a table cost. Pure."""

from __future__ import annotations

from hintferry.core.capacity import Capacity, Mode
from hintferry_ops.cost.prices import Prices


def usd(prices: Prices, capacity: Capacity, writes: float, reads: float, seconds: float) -> float:
    """The price of so many units; of a provisioned table that of its capacity for the time."""
    if capacity.mode is Mode.PROVISIONED:
        an_hour = capacity.write_units * prices.write_hour + capacity.read_units * prices.read_hour
        return an_hour * seconds / 3600
    return (writes * prices.million_writes + reads * prices.million_reads) / 1e6
