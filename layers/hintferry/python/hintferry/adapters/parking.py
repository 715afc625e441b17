"""The parked queue: records that can never succeed, kept until a person has mended the cause.

A message holds the key and nothing of the row; only a record that could not be decoded is kept
whole. What a queue message cannot hold lies in the bucket, named by the message. The format is
described in `docs/operations.md`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters import hint_record
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Record
from hintferry.ports import Parked

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

    def __init__(self, sqs: Any, s3: Any, queue_url: str, bucket: str) -> None:
        self._sqs, self._s3 = sqs, s3
        self._queue_url, self._bucket = queue_url, bucket

    def park(self, records: Sequence[Parked]) -> list[HintferryError | None]:
        """Keep the records; for each, None once it is kept, or why it could not be."""
        errors: list[HintferryError | None] = [None] * len(records)
        call: dict[int, str] = {}
        for index, parked in enumerate(records):
            try:
                body = self._body(parked)
            except (BotoCoreError, ClientError) as error:
                errors[index] = ParkingFailed(f"the bucket did not take the record: {error}")
                continue
            if _is_full(call, body):
                self._send(call, errors)
                call = {}
            call[index] = body
        self._send(call, errors)
        return errors

    def _body(self, parked: Parked) -> str:
        message = _message(parked)
        body = json.dumps(message)
        if len(body) <= LARGEST_MESSAGE:
            return body
        record = parked.record
        key = f"parked/{record.topic}/{record.partition}/{record.offset}.json"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body.encode())
        message["record"].pop("value")
        message["record"].pop("key")
        return json.dumps(message | {"object": {"bucket": self._bucket, "key": key}})

    def _send(self, call: dict[int, str], errors: list[HintferryError | None]) -> None:
        if not call:
            return
        entries = [{"Id": str(index), "MessageBody": body} for index, body in call.items()]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            failed = {index: str(error) for index in call}
        else:
            failed = {int(one["Id"]): one.get("Message", "") for one in answer.get("Failed", [])}
        for index, text in failed.items():
            errors[index] = ParkingFailed(f"the parked queue did not take the record: {text}")


def _is_full(call: dict[int, str], body: str) -> bool:
    size = sum(map(len, call.values())) + len(body)
    return len(call) == MESSAGES_PER_CALL or size > LARGEST_MESSAGE


def _message(parked: Parked) -> dict[str, Any]:
    message: dict[str, Any] = {
        "version": VERSION,
        "reason": parked.end.reason.value if parked.end.reason else None,
        "error": str(parked.end.error)[:LONGEST_ERROR],
        "table": str(parked.hint.table) if parked.hint else None,
        "record": _position(parked.record),
    }
    if parked.hint is not None:
        return message | {"hint": hint_record.encode(parked.hint)}
    message["record"] |= {"key": _text(parked.record.key), "value": _text(parked.record.value)}
    return message


def _position(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.appended_at_ms,
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
