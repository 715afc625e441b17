"""Draw markers on the source, and commit for the event source of a table."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from hintferry.adapters.driver.cql import SOURCE_TABLES
from sandbox import tables
from sandbox.parts.waiting import until
from sandbox.stack import Stack

SECONDS = 30.0
# Longer than a round of capture and a commit, so that what has not settled by then does not.
QUIET_S = 1.5
_DRAW = (
    "UPDATE hintferry.markers SET number = %s, written = %s, drawn_at = %s WHERE name = %s"
    " IF number = %s"
)
_SERIAL = SimpleStatement(
    "SELECT number FROM hintferry.markers WHERE name = %s",
    consistency_level=ConsistencyLevel.SERIAL,
)


@dataclass(frozen=True, slots=True)
class Marks:
    """One table: its markers, its row of each node, and the consumer group that commits for it."""

    stack: Stack
    cql: Any
    name: str
    consumer: Consumer

    @property
    def topic(self) -> str:
        return self.stack.topic(self.name)

    def admin(self) -> AdminClient:
        """Return a client that the caller must hold until its answers are there."""
        return AdminClient({"bootstrap.servers": self.stack.kafka})

    def write(self, rows: range) -> None:
        insert = f"INSERT INTO {self.name} (id) VALUES (%s)"
        for row in rows:
            self.cql.execute(insert, [row])

    def draw(self) -> int:
        for _ in range(100):
            if number := self.try_draw():
                return number
        raise AssertionError("no number could be drawn")

    def try_draw(self) -> int:
        """Return the number that was drawn, or 0 where somebody else was quicker."""
        found = self.cql.execute(_SERIAL, [self.name]).one()
        before = found.number if found else None
        number = (before or 0) + 1
        values = [number, uuid4(), datetime.now(UTC), self.name, before]
        return number if self.cql.execute(_DRAW, values).one().applied else 0

    def row(self) -> Any:
        """Return the row of the first node, or None."""
        query = "SELECT * FROM hintferry.watermarks WHERE name = %s"
        return self.cql.execute(query, [self.name]).one()

    def number(self) -> int:
        row = self.row()
        return row.number or 0 if row else 0

    def since(self) -> int:
        """Return the token that the connector tells now."""
        [found] = [
            one
            for one in self.stack.captures[0].state()["tables"]
            if f"{one['keyspace']}.{one['table']}" == self.name
        ]
        return int(found["since"])

    def wait_settled(self, number: int) -> Any:
        until(lambda: self.number() >= number, SECONDS, f"marker {number} is settled")
        return self.row()

    def wait_says(self, words: str) -> str:
        until(lambda: words in self.says(), SECONDS, f"{words} is said")
        return self.says()

    def says(self) -> str:
        row = self.row()
        return row.waits or "" if row else ""

    def ends(self) -> dict[int, int]:
        parts = self.consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions
        return {
            part: self.consumer.get_watermark_offsets(TopicPartition(self.topic, part), 10)[1]
            for part in parts
        }

    def commit(self, offsets: dict[int, int]) -> None:
        places = [TopicPartition(self.topic, part, to) for part, to in offsets.items()]
        self.consumer.commit(offsets=places, asynchronous=False)

    def commit_all(self) -> None:
        """Commit every end above 0, as a mapping that has read all of them."""
        if ends := {part: end for part, end in self.ends().items() if end}:
            self.commit(ends)

    def wait_hinted(self, rows: int) -> dict[int, int]:
        """Return the ends of the partitions that hold something once all holds so many records."""
        until(lambda: sum(self.ends().values()) >= rows, SECONDS, f"{rows} rows are hinted")
        return {part: end for part, end in self.ends().items() if end}

    def still(self, number: int) -> bool:
        """Return whether the watermark stays below `number` for a while."""
        end = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            if self.number() >= number:
                return False
            time.sleep(0.1)
        return True


class Mapping:
    """An event source in small: it commits whatever the topic holds."""

    def __init__(self, table: Marks) -> None:
        self._table = table
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stopped.wait(0.05):
            self._table.commit_all()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)


def marks_ddl(stack: Stack) -> list[str]:
    return [one.format(replication=stack.replication) for one in SOURCE_TABLES]


@contextmanager
def marks(stack: Stack, name: str) -> Iterator[Marks]:
    group = f"hintferry-{name}-v1"
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": group})
    try:
        with tables.session(stack.source) as cql:
            yield Marks(stack, cql, name, consumer)
    finally:
        consumer.close()
