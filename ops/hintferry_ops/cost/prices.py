"""Describe what AWS asks for, USD. The one place to change when AWS does.

Of Amazon Keyspaces, by Region: AWS's price file as published with its pricing calculator
(aws-samples, mcs.json). Of what stands, used or not: each price names its page below
aws.amazon.com; other Regions ask up to a third more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """Hold the prices of Keyspaces in one Region; `dated` says when AWS published them."""

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


STANDING_REGION, STANDING_DATED = "us-east-1", "2025-12"
"""Of all that follow."""

HOURS_A_MONTH = 730

BROKER_HOUR = {
    "kafka.t3.small": 0.0456,
    "kafka.m5.large": 0.21,
    "kafka.m5.xlarge": 0.42,
    "kafka.m5.2xlarge": 0.84,
    "kafka.m7g.large": 0.204,
    "kafka.m7g.xlarge": 0.408,
    "kafka.m7g.2xlarge": 0.816,
    "kafka.m7g.4xlarge": 1.632,
}
"""By instance: msk/pricing."""

BROKER_GIB_MONTH = 0.10
"""msk/pricing"""

POLLER_UNIT_HOUR = 0.185
"""An event poller unit: lambda/pricing."""

POLLERS_A_UNIT = 10
"""lambda/latest/dg/kafka-scaling-modes.html"""

GB_SECOND = 0.0000133334
"""Of a function that runs, arm64 as ours: lambda/pricing; requests are a hundredth of it."""

ENDPOINT_HOUR = 0.01
"""An interface endpoint, in one availability zone: privatelink/pricing."""

ALARM_MONTH = 0.10
"""And each series that a query looks at: cloudwatch/pricing."""

DASHBOARD_MONTH = 3.00
METRIC_MONTH = 0.30
"""A series of our own."""

LOG_GB = 0.50
"""Taken in: cloudwatch/pricing."""

KEY_MONTH = 1.00
"""kms/pricing"""

SECRET_MONTH = 0.40
"""secrets-manager/pricing"""
