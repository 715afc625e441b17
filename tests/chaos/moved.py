"""Tell what a column that was dropped and added again leaves behind from what is wrong.

The source forgets the old values, and no hint tells of it: the target shows them until the row is
written again, or repaired by a sweep (docs/reference/limits.md). So a row may differ in such a
column as long as the source has not written it since every node had the column back; nothing
else may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from sandbox.compare import Difference
from tests.chaos.schema import MOVING_TABLE


def left_behind(
    source: Any, keyspace: str, differences: Sequence[Difference], back_at: Mapping[str, float]
) -> list[Difference]:
    """Return the table's differences that are no fault; `source` is a plain session."""
    return [
        one
        for one in differences
        if one.on_both
        and back_at.keys() >= set(one.columns)
        and _written_at(source, keyspace, one) < min(back_at[name] for name in one.columns)
    ]


def _written_at(source: Any, keyspace: str, row: Difference) -> float:
    """Return when the row was last written: `base` is written every time."""
    read = SimpleStatement(
        f"SELECT WRITETIME(base) FROM {keyspace}.{MOVING_TABLE} WHERE pk = %s AND ck = %s",
        consistency_level=ConsistencyLevel.ALL,
    )
    pk, ck = map(int, row.key.split(", "))
    micros: int = source.execute(read, (pk, ck)).one()[0]
    return micros / 1e6
