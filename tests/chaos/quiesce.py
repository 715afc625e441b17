"""Wait, after the last write, until nothing is on its way from capture to the target."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from sandbox.chain import Chain
from sandbox.demo.quiesce import MarkerWatch
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tests.chaos.schema import MARKER_TABLE

_MARKER_S, _TOPICS_S, _QUEUE_S = 60.0, 120.0, 180.0
"""Without any progress: a slow machine only takes longer."""
_LONGEST_S = 900.0
_LOST = "LOST HINT"


def lost_hints(stack: Stack, since: Mapping[Path, int]) -> Iterator[str]:
    """Return what connectors say they lost, behind these ends of their logs."""
    for capture in stack.captures:
        with capture.log.open(errors="replace") as log:
            log.seek(since[capture.log])
            lost = [line.strip() for line in log if _LOST in line]
        if lost:
            yield f"{capture.name} lost {len(lost)} hints: {lost[0]}"


def settle_chain(stack: Stack, chain: Chain, keyspace: str) -> Iterator[str]:
    """Until every hint is settled, second looks included."""
    seen = _marker_seen(stack, keyspace)
    nodes = len(stack.source_nodes)
    if seen < nodes:
        yield f"only {seen} of {nodes} connectors delivered the last row's hint"
    yield from settle_queues(chain)


def settle_queues(chain: Chain) -> Iterator[str]:
    """Until nothing is left in the topics and in the replay queue; second looks go round twice."""
    for _ in range(2):
        if not _drained(chain.drain, chain.lag, _TOPICS_S):
            yield f"{chain.lag()} hints are not settled; latest error: {chain.last_error}"
        if not _drained(chain.replay.drain, chain.replay.waiting, _QUEUE_S):
            left, error = chain.replay.waiting(), chain.replay.last_error
            yield f"{left} messages are left in the replay queue; latest error: {error}"


def _drained(drain: Callable[[float], bool], left: Callable[[], int], patience_s: float) -> bool:
    """Return whether nothing is left, waiting for as long as ever less is."""
    end, least = time.monotonic() + _LONGEST_S, left()
    while not drain(patience_s):
        now = left()
        if now >= least or time.monotonic() > end:
            return False
        least = now
    return True


def _marker_seen(stack: Stack, keyspace: str) -> int:
    """Each node's commit log holds the marker behind everything else."""
    marker = f"marker-{datetime.now(UTC).timestamp()}"
    table = f"{keyspace}.{MARKER_TABLE}"
    with (
        MarkerWatch(stack.kafka, stack.topic(table)) as watch,
        cassandra_session(stack.source) as source,
    ):
        insert = SimpleStatement(
            f"INSERT INTO {table} (shop, day, at, n) VALUES (%s, 0, 0, 0)",
            consistency_level=ConsistencyLevel.ALL,
        )
        source.execute(insert, (marker,))
        return watch.nodes(marker, len(stack.source_nodes), _MARKER_S)
