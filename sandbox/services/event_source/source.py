"""The MSK event source mapping of one topic, on the real Kafka.

Owns the threads: one that polls and `concurrency` that invoke. An event source has exactly one
topic, as the service demands; several of them share a function.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from sandbox.services.event_source.backlog import Backlog
from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.counters import Counters
from sandbox.services.event_source.discard import Discard
from sandbox.services.event_source.exchange import Exchange
from sandbox.services.event_source.lag import OffsetLag
from sandbox.services.event_source.on_failure import (
    DeliveryError,
    Destination,
    InvocationRecords,
    object_key,
)
from sandbox.services.event_source.poller import Poller
from sandbox.services.event_source.response import BatchVerdict, verdict
from sandbox.services.event_source.settings import EventSourceSettings
from sandbox.services.lambda_runtime import Invocation
from sandbox.services.lambda_runtime.environment import function_arn

_DEFAULTS = EventSourceSettings()


class Function(Protocol):
    """Function that is invoked, from several threads at a time."""

    def invoke(self, event: bytes) -> Invocation: ...


class EventSourceError(RuntimeError):
    """A thread of the event source has died; nothing is polled or invoked any more."""


class EventSource:
    """Polls `topic` as consumer group `group` and invokes `function` while it is entered.

    What it gives up goes to `on_failure`, which names the function `function_name`. `uuid` is the
    mapping's: the same whenever the same group reads the same topic.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        topic: str,
        group: str,
        function: Function,
        settings: EventSourceSettings = _DEFAULTS,
        region: str = "us-east-1",
        on_failure: Destination | None = None,
        function_name: str = "processor",
    ) -> None:
        self.topic, self.group = topic, group
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{bootstrap}/{topic}/{group}"))
        self._frame = EventFrame(topic, bootstrap, region)
        self._function = function
        self._partial = settings.report_batch_item_failures
        self._on_failure = on_failure
        self._records = InvocationRecords(self._frame, function_arn(function_name, region))
        backlog = Backlog(
            self._frame,
            settings,
            has_destination=on_failure is not None,
            wall_at_zero=time.time() - time.monotonic(),
        )
        self._exchange = Exchange(backlog)
        self._poller = Poller(bootstrap, topic, group, self._exchange, omit_null=settings.omit_null)
        self._lag = OffsetLag(bootstrap, topic, group)
        self._death: BaseException | None = None
        self.last_error: str | None = None
        """why the latest failed invocation failed"""
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"{topic} {work.__name__}")
            for work in [self._poller.run, *[self._work] * settings.concurrency]
        ]

    @property
    def counters(self) -> Counters:
        """Return the counts so far."""
        return self._exchange.counters

    def metrics(self) -> dict[str, int]:
        """Return the metrics of the mapping `uuid` as CloudWatch would show them, by the service's
        names.

        The lag is left out while the broker cannot say it.
        """
        self._check()
        named = self.counters.metrics() | {"ProvisionedPollers": self._exchange.pollers}
        behind = self._lag.by_partition()
        if behind is None:
            return named
        lag = sum(behind.values())
        most = max(behind.values(), default=0)
        return named | {"OffsetLag": lag, "SumOffsetLag": lag, "MaxOffsetLag": most}

    def lag(self) -> int | None:
        """Records of the topic that are not committed yet; None while the broker cannot say."""
        self._check()
        return self._lag.records()

    def drain(self, timeout_s: float) -> bool:
        """Wait until every record of the topic is settled and committed; False if it is not."""
        end = time.monotonic() + timeout_s
        while not (self._exchange.idle and self.lag() == 0):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the invocations that are running; raises EventSourceError after a death."""
        self._exchange.stop()
        for thread in self._threads:
            thread.join()
        self._lag.close()
        self._check()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _work(self) -> None:
        while work := self._exchange.next_work():
            if isinstance(work, Discard):
                self._exchange.discarded(work, delivered=self._deliver(work))
            else:
                self._exchange.settle(work, self._invoke(work))

    def _invoke(self, batch: Batch) -> BatchVerdict:
        outcome = self._function.invoke(self._frame.event(batch.records))
        ended = verdict(outcome, self.topic, batch, partial=self._partial)
        self.last_error = ended.reason or self.last_error
        return ended

    def _deliver(self, discard: Discard) -> bool:
        assert self._on_failure is not None
        now = datetime.now(UTC)
        try:
            self._on_failure.put(
                object_key(self.uuid, self.topic, discard, now),
                self._records.record(discard, now),
            )
        except DeliveryError as error:
            self.last_error = str(error)
            return False
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept, and raised where it is noticed
            self._death = error
            self._exchange.stop()

    def _check(self) -> None:
        if self._death:
            raise EventSourceError(f"the event source of {self.topic} died") from self._death
