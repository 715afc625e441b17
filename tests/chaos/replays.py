"""Recorded hints, sent a second time: to the topics, in or out of order, and to the replay queue.

Records go to any partition of their topic, so that one key is worked on in several at once.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from random import Random
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.recorder import AGAIN, Recorded

RecordPosition = tuple[Any, Any, Any]
"""Topic, partition, offset."""

POISON = b'{"hint": 99}'
_PARTITIONS = 4
_MESSAGES_A_CALL = 10
_FLUSH_S = 120.0


class Replays:
    """`sqs` is a boto3 client."""

    def __init__(self, bootstrap: str, sqs: Any, queue_url: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 2,
            }
        )
        self._sqs, self._queue_url = sqs, queue_url
        self.poisoned: set[RecordPosition] = set()
        """Where Kafka has put what can never succeed."""

    def poison(self, topic: str, count: int, random: Random) -> None:
        """Append records that no decoder knows."""
        for _ in range(count):
            self._producer.produce(
                topic,
                value=POISON,
                key=b"poison",
                partition=random.randrange(_PARTITIONS),
                headers={AGAIN: b"again"},
                on_delivery=self._delivered,
            )
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            place = message.topic(), message.partition(), message.offset()
            self.poisoned.add(place)

    def to_topics(self, records: Sequence[Recorded], random: Random) -> None:
        """Append the records once more, in the order given."""
        for record in records:
            self._producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                partition=random.randrange(_PARTITIONS),
                headers={AGAIN: b"again"},
            )
        self._producer.poll(0)

    def to_queue(self, records: Sequence[Recorded]) -> None:
        """Send the records to the replay queue, as a person does with parked ones."""
        for first in range(0, len(records), _MESSAGES_A_CALL):
            entries = [
                {"Id": str(index), "MessageBody": _message(record)}
                for index, record in enumerate(records[first : first + _MESSAGES_A_CALL])
            ]
            self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def flush(self) -> int:
        """Wait until Kafka has everything; gives how many records it does not have."""
        return self._producer.flush(_FLUSH_S)


def _message(record: Recorded) -> str:
    where = {
        "topic": record.topic,
        "partition": record.polled.partition,
        "offset": record.polled.offset,
    }
    content = {"key": b64encode(record.key).decode(), "value": b64encode(record.value).decode()}
    return json.dumps({"version": 1, "reason": "undecodable", "record": where | content})
