"""Bringing the source to one mind after it refused writes.

A write that timed out may be on one replica only, and the read that its hint causes may ask the
others. What Cassandra has for that ends it: hand-off, the batch log, and reads at ALL, whose read
repair is written like any mutation and so is hinted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import SimpleStatement

from sandbox import tables
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack

_READ_S, _HAND_OFF_S = 60.0, 60.0
_BUFFER_S = 11.0
"""A node may keep what it has to hand off in memory for ten seconds before it is in a file."""


def settle_source(stack: Stack, names: Iterable[str]) -> Iterator[str]:
    """Until all replicas hold the same; what could not be waited for, as sentences.

    `names` are `keyspace.table`. Nothing may be written meanwhile.
    """
    began = time.monotonic()
    names = tuple(names)
    with cassandra_session(stack.source) as source:
        while reasons := list(_still_to_hand_off(stack, began)):
            if time.monotonic() > began + _HAND_OFF_S:
                yield from reasons
                break
            time.sleep(0.5)
        for name in names:
            yield from _read(source, name)


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


def _still_to_hand_off(stack: Stack, since: float) -> Iterator[str]:
    """What a node still holds for others. Nothing is sure before its buffer must be in a file."""
    if time.monotonic() < since + _BUFFER_S:
        yield "A node may still have in memory what it has to hand off."
        return
    for node in stack.source_nodes:
        if files := len(list((node.home / "hints").glob("*.hints"))):
            yield f"{node.name} has {files} files to hand off."
        with tables.session(stack.source, node.host) as cql:
            batches = cql.execute("SELECT count(*) FROM system.batches").one()[0]
        if batches:
            yield f"{node.name} has {batches} logged batches to finish."
