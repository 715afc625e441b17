"""The event source of a queue: takes messages, invokes a function with them, deletes what it did.

Behaves as an SQS event source mapping with partial batch responses. A message that the function
names, or every message of a failed invocation, stays in the queue until its visibility times out.
The Lambda developer guide (services-sqs-errorhandling) says which answers are a success or a
failure. One that names nothing is a success. One that is no JSON, or names a message by nothing or
by another key, is a failure of all. So is one that names a message which was not there, or is no
object: that is assumed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.parts.endpoints import AwsEndpoint
from sandbox.services.event_source import EventSourceError, Function
from sandbox.services.event_source.batch import PAYLOAD_LIMIT_BYTES
from sandbox.services.lambda_runtime.environment import ACCOUNT

SqsMessage = dict[str, Any]

_BATCH = 10
_LONG_POLL_S = 1
_AFTER_AN_ERROR_S = 0.5
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


def client(aws: AwsEndpoint, service: str) -> Any:
    """A boto3 client of the sandbox's AWS."""
    return boto3.client(
        service,
        endpoint_url=aws.url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        config=Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 2}),
    )


def taken(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    """The bodies of all messages that can be received now; the queue no longer has them."""
    found = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=_BATCH).get(
        "Messages"
    ):
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


class QueueSource:
    """Polls in a separate thread while it is entered.

    A death of the thread is raised as EventSourceError where it is noticed: by `drain` and on exit.
    """

    def __init__(self, aws: AwsEndpoint, queue_url: str, function: Function) -> None:
        self._aws, self._url, self._function = aws, queue_url, function
        self._sqs = client(aws, "sqs")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name="queue source", daemon=True)
        self._death: BaseException | None = None
        self.invocations = 0
        self.last_error: str | None = None

    def waiting(self) -> int:
        """Messages in the queue: visible, delayed, or being worked on."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=_COUNTS)
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the queue is empty, delayed messages included; False if it is not in time."""
        end = time.monotonic() + timeout_s
        while self.waiting():
            self._check()
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        self._check()
        return True

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - kept, and raised where it is noticed
            self._death = error

    def _check(self) -> None:
        if self._death:
            raise EventSourceError(f"the source of queue {self._url} died") from self._death

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._poll()
            except (BotoCoreError, ClientError) as error:
                self.last_error = str(error)
                self._stopped.wait(_AFTER_AN_ERROR_S)

    def _poll(self) -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=_LONG_POLL_S,
            AttributeNames=["All"],
        )
        for batch in self._batches(answer.get("Messages", [])):
            for message in self._invoke(batch):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _batches(self, messages: Iterable[SqsMessage]) -> Iterator[list[SqsMessage]]:
        """The messages in order, cut before an event would be larger than a payload may be."""
        batch: list[SqsMessage] = []
        for message in messages:
            if batch and len(self._event([*batch, message])) > PAYLOAD_LIMIT_BYTES:
                yield batch
                batch = []
            batch.append(message)
        if batch:
            yield batch

    def _invoke(self, messages: list[SqsMessage]) -> list[SqsMessage]:
        """The messages that the function is done with."""
        self.invocations += 1
        invocation = self._function.invoke(self._event(messages))
        if invocation.payload is None:
            self.last_error = f"{invocation.error_type}: {invocation.message}"
            return []
        try:
            failed = _failed(invocation.payload, {message["MessageId"] for message in messages})
        except ValueError as error:
            self.last_error = f"not a partial batch response: {error}"
            return []
        return [message for message in messages if message["MessageId"] not in failed]

    def _event(self, messages: Iterable[SqsMessage]) -> bytes:
        return json.dumps({"Records": [self._record(message) for message in messages]}).encode()

    def _record(self, message: SqsMessage) -> dict[str, Any]:
        name = self._url.rpartition("/")[2]
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{self._aws.region}:{ACCOUNT}:{name}",
            "awsRegion": self._aws.region,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=_LONG_POLL_S + 10)
        self._check()


def _failed(payload: bytes, known: set[str]) -> set[str]:
    """The ids of `known` that the answer names; raises ValueError if it is none for them."""
    answer = json.loads(payload) if payload else None
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        raise ValueError("the answer is not an object")
    items = answer.get("batchItemFailures") or []
    if not isinstance(items, list):
        raise ValueError("batchItemFailures is not a list")
    return {_identifier(item, known) for item in items}


def _identifier(item: object, known: set[str]) -> str:
    identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
    if not isinstance(identifier, str) or identifier not in known:
        raise ValueError(f"{item!r} names no message of the batch")
    return identifier
