"""Write given-up records as the service does: an object in the on-failure bucket.

Owns the shape of the object, its key, and the writing. Knows nothing of why or when records are
given up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.services.event_source.batch import EventFrame
from sandbox.services.event_source.discard import Discard
from sandbox.services.event_source.records import PolledRecord


class DeliveryError(RuntimeError):
    """An object could not be written to the destination."""


class Destination(Protocol):
    """Takes objects; called from several threads at a time; raises DeliveryError."""

    def put(self, key: str, body: bytes) -> None: ...


class OnFailureBucket:
    """An S3 bucket, written with a boto3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def put(self, key: str, body: bytes) -> None:
        """Write one object; raises DeliveryError."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise DeliveryError(f"cannot write {key} to bucket {self._bucket}: {error}") from error


@dataclass(frozen=True, slots=True)
class InvocationRecords:
    """Makes the objects of one event source, which invokes the function `function_arn`."""

    frame: EventFrame
    function_arn: str

    def record(self, discard: Discard, now: datetime) -> bytes:
        """The object's JSON: what happened, which records, and their whole event as a string."""
        event = self.frame.event(discard.batch.records)
        fields = {
            "requestContext": {
                "requestId": discard.request_id or str(uuid.uuid4()),
                "functionArn": self.function_arn,
                "condition": discard.condition.value,
                "approximateInvokeCount": discard.batch.invocations,
            },
            "responseContext": _response(discard),
            "version": "1.0",
            "timestamp": _text(now),
            "KafkaBatchInfo": {
                "batchSize": len(discard.batch.records),
                "eventSourceArn": self.frame.cluster_arn,
                "bootstrapServers": self.frame.bootstrap,
                "payloadSize": len(event),
                "recordsInfo": self._spans(discard.batch.records),
            },
            "payload": event.decode(),
        }
        return json.dumps(fields).encode()

    def _spans(self, records: Iterable[PolledRecord]) -> dict[str, dict[str, str]]:
        return {
            f"{self.frame.topic}-{number}": _span(list(group))
            for number, group in groupby(records, key=lambda record: record.partition)
        }


def object_key(mapping: str, topic: str, discard: Discard, now: datetime) -> str:
    """The key of the object; `mapping` is the UUID of the event source mapping."""
    partition = f"{topic}-{discard.batch.records[0].partition}"
    return f"aws/lambda/{mapping}/{partition}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _response(discard: Discard) -> dict[str, object] | None:
    if not discard.batch.invocations:
        return None
    error = "Unhandled" if discard.function_error else None
    return {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}


def _span(records: list[PolledRecord]) -> dict[str, str]:
    first, last = records[0], records[-1]
    return {
        "firstRecordOffset": str(first.offset),
        "lastRecordOffset": str(last.offset),
        "firstRecordTimestamp": _text(datetime.fromtimestamp(first.timestamp_ms / 1000, UTC)),
        "lastRecordTimestamp": _text(datetime.fromtimestamp(last.timestamp_ms / 1000, UTC)),
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
