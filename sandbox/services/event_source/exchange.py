"""The backlog, shared between the thread that polls and the threads that invoke.

Owns locking and waiting and nothing else: the rules are in `backlog.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from sandbox.services.event_source.backlog import Backlog
from sandbox.services.event_source.batch import Batch
from sandbox.services.event_source.counters import Counters
from sandbox.services.event_source.discard import Discard
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.response import BatchVerdict


class Exchange:
    """A monitor around one `Backlog`."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._stopped = False
        lock = threading.Lock()
        self._due = threading.Condition(lock)
        self._settled = threading.Condition(lock)

    @property
    def stopped(self) -> bool:
        """Return whether `stop` has been called."""
        return self._stopped

    @property
    def counters(self) -> Counters:
        """A copy of the counters."""
        with self._due:
            return self._backlog.counters

    @property
    def pollers(self) -> int:
        """Return how many pollers share the partitions."""
        return self._backlog.pollers

    @property
    def idle(self) -> bool:
        """Return whether everything that was polled is settled."""
        with self._due:
            return self._backlog.idle

    def stop(self) -> None:
        """Let every waiting thread come back with nothing."""
        with self._due:
            self._stopped = True
            self._due.notify_all()

    def next_work(self) -> Batch | Discard | None:
        """Wait for a batch to invoke or one to deliver as failed; None once stopped."""
        with self._due:
            while not self._stopped:
                now = time.monotonic()
                if work := self._backlog.next_discard() or self._backlog.take(now):
                    self._due.notify()  # there may be more, for another thread
                    return work
                due = self._backlog.due_at()
                self._due.wait(None if due is None else max(0.0, due - now))
        return None

    def settle(self, batch: Batch, verdict: BatchVerdict) -> None:
        """End one invocation."""
        with self._due:
            self._backlog.settle(
                batch,
                verdict.failed,
                time.monotonic(),
                function_error=verdict.function_error,
                request_id=verdict.request_id,
            )
            self._due.notify()
            self._settled.notify_all()

    def discarded(self, discard: Discard, *, delivered: bool) -> None:
        """End one delivery."""
        with self._due:
            self._backlog.discarded(discard, delivered=delivered)
            self._due.notify()
            self._settled.notify_all()

    def assign(self, numbers: Iterable[int]) -> None:
        """Begin with these partitions."""
        with self._due:
            self._backlog.assign(numbers)

    def revoke(self, patience_s: float) -> dict[int, int]:
        """Wait a while for what is being worked on, then forget all; gives what to commit."""
        with self._due:
            self._settled.wait_for(lambda: not self._backlog.working, patience_s)
            commits = self._backlog.commits()
            self._backlog.revoke()
            return commits

    def add(self, records: Iterable[PolledRecord]) -> list[int]:
        """Add the records that were polled; return the partitions of which no more should be
        fetched.
        """
        with self._due:
            self._backlog.add(records)
            self._due.notify()
            return self._backlog.to_pause()

    def progress(self) -> tuple[dict[int, int], list[int]]:
        """The offsets to commit now, and the partitions that may be fetched again."""
        with self._due:
            return self._backlog.commits(), self._backlog.to_resume()

    def commit_failed(self) -> None:
        """Make the next commit name every offset again."""
        with self._due:
            self._backlog.commit_failed()

    def polling_failed(self) -> None:
        """Count an error of the consumer."""
        with self._due:
            self._backlog.polling_failed()
