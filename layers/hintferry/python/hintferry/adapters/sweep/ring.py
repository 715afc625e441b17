"""The source's ring and how much of a table it holds: what a sweep cuts its ranges from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cassandra.cqltypes import SetType, UTF8Type

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.catalog import execute_raw
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import CqlSession
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry.core.tokens import WIDTH_OF_RING, TokenRange, plan_ranges

BYTES_PER_RANGE = 64 * 1024 * 1024
FEWEST_RANGES, MOST_RANGES = 32, 50_000

_TOKENS = SetType.apply_parameters([UTF8Type])


def ranges_of(table: TableId, source: CqlSession, target: CqlSession) -> list[TokenRange]:
    """The whole ring, cut for a sweep of this table. Raises ConfigurationError, SideFault."""
    ((partitioner, tokens),) = _execute(source, cql.LOCAL_RING)
    ((target_partitioner,),) = _execute(target, cql.PARTITIONER)
    for side, name in ((source.side, partitioner), (target.side, target_partitioner)):
        if not name.endswith(b"Murmur3Partitioner"):
            raise ConfigurationError(
                f"the {side.value}'s partitioner is {name.decode()}: verify and backfill"
                " need Murmur3Partitioner"
            )
    rings = [tokens, *(row[0] for row in _execute(source, cql.PEERS_RING))]
    ring = [int(token) for raw in rings if raw for token in _TOKENS.deserialize(raw, 4)]
    names = [table.keyspace.encode(), table.name.encode()]
    size = _size(_execute(source, cql.SIZES, names))
    count = min(max(size // BYTES_PER_RANGE, FEWEST_RANGES), MOST_RANGES)
    return plan_ranges(ring, count)


def _size(rows: Iterable[Any]) -> int:
    """Bytes of the table: a node estimates its own ranges, the others are taken to be alike."""
    held = covered = 0
    for start, end, mean, count in rows:
        # The range that goes around the end of the ring ends below its start.
        covered += (int(end) - int(start)) % WIDTH_OF_RING or WIDTH_OF_RING
        held += int.from_bytes(mean, signed=True) * int.from_bytes(count, signed=True)
    return held * WIDTH_OF_RING // covered if covered else 0


def _execute(session: CqlSession, text: str, values: list[bytes] | None = None) -> list[Any]:
    try:
        return execute_raw(session, text, values or [])
    except Exception as error:
        raise translate(session, error) from error
