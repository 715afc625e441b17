"""A Kafka record as the event source hands it to a function.

Owns the JSON of one record, made once when it is polled. So its exact share of the payload is known
and a retry costs nothing. Knows nothing of batches or offsets to commit.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message


@dataclass(frozen=True, slots=True)
class PolledRecord:
    """One record: where it lies, its JSON in the event, and when it was polled (monotonic, s).

    `timestamp_ms` is Kafka's, since the epoch.
    """

    partition: int
    offset: int
    json: bytes
    polled_at: float
    timestamp_ms: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Return the record's partition and offset."""
        return self.partition, self.offset


def polled(message: Message, now: float, *, omit_null: bool = False) -> PolledRecord:
    """The record of a message without error; with `omit_null` a null key or value is not shown."""
    kind, timestamp = message.timestamp()
    name = b"LOG_APPEND_TIME" if kind == TIMESTAMP_LOG_APPEND_TIME else b"CREATE_TIME"
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    body = (
        b'{"topic":"%s","partition":%d,"offset":%d,"timestamp":%d,"timestampType":"%s",'
        b'%s%s"headers":%s}'
    ) % (
        topic.encode(),
        partition,
        offset,
        timestamp,
        name,
        _field(b"key", message.key(), omit_null),
        _field(b"value", message.value(), omit_null),
        _headers(message),
    )
    return PolledRecord(partition, offset, body, now, timestamp)


def _field(name: bytes, data: str | bytes | None, omit_null: bool) -> bytes:
    return b"" if data is None and omit_null else b'"%s":%s,' % (name, _base64(data))


def _base64(data: str | bytes | None) -> bytes:
    return b"null" if data is None else b'"%s"' % b64encode(_bytes(data))


def _headers(message: Message) -> bytes:
    headers = message.headers()
    if not headers:
        return b"[]"
    pairs = headers.items() if isinstance(headers, dict) else headers
    return json.dumps([{name: _signed(_bytes(value or b""))} for name, value in pairs]).encode()


def _bytes(data: str | bytes) -> bytes:
    """The driver's types allow text, though what it reads from a topic is bytes."""
    return data.encode() if isinstance(data, str) else data


def _signed(value: bytes) -> list[int]:
    """The bytes as the service writes them: numbers from -128 to 127."""
    return [byte - 256 if byte > 127 else byte for byte in value]
