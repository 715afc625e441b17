"""Two tables of the service's limits, ours and keyspaces-local's, read from the same pages.

Developer Guide: *Quotas for Amazon Keyspaces*, *Estimate row size*, *Read/write capacity modes*.
"""

from __future__ import annotations

import pytest

from hintferry.core import keyspaces_limits
from keyspaces_local import capacity, ddl, encoding, limits, policy
from keyspaces_local.statement import BatchType


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (keyspaces_limits.ROW_BYTES, limits.ROW),
        (keyspaces_limits.STATIC_BYTES, limits.STATIC),
        (keyspaces_limits.ROW_METADATA, encoding.ROW_METADATA),
        (keyspaces_limits.PARTITION_KEY_BYTES, limits.PARTITION_KEY),
        (keyspaces_limits.CLUSTERING_KEY_BYTES, limits.CLUSTERING_KEY),
        (keyspaces_limits.COLUMNS, limits.COLUMNS),
        (keyspaces_limits.COLUMNS_WITH_TTL, limits.COLUMNS_WITH_TTL),
        (keyspaces_limits.STATEMENTS_PER_BATCH, policy._BATCH_LIMITS[BatchType.UNLOGGED][0]),
        (keyspaces_limits.VARINT_DIGITS, limits.DIGITS),
        (keyspaces_limits.FROZEN_LEVELS, ddl.FROZEN_LEVELS),
        (keyspaces_limits.ON_DEMAND_WRITES, capacity.ON_DEMAND_WRITES),
        (keyspaces_limits.ON_DEMAND_READS, capacity.ON_DEMAND_READS),
        (keyspaces_limits.PARTITION_UNITS, capacity.PARTITION_WRITES),
        (keyspaces_limits.CONNECTION_REQUESTS, capacity.CONNECTION_REQUESTS),
    ],
)
def test_a_limit_is_the_same_on_both_sides(one: int, other: int) -> None:
    assert one == other
