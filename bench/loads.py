"""Changes to a source, as their hints are delivered: written once, recorded from the topic."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, TopicPartition

from hintferry_ops.constants import BATCH_SIZE
from sandbox.services.event_source.batch import EventFrame
from sandbox.services.event_source.records import PolledRecord, polled
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

KEYSPACE = "bench"
ZIPF = 1.1
_ARRIVE_S = 180.0
_AT_ONCE = 32
_SWITCHES = """CUSTOM_PROPERTIES = {
    'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"""

RecordKey = tuple[str | int, ...]
"""The key of a row; of a partition where whole partitions are deleted."""

_MAKERS: dict[str, Callable[[Random], Any]] = {
    "text": lambda random: f"{random.getrandbits(80):020x}",
    "int": lambda random: random.randrange(2**31),
    "bigint": lambda random: random.randrange(2**63),
    "timestamp": lambda random: datetime.fromtimestamp(random.randrange(2**30), UTC),
    "double": lambda random: random.random(),
    "uuid": lambda random: UUID(int=random.getrandbits(128)),
    "boolean": lambda random: random.random() < 0.5,
}


@dataclass(frozen=True, slots=True)
class LoadShape:
    """Shape of a load: `rows` of each partition, of so many columns, keys included.

    `ttl`: TTLs are asked for. `copies`: how often each record comes. `zipf`: which row
    changes is drawn by that law, else each changes once. `deletes`: whole partitions are deleted.
    """

    name: str
    about: str
    columns: int = 13
    rows: int = 1
    ttl: bool = True
    copies: int = 1
    zipf: bool = False
    deletes: bool = False

    @property
    def keys(self) -> list[str]:
        """Return the key columns, the partition key first."""
        return ["p"] if self.rows == 1 else ["p", "c"]

    @property
    def types(self) -> dict[str, str]:
        """Return the other columns, each with its type."""
        kinds = [*_MAKERS]
        count = self.columns - len(self.keys)
        return {f"v{place:02}": kinds[place % len(kinds)] for place in range(count)}

    @property
    def table(self) -> str:
        return f"{KEYSPACE}.{self.name}"

    @property
    def ddl(self) -> str:
        types = {"p": "text", "c": "int"}
        keys = [f"{name} {types[name]}" for name in self.keys]
        columns = [*keys, *(f"{name} {kind}" for name, kind in self.types.items())]
        return f"CREATE TABLE {self.table} ({', '.join(columns)}, PRIMARY KEY ({self.key_list}))"

    @property
    def insert(self) -> str:
        """A row with all its columns."""
        names = [*self.keys, *self.types]
        return (
            f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        )

    @property
    def key_list(self) -> str:
        return ", ".join(self.keys)


SHAPES = (
    LoadShape("single", "single rows of 13 columns"),
    LoadShape("plain", "the same, TTLs not asked for", ttl=False),
    LoadShape("wide", "single rows of 40 columns", columns=40),
    LoadShape("eight", "8 changed rows a partition", rows=8),
    LoadShape("sixtyfour", "64 changed rows a partition", rows=64),
    LoadShape("tripled", "single rows, every record three times", copies=3),
    LoadShape("zipf", f"single rows, drawn by Zipf {ZIPF}", zipf=True),
    LoadShape("deletes", "partitions of 10 rows deleted", rows=10, deletes=True),
)


@dataclass(frozen=True, slots=True)
class RecordedLoad:
    """A shape's records as they were delivered, and each key in them once."""

    shape: LoadShape
    frame: EventFrame
    records: list[PolledRecord]
    keys: list[RecordKey]

    def events(self) -> list[bytes]:
        """Return events of full batches; the broker's stamps say now, as for new records."""
        now = int(time.time() * 1000)
        fresh = [
            replace(
                record, json=record.json.replace(b":%d," % record.timestamp_ms, b":%d," % now, 1)
            )
            for record in self.records
            for _ in range(self.shape.copies)
        ]
        return [
            self.frame.event(fresh[first : first + BATCH_SIZE])
            for first in range(0, len(fresh), BATCH_SIZE)
        ]

    def few(self, records: int) -> RecordedLoad:
        """Return a load of the first so many records."""
        some = self.records[:records]
        return replace(self, records=some, keys=distinct(some))


def create(stack: Stack, shapes: Sequence[LoadShape]) -> None:
    """Make their tables on both sides, and their topics."""
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = "
    ddl = [shape.ddl for shape in shapes]
    stack.create_tables(keyspace + stack.replication, *(f"{one} WITH cdc = true" for one in ddl))
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(
        stack.target, KEYSPACE, [single, *(f"{one} WITH {_SWITCHES}" for one in ddl)]
    )


def recorded(stack: Stack, size: int) -> list[RecordedLoad]:
    """Make the tables on both sides, change `size` keys of each, and wait for their hints."""
    create(stack, SHAPES)
    with cassandra_session(stack.source) as source:
        return [_recorded(stack, source, shape, size) for shape in SHAPES]


def _recorded(stack: Stack, source: Any, shape: LoadShape, size: int) -> RecordedLoad:
    changes = _changes(shape, size)
    fill(source, shape, changes)
    if shape.deletes:
        changes = list(dict.fromkeys(change[:1] for change in changes))
        delete = source.prepare(f"DELETE FROM {shape.table} WHERE p = ?")
        execute_concurrent_with_args(source, delete, changes, concurrency=_AT_ONCE)
    scope = "partition" if shape.deletes else "row"
    records = delivered(stack, shape, scope, len(changes))
    frame = EventFrame(topic_of(stack, shape), stack.kafka, stack.target.region)
    return RecordedLoad(shape, frame, records, distinct(records))


def fill(session: Any, shape: LoadShape, keys: Sequence[RecordKey]) -> None:
    """Write a row of random values for each key."""
    execute_concurrent_with_args(
        session, session.prepare(shape.insert), filled(shape, keys), concurrency=_AT_ONCE
    )


def filled(shape: LoadShape, keys: Sequence[RecordKey]) -> list[tuple[Any, ...]]:
    """Return a row of random values for each key, in the order of `Shape.insert`."""
    random = Random(3)
    return [(*key, *(_MAKERS[kind](random) for kind in shape.types.values())) for key in keys]


def rows_of(shape: LoadShape, size: int) -> list[RecordKey]:
    """The keys of all its rows."""
    if shape.rows == 1:
        return [(f"key {number:08}",) for number in range(size)]
    return [(f"key {number // shape.rows:08}", number % shape.rows) for number in range(size)]


def _changes(shape: LoadShape, size: int) -> list[RecordKey]:
    """The keys of the rows that are written, in their order."""
    rows = rows_of(shape, size)
    if not shape.zipf:
        return rows
    weights = [1 / rank**ZIPF for rank in range(1, size + 1)]
    return Random(5).choices(rows, weights, k=size)


def delivered(stack: Stack, shape: LoadShape, scope: str, count: int) -> list[PolledRecord]:
    """So many records of that scope from the table's topic, in order of partition and offset."""
    topic = topic_of(stack, shape)
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "bench"})
    # By where the mutation lies in the commit log: capture may send one again.
    found: dict[tuple[str, int], PolledRecord] = {}
    try:
        numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        end = time.monotonic() + _ARRIVE_S
        while len(found) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(found)} of {count} hints of {shape.name} arrived")
            message = consumer.poll(0.2)
            if message is None or message.error():
                continue
            hint = json.loads(message.value() or b"{}")
            if hint.get("scope") == scope:
                found.setdefault((hint["file"], hint["pos"]), polled(message, 0.0))
    finally:
        consumer.close()
    return sorted(found.values(), key=lambda record: record.place)


def key_of(value: bytes) -> RecordKey:
    """The key that a hint names."""
    hint = json.loads(value)
    text, *number = map(b64decode, [*hint["pk"], *(hint["ck"] or ())])
    return (text.decode(), *map(int.from_bytes, number))


def distinct(records: list[PolledRecord]) -> list[RecordKey]:
    """Each key of the records once, in order."""
    values = (b64decode(json.loads(record.json)["value"]) for record in records)
    return list(dict.fromkeys(map(key_of, values)))


def topic_of(stack: Stack, shape: LoadShape) -> str:
    """Return the topic of the load's table."""
    return stack.topic(shape.table)
