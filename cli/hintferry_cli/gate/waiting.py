"""Count what waits in the queues and in the bucket."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hintferry.adapters.clocks.cached_answer import CachedAnswer
from hintferry.adapters.config.places import Queues
from hintferry.core.schema import TableId
from hintferry_cli.replay.given_up import GivenUpObjects
from hintferry_cli.replay.parked import ParkedQueue
from hintferry_ops.cutover.gate.queues import IN_FLIGHT

LOOK_WITHIN_S = 300.0
_VISIBLE = "ApproximateNumberOfMessages"
_COUNTS = (_VISIBLE, f"{_VISIBLE}NotVisible", f"{_VISIBLE}Delayed")


class QueuesAndBucket:
    """Counts what waits; `sqs` and `s3` are boto3 clients, whose errors are raised.

    It asks each of them once, for however many tables at the same time.
    """

    def __init__(
        self, sqs: Any, s3: Any, where: Queues, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._sqs, self._where = sqs, where
        self._parked = CachedAnswer(self._look, now)
        self._given_up = CachedAnswer(lambda: len(GivenUpObjects(s3, where.bucket).keys), now)

    def parked(self, table: TableId | None) -> Mapping[str, int]:
        """Return how many records of this table, or of no known table, wait by reason."""
        found: Counter[str] = Counter()
        for (name, reason), count in self._parked.answer().items():
            if name is None or name == str(table):
                found[reason] += count
        return found

    def given_up(self) -> int:
        """Return how many payloads lie in the bucket, of any table."""
        return self._given_up.answer()

    def forget(self) -> None:
        """Ask both again at the next look, however soon that is."""
        self._parked.forget()
        self._given_up.forget()

    def _look(self) -> Counter[tuple[str | None, str]]:
        """Receive each message, read its table and reason, and make it visible again.

        It does so again each time: an equal count may hold other messages.
        """
        found: Counter[tuple[str | None, str]] = Counter()
        visible, in_flight, delayed = self._counts(self._where.parked_queue_url)
        if in_flight or delayed:
            found[None, IN_FLIGHT] = in_flight + delayed
        if visible:
            queue = ParkedQueue(self._sqs, self._where.parked_queue_url)
            try:
                for batch in queue.batches(time.monotonic() + LOOK_WITHIN_S):
                    found.update((message.table, message.reason) for message in batch)
            finally:
                queue.release()
        return found

    def _counts(self, url: str) -> list[int]:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))
        return [int(answer["Attributes"][name]) for name in _COUNTS]
