"""Send to the replay queue: in calls of ten, no faster than asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hintferry.adapters.aws.parked_queue import MESSAGES_PER_CALL, send_all
from hintferry.ports import OpenItems


class Sender:
    """Send to the replay queue; `sqs` is a boto3 client, `rate` messages a second or None.

    `open_items` keeps a row of each message that has none yet.
    """

    def __init__(self, sqs: Any, queue_url: str, rate: int | None, open_items: OpenItems) -> None:
        self._sqs, self._queue_url, self._rate = sqs, queue_url, rate
        self.open_items = open_items
        self._next = time.monotonic()

    @property
    def at_once(self) -> int:
        """Return how many messages one call should have."""
        return min(MESSAGES_PER_CALL, self._rate or MESSAGES_PER_CALL)

    def send(self, texts: Mapping[int, str]) -> dict[int, str]:
        """Send up to `at_once` messages; return the error of each that the queue refused."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        if self._rate is not None:
            self._next = time.monotonic() + len(texts) / self._rate
        return send_all(self._sqs, self._queue_url, texts)
