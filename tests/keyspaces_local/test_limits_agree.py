"""Two tables of the service's limits, ours and keyspaces-local's, read from the same pages.

Developer Guide: *Quotas for Amazon Keyspaces*, *Estimate row size*, *Read/write capacity modes*.
"""

from __future__ import annotations

import pytest

from hintferry.core import keyspaces_limits as ours
from keyspaces_local import capacity, ddl, encoding, limits, policy
from keyspaces_local.statement import BatchType


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ours.ROW_BYTES, limits.ROW),
        (ours.STATIC_BYTES, limits.STATIC),
        (ours.ROW_METADATA, encoding.ROW_METADATA),
        (ours.PARTITION_KEY_BYTES, limits.PARTITION_KEY),
        (ours.CLUSTERING_KEY_BYTES, limits.CLUSTERING_KEY),
        (ours.COLUMNS, limits.COLUMNS),
        (ours.COLUMNS_WITH_TTL, limits.COLUMNS_WITH_TTL),
        (ours.STATEMENTS_PER_BATCH, policy._BATCH_LIMITS[BatchType.UNLOGGED][0]),
        (ours.VARINT_DIGITS, limits.DIGITS),
        (ours.FROZEN_LEVELS, ddl.FROZEN_LEVELS),
        (ours.ON_DEMAND_WRITES, capacity.ON_DEMAND_WRITES),
        (ours.ON_DEMAND_READS, capacity.ON_DEMAND_READS),
        (ours.PARTITION_UNITS, capacity.PARTITION_WRITES),
        (ours.CONNECTION_REQUESTS, capacity.CONNECTION_REQUESTS),
    ],
)
def test_a_limit_is_the_same_on_both_sides(one: int, other: int) -> None:
    assert one == other
