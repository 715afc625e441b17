"""Go through the parked queue once: send the chosen messages on, and only then delete them.

A received message is invisible until the run ends, so the run receives none twice. Then the run
makes visible again what stays. It leaves alone a message that arrives meanwhile: the run may have
sent it, and it was parked again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.aws.parked_queue import MESSAGES_PER_CALL
from hintferry_cli.failures import sentence
from hintferry_cli.replay.choice import UNKNOWN, Choice
from hintferry_cli.replay.sender import Sender
from hintferry_cli.replay.tally import Tally

HIDDEN_S = 600
"""Seconds that a message stays invisible should the run die; one that comes back sooner is known.
"""

LONG_POLL_S = 2
BARREN_RECEIVES = 2
"""How many receives in a row without a new message end a run."""


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message, read as far as the choice needs."""

    id: str
    receipt: str
    body: str
    reason: str
    table: str | None


class ParkedQueue:
    """Read the parked queue; `sqs` is a boto3 client, whose errors it raises unless said."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs, self._url = sqs, queue_url
        self._seen: set[str] = set()
        self._hidden: dict[str, str] = {}
        self.waiting, self._began_ms = self._start()

    def batches(self, end: float) -> Iterator[list[ParkedMessage]]:
        """Yield the messages that were there at the start, a few at a time, until `end`.

        `end` is in monotonic seconds.
        """
        barren = 0
        while barren < BARREN_RECEIVES and time.monotonic() < end:
            fresh = [self._opened(one) for one in self._receive() if self._is_due(one)]
            self._seen |= {message.id for message in fresh}
            barren = 0 if fresh else barren + 1
            if fresh:
                yield fresh

    def delete(self, messages: Sequence[ParkedMessage]) -> set[str]:
        """Delete the messages; return the ids of those that failed. Raises nothing."""
        entries = [
            {"Id": str(index), "ReceiptHandle": message.receipt}
            for index, message in enumerate(messages)
        ]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError):
            return {message.id for message in messages}
        failed = {messages[int(one["Id"])].id for one in answer.get("Failed", [])}
        for message in messages:
            if message.id not in failed:
                self._hidden.pop(message.id, None)
        return failed

    def release(self) -> None:
        """Make what stays visible again; where that fails, it becomes so by itself."""
        receipts = list(self._hidden.values())
        for first in range(0, len(receipts), MESSAGES_PER_CALL):
            entries = [
                {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for index, receipt in enumerate(receipts[first : first + MESSAGES_PER_CALL])
            ]
            try:
                self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError):
                return

    def _start(self) -> tuple[int, int]:
        """Return about how many messages wait, and the time (epoch ms) by the queue's clock."""
        name = "ApproximateNumberOfMessages"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        # The header is cut to whole seconds.
        began_s = parsedate_to_datetime(date).timestamp() + 1
        return int(answer["Attributes"][name]), int(began_s * 1000)

    def _receive(self) -> list[Any]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MESSAGES_PER_CALL,
            WaitTimeSeconds=LONG_POLL_S,
            VisibilityTimeout=HIDDEN_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages: list[Any] = answer.get("Messages", [])
        self._hidden |= {one["MessageId"]: one["ReceiptHandle"] for one in messages}
        return messages

    def _is_due(self, message: Any) -> bool:
        sent_ms = int(message["Attributes"]["SentTimestamp"])
        return message["MessageId"] not in self._seen and sent_ms <= self._began_ms

    def _opened(self, message: Any) -> ParkedMessage:
        reason, table = _labels(message["Body"])
        ids = message["MessageId"], message["ReceiptHandle"]
        return ParkedMessage(*ids, message["Body"], reason, table)


def replay_parked(
    queue: ParkedQueue, sender: Sender | None, choice: Choice, tally: Tally, end: float
) -> Iterator[None]:
    """Look through the queue, one step a batch; without a sender nothing is moved."""
    try:
        for batch in queue.batches(end):
            meant = []
            for message in batch:
                if choice.takes(message.table, message.reason):
                    meant.append(message)
                else:
                    tally.left(message.reason)
            _send(queue, sender, meant, tally)
            yield
    except (BotoCoreError, ClientError) as error:
        tally.unfinished = f"the parked queue was not read to its end: {sentence(error)}"


def _send(
    queue: ParkedQueue, sender: Sender | None, messages: Sequence[ParkedMessage], tally: Tally
) -> None:
    step = sender.at_once if sender else MESSAGES_PER_CALL
    for first in range(0, len(messages), step):
        part = messages[first : first + step]
        unsent = sender.send({i: one.body for i, one in enumerate(part)}) if sender else {}
        sent = [one for index, one in enumerate(part) if index not in unsent]
        undeleted = queue.delete(sent) if sender and sent else set()
        for index, message in enumerate(part):
            if index in unsent:
                tally.failed(message.reason, f"not sent: {unsent[index]}")
            elif message.id in undeleted:
                tally.failed(
                    message.reason,
                    "sent to the replay queue, but not deleted from the parked queue; replay it"
                    " again, which is harmless",
                )
            else:
                tally.sent(message.reason)


def _labels(body: str) -> tuple[str, str | None]:
    """Return reason and table of any message, also of one that Hintferry did not write."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return UNKNOWN, None
    if not isinstance(message, dict):
        return UNKNOWN, None
    reason, table = message.get("reason"), message.get("table")
    return (
        reason if isinstance(reason, str) else UNKNOWN,
        table if isinstance(table, str) else None,
    )
