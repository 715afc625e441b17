"""Reading what capture wrote about one partition of one table."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from sandbox.stack import Stack

_SECONDS = 120
# Longer than capture needs for one more record, so that a surplus one is seen.
_QUIET_SECONDS = 0.7


def b64(*parts: bytes) -> list[str]:
    """Key parts as they stand in a record."""
    return [b64encode(part).decode() for part in parts]


@dataclass(frozen=True, slots=True)
class Raw:
    """One Kafka record, decoded from JSON."""

    key: dict[str, Any]
    value: dict[str, Any]
    partition: int


@contextmanager
def topic(stack: Stack, keyspace: str, table: str) -> Iterator[Consumer]:
    """A consumer at the present end of the table's topic."""
    name = stack.topic(f"{keyspace}.{table}")
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "tests"})
    try:
        partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
        ends = []
        for number in partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(name, number), timeout=10)
            ends.append(TopicPartition(name, number, end))
        consumer.assign(ends)
        yield consumer
    finally:
        consumer.close()


def read(consumer: Consumer, count: int) -> list[Raw]:
    """The next `count` records, and any that follow at once (which a test must not expect).

    A record may come twice (capture delivers at least once): exact repeats are left out.
    """
    records: list[Raw] = []
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is None or message.error():
            continue
        key, value, partition = message.key(), message.value(), message.partition()
        assert key is not None
        assert value is not None
        assert partition is not None
        record = Raw(json.loads(key), json.loads(value), partition)
        if record in records:
            continue
        records.append(record)
        if len(records) == count:
            deadline = time.monotonic() + _QUIET_SECONDS
    return records
