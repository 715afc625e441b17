"""Record `events/` from the real chain: `python -m sandbox.recording.record`.

Each kind of write happens once on a running source, with Hintferry's capture handler and with the
stock connector. What arrives on the topic is kept as the event with which Lambda would invoke the
function: `events/<capture>-<kind>.json`. A kind for which the stock connector emits nothing leaves
no file, nor the one of an earlier run. That it leaves none is the point. Hintferry's handler must
emit each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from sandbox.parts.endpoints import Capture
from sandbox.parts.errors import SandboxError
from sandbox.services.event_source.batch import EventFrame
from sandbox.services.event_source.records import PolledRecord, polled
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack
from tools.places import ROOT

EVENTS = ROOT / "events"
ARRIVES_S = 15.0
NOTHING_S = 4.0
"""The slowest hint takes a fraction of this; after it the stock connector sends none."""

SCHEMA = (
    "CREATE TABLE shop.orders (customer int, number int, state text, items map<text, int>,"
    " note text static, PRIMARY KEY (customer, number)) WITH cdc = true",
    "CREATE TABLE shop.visits (page text PRIMARY KEY, hits counter) WITH cdc = true",
)
ROW = "INSERT INTO shop.orders (customer, number, state) VALUES (7, 1, 'open')"
WRITES = {
    "insert": ("orders", ROW),
    "update": ("orders", "UPDATE shop.orders SET state = 'paid' WHERE customer = 7 AND number = 1"),
    "row-delete": ("orders", "DELETE FROM shop.orders WHERE customer = 7 AND number = 1"),
    "static": ("orders", "UPDATE shop.orders SET note = 'fragile' WHERE customer = 7"),
    "range-delete": ("orders", "DELETE FROM shop.orders WHERE customer = 7 AND number > 2"),
    "partition-delete": ("orders", "DELETE FROM shop.orders WHERE customer = 7"),
    "counter": ("visits", "UPDATE shop.visits SET hits = hits + 1 WHERE page = '/'"),
}
UNDECODABLE = b'{"hint": 1, "scope": "ro'


def main() -> int:
    EVENTS.mkdir(exist_ok=True)
    try:
        for capture in Capture:
            with Stack(capture=capture, say=print) as stack:
                _record(stack, capture)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _record(stack: Stack, capture: Capture) -> None:
    keyspace = f"CREATE KEYSPACE shop WITH replication = {stack.replication}"
    stack.create_tables(keyspace, *SCHEMA)
    required = capture is Capture.OURS
    wait_s = ARRIVES_S if required else NOTHING_S
    with cassandra_session(stack.source) as source:
        for kind, (table, statement) in WRITES.items():
            with _from_now_on(stack, table) as consumer:
                source.execute(statement)
                record = _first(consumer, wait_s)
            name = f"{capture.value}-{kind}"
            _keep(name, _frame(stack, table), record, required=required)
    with _from_now_on(stack, "orders") as consumer:
        producer = Producer({"bootstrap.servers": stack.kafka})
        producer.produce(_topic(stack, "orders"), UNDECODABLE)
        producer.flush(ARRIVES_S)
        record = _first(consumer, ARRIVES_S)
    _keep("undecodable", _frame(stack, "orders"), record, required=True)


@contextmanager
def _from_now_on(stack: Stack, table: str) -> Iterator[Consumer]:
    name = _topic(stack, table)
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "record"})
    try:
        ends = []
        for number in consumer.list_topics(name, timeout=ARRIVES_S).topics[name].partitions:
            place = TopicPartition(name, number)
            _, place.offset = consumer.get_watermark_offsets(place, timeout=ARRIVES_S)
            ends.append(place)
        consumer.assign(ends)
        yield consumer
    finally:
        consumer.close()


def _first(consumer: Consumer, wait_s: float) -> PolledRecord | None:
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            return polled(message, 0.0)
    return None


def _keep(name: str, frame: EventFrame, record: PolledRecord | None, *, required: bool) -> None:
    file = EVENTS / f"{name}.json"
    if record is None:
        file.unlink(missing_ok=True)
        if required:
            raise SandboxError(f"{name}: nothing came to the topic, so it could not be recorded.")
        print(f"{name}: no record")
        return
    event: Any = json.loads(frame.event([record]))
    file.write_text(json.dumps(event, indent=2) + "\n")
    print(f"{name}: recorded")


def _frame(stack: Stack, table: str) -> EventFrame:
    return EventFrame(_topic(stack, table), stack.kafka, stack.aws.region)


def _topic(stack: Stack, table: str) -> str:
    return stack.topic(f"shop.{table}")


if __name__ == "__main__":
    sys.exit(main())
