"""Numbers that rest on each other, of the stacks and of the sandbox. Nothing else is imported."""

from math import ceil

DAY_S = 24 * 3600

FUNCTION_TIMEOUT_S = 60
"""The timeout of an invocation of either function, in seconds."""

OUTAGE_S = DAY_S
"""An outage of a side that no record may be given up for."""

RETRIES = 10_000
"""The most retries that an event source mapping grants. With a destination, -1 means ten."""

RETURN_AFTER_S = ceil(1.1 * OUTAGE_S / RETRIES)
"""The least seconds of an invocation that returns records, so that all retries together outlast
OUTAGE_S. AWS does not document how long the event source itself waits between retries."""

TOPIC_RETENTION_S = 7 * DAY_S

QUEUE_RETENTION_S = 14 * DAY_S

REPLAY_RECEIVES = 1000
"""The most receives that a queue grants. A message that comes back for a side's fault waits longer,
up to 15 minutes. That makes ten days; then it is parked with days of its retention left."""

REPLAY_VISIBILITY_S = 90
"""Longer than the function may take; with a function that dies each time, 25 hours in all."""

REPLAYED_AT_ONCE = 5

BATCH_SIZE = 1000
BATCH_WINDOW_S = 1
MAPPINGS_A_POLLER_GROUP = 100
MOST_POLLERS = 20
"""The most pollers of a mapping: 100 mappings may have 2,000. Each runs five invocations."""

CONCURRENT_DDL = 40
"""DDL statements at once, of the 50 that Keyspaces runs in a Region."""

MOST_TABLES = 200

SWEEP_TIMEOUT_S = 14 * 60
"""The timeout of one time slice of the sweep function, in seconds."""

NODE_FILES = "nodes/"
"""The folder of the bucket for the bundle and the nodes' configuration: its files stay."""


def sweep_window_minutes(every_hours: int) -> int:
    """So much later than it is due a sweep may begin: tables spread over a quarter of the time."""
    return min(24 * 60, 15 * every_hours)


def sweep_overdue_s(every_hours: int) -> int:
    """A table that no pass was finished over for so long missed two of them."""
    return 3600 * (2 * every_hours) + 60 * sweep_window_minutes(every_hours)


BUDGET_REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "me-south-1",
    "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
"""Regions in which CloudFormation makes budgets, by its published schemas; China bills in CNY."""
