"""The limits of Amazon Keyspaces: the one place for its numbers.

They are from the Developer Guide: *Quotas for Amazon Keyspaces*, *Estimate row size*, *Read/write
capacity modes*. The package keyspaces-local has another table of them, from the same pages; a test
compares the two.
"""

ROW_BYTES = STATIC_BYTES = 1024 * 1024
"""Bytes of a row with its metadata, and of the static columns of a partition."""

ROW_METADATA = 100
"""Bytes that are stored with each row. They count for its size; a write does not pay for them."""

PARTITION_KEY_BYTES, CLUSTERING_KEY_BYTES = 2048, 850

COLUMNS, COLUMNS_WITH_TTL = 225, 166
"""Regular columns that one statement writes; fewer where the table has TTL switched on."""

STATEMENTS_PER_BATCH = 30
"""The most statements of an unlogged batch."""

VARINT_DIGITS = 38

FROZEN_LEVELS = 8
"""Levels of frozen collections within each other."""

ON_DEMAND_WRITES, ON_DEMAND_READS = 4_000, 12_000
"""Units a second that a new table on demand takes at once."""

PARTITION_UNITS = 1_000
"""Write units a second of one partition."""

CONNECTION_REQUESTS = 3_000
"""Requests a second of one connection."""

TABLE_QUOTA, ACCOUNT_QUOTA = 40_000, 80_000
"""Units a second of a table, and of all provisioned ones, until somebody asks AWS for more."""
