"""Nothing is written any more: wait until the source is of one mind and nothing is on its way.

The source is brought to one mind by what Cassandra has for it: hand-off, the batch log, and reads
at ALL, whose read repair is written like any mutation and so is hinted. Nothing is told to the
pipeline beside capture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable
from cassandra.query import SimpleStatement

from sandbox.chain import Chain
from sandbox.demo.quiesce import MarkerWatch
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from sandbox.tables import session
from tests.chaos.schema import MARKER_TABLE, tables

_ALL_UP_S, _HAND_OFF_S, _MARKER_S = 60.0, 120.0, 60.0
_TOPICS_S, _QUEUE_S = 120.0, 180.0
"""Without any progress: a slow machine only takes longer."""
_LONGEST_S = 900.0
_LOST = "LOST HINT"
_HAND_OFF_BUFFER_S = 11.0
"""A node may keep what it has to hand off in memory for ten seconds before it is in a file."""


def settle_source(stack: Stack, keyspace: str) -> Iterator[str]:
    """Until all replicas hold the same; what could not be waited for, as sentences."""
    began = time.monotonic()
    with cassandra_session(stack.source) as source:
        yield from _read_all(source, keyspace)
        while reasons := list(_still_to_hand_off(stack, began)):
            if time.monotonic() > began + _HAND_OFF_S:
                yield from reasons
                break
            time.sleep(0.5)
        yield from _read_all(source, keyspace)


def lost_hints(stack: Stack, since: Mapping[Path, int]) -> Iterator[str]:
    """What connectors say they lost, behind these ends of their logs."""
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
    """Whether nothing is left, waiting for as long as ever less is."""
    end, least = time.monotonic() + _LONGEST_S, left()
    while not drain(patience_s):
        now = left()
        if now >= least or time.monotonic() > end:
            return False
        least = now
    return True


def _read_all(source: Any, keyspace: str) -> Iterator[str]:
    """Read everything at ALL, as soon as all nodes answer."""
    end = time.monotonic() + _ALL_UP_S
    for table in tables(keyspace):
        read = SimpleStatement(
            f"SELECT * FROM {table}", consistency_level=ConsistencyLevel.ALL, fetch_size=500
        )
        while error := _attempt(source, read):
            if time.monotonic() > end:
                yield f"{table} cannot be read at ALL: {error}"
                break
            time.sleep(0.5)


def _attempt(source: Any, read: SimpleStatement) -> str | None:
    try:
        for _ in source.execute(read, timeout=20):
            pass
    except (DriverException, NoHostAvailable) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _still_to_hand_off(stack: Stack, since: float) -> Iterator[str]:
    """What a node still holds for others. Nothing is sure before its buffer must be in a file."""
    if time.monotonic() < since + _HAND_OFF_BUFFER_S:
        yield "hand-off may still be in memory"
        return
    for node in stack.source_nodes:
        files = len(list((node.home / "hints").glob("*.hints")))
        if files:
            yield f"{node.name} has {files} files to hand off"
        with session(stack.source, node.host) as cql:
            batches = cql.execute("SELECT count(*) FROM system.batches").one()[0]
        if batches:
            yield f"{node.name} has {batches} logged batches to finish"


def _marker_seen(stack: Stack, keyspace: str) -> int:
    """Each node's commit log holds the marker behind everything else."""
    marker = f"marker-{datetime.now(UTC).timestamp()}"
    table = f"{keyspace}.{MARKER_TABLE}"
    with (
        MarkerWatch(stack.kafka, f"{stack.topic_prefix}.{table}") as watch,
        cassandra_session(stack.source) as source,
    ):
        insert = SimpleStatement(
            f"INSERT INTO {table} (shop, day, at, n) VALUES (%s, 0, 0, 0)",
            consistency_level=ConsistencyLevel.ALL,
        )
        source.execute(insert, (marker,))
        return watch.nodes(marker, len(stack.source_nodes), _MARKER_S)
