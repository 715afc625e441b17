"""The event source of a queue: takes messages, invokes a function with them, deletes what it did.

Behaves as an SQS event source mapping with partial batch responses: a message that the function
names, or every message of a failed invocation, stays in the queue until its visibility times out.
"""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.endpoints import AwsEndpoint
from sandbox.lambda_runtime import LambdaFunction
from sandbox.lambda_runtime.environment import ACCOUNT

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
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2}),
    )


class QueueSource:
    """Polls in a thread of its own while it is entered."""

    def __init__(self, aws: AwsEndpoint, queue_url: str, function: LambdaFunction) -> None:
        self._aws, self._url, self._function = aws, queue_url, function
        self._sqs = client(aws, "sqs")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue source", daemon=True)
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
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

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
        messages = answer.get("Messages", [])
        if messages:
            done = self._invoke(messages)
            for message in done:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _invoke(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages that the function is done with."""
        self.invocations += 1
        event = {"Records": [self._record(message) for message in messages]}
        invocation = self._function.invoke(json.dumps(event).encode())
        if invocation.error_type is not None:
            self.last_error = f"{invocation.error_type}: {invocation.message}"
            return []
        response = json.loads(invocation.payload or b"null") or {}
        failed = {one["itemIdentifier"] for one in response.get("batchItemFailures", [])}
        return [message for message in messages if message["MessageId"] not in failed]

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
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
