"""The parked queue: records that can never succeed, kept until a person has fixed the cause.

A message holds the key and nothing of the row; only a record that could not be decoded is kept
whole. What a queue message cannot hold lies in the bucket, named by the message. The format is
described in `docs/reference/records.md`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.records import hint_record
from hintferry.adapters.records.topics import table_of
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Record
from hintferry.core.open_item import ANY_TABLE, PARKED, OpenItem
from hintferry.ports import Clock, OpenItems, Parked

VERSION = 1
LARGEST_MESSAGE = 1024 * 1024
"""Bytes that a queue message, or a batch of them, may have."""

MESSAGES_PER_CALL = 10

LONGEST_ERROR = 1000
"""Characters of an error text: a server may quote a whole statement in it."""


class ParkingFailed(HintferryError):
    """The queue or the bucket did not take a record: it is returned."""


class SqsParkingLot:
    """Parks to a queue and, what is too large for it, to a bucket.

    `sqs`, `s3`: boto3 clients.
    """

    def __init__(
        self, sqs: Any, s3: Any, queue_url: str, bucket: str, clock: Clock, open_items: OpenItems
    ) -> None:
        self._sqs, self._s3 = sqs, s3
        self._queue_url, self._bucket = queue_url, bucket
        self._clock, self._open_items = clock, open_items

    def park(self, records: Sequence[Parked]) -> list[HintferryError | None]:
        """Keep the records; for each, None once it is kept, or why it could not be."""
        now = self._clock.now()
        rows = [OpenItem(_name(one), uuid4().bytes, now, PARKED) for one in records]
        errors = self._open_items.open(rows)
        texts: dict[int, str] = {}
        for index, (parked, row) in enumerate(zip(records, rows, strict=True)):
            if errors[index] is not None:
                continue
            message = _message(parked) | item_named(row)
            try:
                texts[index] = fitted(message, self._s3, self._bucket)
            except (BotoCoreError, ClientError) as error:
                errors[index] = ParkingFailed(f"the bucket did not take the record: {error}")
        for index, why in send_all(self._sqs, self._queue_url, texts).items():
            errors[index] = ParkingFailed(f"the parked queue did not take the record: {why}")
        unsent = [row for row, error in zip(rows, errors, strict=True) if error is not None]
        self._open_items.close([(row.name, row.id) for row in unsent])
        return errors


def whole_record(
    record: Record, reason: str | None, error: str, table: str | None
) -> dict[str, Any]:
    """The message that holds a record as it is, key and value."""
    message = _frame(record, reason, error, table)
    message["record"] |= {"key": _text(record.key), "value": _text(record.value)}
    return message


def fitted(message: dict[str, Any], s3: Any, bucket: str) -> str:
    """The text of a message, put into the bucket and named where a queue does not take it whole.

    Raises BotoCoreError, ClientError where the bucket does not take it.
    """
    text = json.dumps(message)
    if len(text) <= LARGEST_MESSAGE:
        return text
    at, digest = message["record"], sha256(text.encode()).hexdigest()
    # A message that was no record of ours has no place of its own: the digest keeps two apart.
    key = f"parked/{at['topic']}/{at['partition']}/{at['offset']}-{digest[:16]}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    place = {name: value for name, value in at.items() if name not in ("key", "value")}
    return json.dumps(message | {"record": place, "object": {"bucket": bucket, "key": key}})


def send_all(sqs: Any, queue_url: str, texts: Mapping[int, str]) -> dict[int, str]:
    """Send messages, as many a call as it takes; why not, of those that the queue did not take."""
    failed: dict[int, str] = {}
    call: dict[int, str] = {}
    for index, text in texts.items():
        if _is_full(call, text):
            failed |= _send(sqs, queue_url, call)
            call = {}
        call[index] = text
    return failed | _send(sqs, queue_url, call)


def _send(sqs: Any, queue_url: str, call: Mapping[int, str]) -> dict[int, str]:
    if not call:
        return {}
    entries = [{"Id": str(index), "MessageBody": text} for index, text in call.items()]
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        return dict.fromkeys(call, str(error))
    return {int(one["Id"]): one.get("Message", "") for one in answer.get("Failed", [])}


def _is_full(call: Mapping[int, str], text: str) -> bool:
    size = sum(len(each.encode()) for each in (*call.values(), text))
    return len(call) == MESSAGES_PER_CALL or size > LARGEST_MESSAGE


def _message(parked: Parked) -> dict[str, Any]:
    record, hint, end = parked.record, parked.hint, parked.end
    reason, error = end.reason.value if end.reason else None, str(end.error)
    if hint is not None:
        return _frame(record, reason, error, str(hint.table)) | {"hint": hint_record.encode(hint)}
    if record.refusal is not None and record.value is not None:
        # What the message names may be brought back: it goes on naming it.
        message = json.loads(record.value)
        place = {"object": message["object"]}
        return _frame(record, reason, error, message.get("table")) | place
    return whole_record(record, reason, error, None)


def _frame(record: Record, reason: str | None, error: str, table: str | None) -> dict[str, Any]:
    return {
        "version": VERSION,
        "reason": reason,
        "error": error[:LONGEST_ERROR],
        "table": table,
        "record": _position(record),
    }


def _position(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.appended_at_ms,
    }


def item_named(row: OpenItem) -> dict[str, Any]:
    """Return what a message says of its open item."""
    return {"item": {"name": row.name, "id": row.id.hex()}}


def _name(parked: Parked) -> str:
    """Return the table that the record is of, by its hint or by its topic."""
    if parked.hint is not None:
        return str(parked.hint.table)
    topic = parked.record.topic
    return table_of(topic) if "." in topic else ANY_TABLE


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
