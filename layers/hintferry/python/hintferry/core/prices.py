"""What Amazon Keyspaces asks for, USD, by Region. The one place to change when AWS does.

From AWS's price file as published with its pricing calculator (aws-samples, mcs.json).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one Region; `dated` says when they were published."""

    region: str
    dated: str
    million_writes: float
    """Write request units, on demand."""

    million_reads: float
    """Read request units at LOCAL_QUORUM, on demand."""

    write_hour: float
    """One unit a second of provisioned capacity, for an hour."""

    read_hour: float
    storage_gib_month: float
    recovery_gib_month: float
    """Of point-in-time recovery, on top."""


PRICES = (Prices("us-east-1", "2025-12", 0.625, 0.125, 0.00065, 0.00013, 0.25, 0.20),)
"""The first stands in for Regions that are not listed."""


def prices_of(region: str) -> Prices:
    """The Region's own, or those that stand in for it: `region` of the answer says which."""
    return next((one for one in PRICES if one.region == region), PRICES[0])
