"""Hold a sample of a table's rows against the service's limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hintferry.adapters.config.settings import TableSettings
from hintferry.adapters.records.key_codec import readable
from hintferry.core.hint import Hint, Scope
from hintferry.core.keyspaces_limits import (
    CLUSTERING_KEY_BYTES,
    PARTITION_KEY_BYTES,
    ROW_BYTES,
    ROW_METADATA,
    STATIC_BYTES,
    VARINT_DIGITS,
)
from hintferry.core.schema import Table
from hintferry_cli.preflight.finding import Finding, Level
from hintferry_ops.cost.sample import Largest, Sample

NEAR = 0.8
"""The share of a limit that is reported: what is that large in a sample is larger elsewhere."""

LONGEST_KEY = 200


def size_findings(settings: TableSettings, table: Table, found: Sample) -> Iterator[Finding]:
    """Yield the findings of one table."""
    for name, largest, besides, limit in (
        ("row", found.rows.largest, ROW_METADATA, ROW_BYTES),
        ("static columns of a partition", found.statics.largest, 0, STATIC_BYTES),
        ("partition key", found.partition_key, 0, PARTITION_KEY_BYTES),
        ("clustering key", found.clustering_key, 0, CLUSTERING_KEY_BYTES),
    ):
        if largest.size and largest.size + besides > NEAR * limit:
            size = largest.size + besides
            yield _near(table, largest, f"{name} of {size:,} of {limit:,} bytes", size > limit)
    if found.digits.size > VARINT_DIGITS:
        what = f"varint of {found.digits.size} digits, and Keyspaces holds {VARINT_DIGITS}"
        yield _near(table, found.digits, what, True)
    if not settings.ttl and found.expiring:
        yield Finding(
            Level.FAULT,
            str(table.id),
            f"holds values that expire ({found.expiring} of {found.rows.seen} sampled rows), and"
            " migration.toml says ttl = false",
            "remove ttl = false: with it the target would keep them for ever",
        )


def _near(table: Table, largest: Largest, what: str, over: bool) -> Finding:
    key = readable(table, Hint(table.id, largest.partition, Scope.ROW, largest.clustering))
    if len(key) > LONGEST_KEY:
        key = f"{key[:LONGEST_KEY]}..."
    if over:
        fix = "such a row is parked as unrepresentable: make it smaller on the source, or leave"
        return Finding(
            Level.FAULT, str(table.id), f"has a {what}, where {key}", f"{fix} the table out"
        )
    fix = "larger ones may be elsewhere: what is over the limit is parked as unrepresentable"
    return Finding(Level.ADVICE, str(table.id), f"has a {what}, where {key}", fix)
