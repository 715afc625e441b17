"""Bringing the source to one mind after it refused writes.

A write that timed out may be on one replica only, and the read that its hint causes may ask the
others. Cassandra ends that by hinted handoff, the batch log, and reads at ALL. Their read repair is
written like any mutation and so is hinted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import SimpleStatement
from cassandra.util import unix_time_from_uuid1

from sandbox import tables
from sandbox.parts.cassandra import Node
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack

_READ_S, _LONGEST_S, _BETWEEN_LOOKS_S = 120.0, 600.0, 1.0
_BUFFER_S = 11.0
"""A node may keep what it has to hand over in memory for ten seconds before it is in a file."""
_KEPT_S = 30.0
"""A node looks every ten seconds for what it has to hand over: what is there so long, it keeps."""

Held = Mapping[Node, frozenset[str]]
"""The hinted handoff that each node holds for others; a node that has none is not named."""


def settle_source(
    stack: Stack, names: Iterable[str], say: Callable[[str], None] = lambda line: None
) -> Iterator[str]:
    """Wait until all replicas hold the same; give what could not be waited for, as sentences.

    `names` are `keyspace.table`. Nothing may be written meanwhile.
    """
    yield from _hand_over(stack, say)
    with cassandra_session(stack.source) as source:
        for name in names:
            yield from _read(source, name)


def _hand_over(stack: Stack, say: Callable[[str], None]) -> Iterator[str]:
    """Restart a node that keeps hinted handoff or batches for others, as an operator does.

    A logged batch may be stored later than the node looked for batches of that time. Then Cassandra
    never looks at it again, until the node is restarted (see docs/explanation/semantics.md).
    """
    kept = kept_for_good(lambda: _held(stack.source_nodes, stack))
    for node, things in kept.items():
        say(f"{node.name} is restarted: it keeps {', '.join(sorted(things))}")
        node.restart()
    for node, things in kept_for_good(lambda: _held(kept, stack)).items() if kept else ():
        yield f"{node.name} still keeps {', '.join(sorted(things))} after a restart."


def kept_for_good(
    look: Callable[[], Held],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Held:
    """Wait until nothing is held; give what stays the same for too long."""
    sleep(_BUFFER_S)
    began = since = clock()
    held = look()
    while held and clock() < min(since + _KEPT_S, began + _LONGEST_S):
        sleep(_BETWEEN_LOOKS_S)
        if (now := look()) != held:
            since, held = clock(), now
    return held


def _held(nodes: Iterable[Node], stack: Stack) -> Held:
    held = {node: frozenset((*_files(node), *_batches(stack, node))) for node in nodes}
    return {node: things for node, things in held.items() if things}


def _files(node: Node) -> Iterator[str]:
    for path in (node.home / "hints").glob("*.hints"):
        yield f"the hints {path.name}"


def _batches(stack: Stack, node: Node) -> Iterator[str]:
    with tables.session(stack.source, node.host) as cql:
        for row in cql.execute("SELECT id FROM system.batches"):
            made = datetime.fromtimestamp(unix_time_from_uuid1(row.id), UTC)
            yield f"a logged batch of {made:%H:%M:%S.%f}"


def _read(source: Session, table: str) -> Iterator[str]:
    """Read everything at ALL, as soon as all nodes answer."""
    read = SimpleStatement(
        f"SELECT * FROM {table}", consistency_level=ConsistencyLevel.ALL, fetch_size=500
    )
    end = time.monotonic() + _READ_S
    while error := _attempt(source, read):
        if time.monotonic() > end:
            yield f"{table} could not be read at ALL: {error}."
            return
        time.sleep(0.5)


def _attempt(source: Session, read: SimpleStatement) -> str | None:
    try:
        for _ in source.execute(read):
            pass
    except (DriverException, NoHostAvailable) as error:
        return f"{type(error).__name__}: {error}"
    return None
