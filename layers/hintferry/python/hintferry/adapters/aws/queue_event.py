"""Lambda's event for the replay queue: records out of its messages, and the response back.

A message holds a hint, or the whole record of one that could not be decoded, or names an object of
the bucket that does. `docs/reference/records.md` describes the format.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from hintferry.core.errors import HintferryError, Side, Undecodable
from hintferry.core.hint import Check, Record, Suspicion, Trouble
from hintferry.core.limits import REPLAY_RETRY
from hintferry.core.outcome import Outcome, Settled
from hintferry.ports import OpenItems

GONE = "NoSuchKey"


class BucketFailed(HintferryError):
    """The bucket did not give an object now: the message that names it is returned."""


def wait_after(receives: int) -> int:
    """Seconds that a message waits after its `receives`-th fault: ever longer, so that the
    receives which the queue grants outlast a long outage."""
    return int(REPLAY_RETRY.pause_s(receives))


class ReplayEvents:
    """Opens events and answers them; `sqs` and `s3` are boto3 clients."""

    def __init__(self, sqs: Any, s3: Any, queue_url: str, open_items: OpenItems) -> None:
        self._sqs, self._s3, self._queue_url = sqs, s3, queue_url
        self._open_items = open_items

    def open(self, event: Mapping[str, Any]) -> list[Record]:
        """One record a message, in the event's order."""
        return [self._record(message) for message in event["Records"]]

    def response(self, event: Mapping[str, Any], ends: Sequence[Settled]) -> dict[str, Any]:
        """The answer that keeps the returned messages in the queue, each for a growing while.

        The item of a settled message is closed first: one that is still open comes again.
        """
        pairs = list(zip(event["Records"], ends, strict=True))
        returned = [message for message, end in pairs if end.outcome is Outcome.RETURNED]
        returned += self._still_open(
            [message for message, end in pairs if end.outcome is not Outcome.RETURNED]
        )
        for message in returned:
            self._wait_longer(message)
        return {
            "batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in returned]
        }

    def _still_open(self, settled: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        known = [(one, item) for one in settled if (item := _item(one)) is not None]
        errors = self._open_items.close([item for _, item in known])
        return [one for (one, _), error in zip(known, errors, strict=True) if error is not None]

    def _record(self, message: Mapping[str, Any]) -> Record:
        try:
            body = json.loads(message["body"])
            if "object" not in body:
                return _record(body)
            return self._stored(body)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            # Not a message of ours: let it be refused as undecodable, and parked as it is.
            return _stranger(message)

    def _stored(self, body: Mapping[str, Any]) -> Record:
        """The record that lies in the bucket; one bad object must not hold the other messages."""
        where = body["object"]
        name = f"the object {where['key']} of the bucket {where['bucket']}"
        try:
            answer = self._s3.get_object(Bucket=where["bucket"], Key=where["key"])
            content = json.loads(answer["Body"].read())
        except ParamValidationError as error:
            raise ValueError("the message names no object in the bucket") from error
        except ClientError as error:
            if error.response["Error"]["Code"] == GONE:
                gone = f"{name} holds its record and is gone; restore it and replay this message"
                return _refused(body, Undecodable(gone))
            return _refused(body, BucketFailed(f"{name} could not be read: {error}"))
        except BotoCoreError as error:
            return _refused(body, BucketFailed(f"{name} could not be read: {error}"))
        return _record(content)

    def _wait_longer(self, message: Mapping[str, Any]) -> None:
        receives = int(message["attributes"]["ApproximateReceiveCount"])
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=wait_after(receives),
            )
        except (BotoCoreError, ClientError):
            # The queue's own visibility timeout stands: the message comes back sooner.
            return


def _item(message: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Return the open item of a message; one of an earlier release, or a stranger's, has none."""
    try:
        item = json.loads(message["body"])["item"]
        return str(item["name"]), bytes.fromhex(item["id"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _record(body: Mapping[str, Any]) -> Record:
    """Return the record without its append time: a replayed hint's age is not our freshness."""
    where = _position(body)
    if "hint" in body:
        value = json.dumps(body["hint"]).encode()
        return Record(*where, None, None, value, trouble=_trouble(body), check=_check(body))
    record = body["record"]
    return Record(*where, None, _bytes(record["key"]), _bytes(record["value"]))


def _trouble(body: Mapping[str, Any]) -> Trouble | None:
    seen = body.get("trouble")
    return seen and Trouble(float(seen["since"]), int(seen["times"]))


def _check(body: Mapping[str, Any]) -> Check | None:
    said = body.get("check")
    if not said:
        return None
    seen = said["suspicion"]
    suspicion = seen and Suspicion(
        Side(seen["side"]), int(seen["written_us"]), int(seen["marker"]), float(seen["at"])
    )
    return Check(float(said["settled_at"]), int(said["looks"]), suspicion)


def _refused(body: Mapping[str, Any], refusal: HintferryError) -> Record:
    return Record(*_position(body), None, None, json.dumps(body).encode(), refusal)


def _position(body: Mapping[str, Any]) -> tuple[str, int, int]:
    record = body.get("record", {})
    return record.get("topic", "replay"), record.get("partition", 0), record.get("offset", 0)


def _stranger(message: Mapping[str, Any]) -> Record:
    return Record("replay", 0, 0, None, None, message["body"].encode())


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
