"""Replay what went to the on-failure destination: objects of a bucket, each with a whole payload.

An object is deleted when every record of it is in the replay queue. A run that dies in between
leaves it, and the next one sends its records again, which changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.aws.kafka_event import open_event
from hintferry.adapters.aws.parked_queue import fitted, item_named, whole_record
from hintferry.adapters.records.topics import table_of
from hintferry.core.hint import Record
from hintferry.core.open_item import OpenItem
from hintferry_cli.failures import sentence
from hintferry_cli.replay.choice import GIVEN_UP, Choice
from hintferry_cli.replay.sender import Sender
from hintferry_cli.replay.tally import Tally

PREFIX = "aws/lambda/"


class GivenUpObjects:
    """List the objects that were there at the start; `s3` is a boto3 client; raises its errors."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self.bucket = s3, bucket
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
        self.keys = [one["Key"] for page in pages for one in page.get("Contents", [])]

    def read(self, key: str) -> tuple[str, list[Record]]:
        """Return why the event source gave the records up, and the records.

        Raises ValueError for an object that the service did not write.
        """
        content = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        try:
            tree = json.loads(content)
            condition = str(tree["requestContext"]["condition"])
            return condition, open_event(json.loads(tree["payload"]))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                "it holds no payload of an event source; look who wrote it, and delete it"
            ) from error

    def text(self, record: Record, condition: str, row: OpenItem) -> str:
        """Return the message for one record; the bucket holds one that is too large."""
        error = f"the event source gave it up: {condition}"
        message = whole_record(record, GIVEN_UP, error, row.name) | item_named(row)
        return fitted(message, self._s3, self.bucket)

    def delete(self, key: str) -> None:
        """Delete the object."""
        self._s3.delete_object(Bucket=self.bucket, Key=key)


def replay_given_up(
    objects: GivenUpObjects, sender: Sender | None, choice: Choice, tally: Tally, end: float
) -> Iterator[None]:
    """Go through the objects, one step each; without a sender nothing is moved."""
    for key in objects.keys:
        if time.monotonic() > end:
            return
        try:
            _replay_one(objects, key, sender, choice, tally)
        except (BotoCoreError, ClientError) as error:
            tally.failed(GIVEN_UP, f"{key} stays: {sentence(error)}")
        except ValueError as error:
            tally.failed(GIVEN_UP, f"{key} stays: {error}")
        yield


def _replay_one(
    objects: GivenUpObjects, key: str, sender: Sender | None, choice: Choice, tally: Tally
) -> None:
    condition, records = objects.read(key)
    # A payload is of one topic, and so of one table: an object is replayed whole or not at all.
    if not all(choice.takes(table_of(record.topic), GIVEN_UP) for record in records):
        for _ in records:
            tally.left(GIVEN_UP)
        return
    errors = _send(objects, records, condition, sender) if sender else [None] * len(records)
    if sender and not any(errors):
        objects.delete(key)
    for error in errors:
        if error is None:
            tally.sent(GIVEN_UP)
        else:
            tally.failed(GIVEN_UP, f"{key} stays: {error}")


def _send(
    objects: GivenUpObjects, records: Sequence[Record], condition: str, sender: Sender
) -> list[str | None]:
    errors: list[str | None] = []
    for first in range(0, len(records), sender.at_once):
        part = records[first : first + sender.at_once]
        rows = [OpenItem(table_of(one.topic), uuid4().bytes, time.time(), GIVEN_UP) for one in part]
        refused = sender.open_items.open(rows)
        texts = {
            index: objects.text(record, condition, rows[index])
            for index, record in enumerate(part)
            if refused[index] is None
        }
        unsent = {index: str(error) for index, error in enumerate(refused) if error is not None}
        unsent |= sender.send(texts)
        sender.open_items.close([(rows[index].name, rows[index].id) for index in unsent])
        errors += [unsent.get(index) for index in range(len(part))]
    return errors
