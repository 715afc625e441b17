"""Keep the records that are polled and not settled, and cut batches from them by rule.

Owns order, batching, retries, what is given up, and which offsets may be committed. Pure: no Kafka,
no threads, no clock; every method that needs the time is given it (monotonic, seconds).

A partition has at most one batch in flight, one that waits for its retry included. A batch is due
when it is full by number or size, or when its oldest record has waited for the window. An offset
moves only over records that are done or delivered. Assignment is eager: a rebalance takes
everything away and begins a new epoch. What the function had in hand then moves no offset any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.batcher import Batcher
from sandbox.services.event_source.counters import Counters
from sandbox.services.event_source.discard import Discard, DiscardReason
from sandbox.services.event_source.partition import Partition
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.retries import (
    Retries,
    WaitingBatch,
    batches_again,
    records_again,
)
from sandbox.services.event_source.settings import INVOCATIONS_A_POLLER, EventSourceSettings


class Backlog:
    """The unsettled records of the assigned partitions of one topic.

    `wall_at_zero` is what the wall clock shows (epoch, seconds) when the monotonic one shows 0.
    """

    def __init__(
        self,
        frame: EventFrame,
        settings: EventSourceSettings,
        *,
        has_destination: bool = False,
        wall_at_zero: float = 0.0,
    ) -> None:
        self._settings, self._has_destination = settings, has_destination
        self._retry_limit = settings.retry_limit(has_destination=has_destination)
        self._batcher = Batcher(frame, settings, wall_at_zero)
        self._counters = Counters()
        self._long = max(2 * settings.batch_size, 2000)
        self._partitions: dict[int, Partition] = {}
        self._retries = Retries()
        self._discards: deque[Discard] = deque()
        self._epoch = 0
        self._working = 0
        self._in_flight: Counter[int] = Counter()
        self.pollers = 0
        """How many pollers share the assigned partitions."""

    @property
    def counters(self) -> Counters:
        """Return the counts so far, and what is in flight now."""
        in_flight = sum(len(partition.hand) for partition in self._partitions.values())
        return replace(self._counters, in_flight=in_flight)

    @property
    def working(self) -> int:
        """Return the number of batches in the function or on their way to it."""
        return self._working

    @property
    def idle(self) -> bool:
        """Return whether everything that was polled is settled."""
        return not self._working and not any(
            partition.hand or partition.pending for partition in self._partitions.values()
        )

    def assign(self, numbers: Iterable[int]) -> None:
        """Begin with these partitions."""
        self._partitions = {number: Partition() for number in numbers}
        self.pollers = self._settings.poller_count(len(self._partitions))

    def revoke(self) -> None:
        """Forget every partition."""
        self._partitions, self._retries, self._discards = {}, Retries(), deque()
        self._in_flight, self.pollers = Counter(), 0
        self._epoch += 1

    def add(self, records: Iterable[PolledRecord]) -> None:
        """Add the records that were polled, in the order of each partition."""
        for record in records:
            if partition := self._partitions.get(record.partition):
                partition.add(record)
                self._counters.polled += 1

    def due_at(self) -> float | None:
        """Return the time of the next work: a time in the past means now, None means not yet."""
        times = [0.0] if self._discards else []
        times += [retry.due for retry in self._free_retries()]
        times += [self._batcher.due_at(ready) for ready in self._ready().values()]
        return min(times, default=None)

    def take(self, now: float) -> Batch | None:
        """A batch that is due, retries first; its partitions are held until it is settled."""
        batch = self._due_retry(now) or self._new_batch(now)
        if batch:
            self._working += 1
            self._in_flight[batch.poller] += 1
            self._occupy(batch, busy=True)
            self._counters.invocations += 1
            self._counters.invoked += len(batch.records)
        return batch

    def settle(
        self,
        batch: Batch,
        failed: Sequence[PolledRecord],
        now: float,
        *,
        function_error: bool = False,
        request_id: str = "",
    ) -> None:
        """End one invocation of `batch`, in which `failed` failed."""
        self._working -= 1
        self._counters.failed += len(failed)
        if failed and len(failed) == len(batch.records):
            self._counters.invoke_errors += 1
        if batch.epoch != self._epoch:
            return
        self._in_flight[batch.poller] -= 1
        self._occupy(batch, busy=False)
        settings = self._settings
        records = records_again(batch, failed, settings.partial_retry)
        places = {record.place for record in records}
        self._done(record for record in batch.records if record.place not in places)
        if not records:
            return
        again = batches_again(
            batch,
            records,
            function_error=function_error,
            settings=settings,
            limit=self._retry_limit,
        )
        self._retries.put(again, now + settings.backoff_s(batch.attempt))
        if not again:
            given_up = replace(batch, records=records, invocations=batch.invocations + 1)
            self._give_up(Discard(DiscardReason.RETRIES, given_up, request_id, function_error))

    def next_discard(self) -> Discard | None:
        """The next batch to deliver to the destination; its partitions are held until then."""
        if not self._discards:
            return None
        self._working += 1
        return self._discards.popleft()

    def discarded(self, discard: Discard, *, delivered: bool) -> None:
        """Finish the delivery of what `next_discard` gave."""
        self._working -= 1
        if not delivered:
            self._counters.delivery_errors += 1
        self._let_go(discard.batch, delivered=delivered)

    def commits(self) -> dict[int, int]:
        """The offset to commit of each partition that has moved since the last call."""
        moved: dict[int, int] = {}
        for number, partition in self._partitions.items():
            if partition.done is not None and partition.done != partition.committed:
                moved[number] = partition.committed = partition.done
        return moved

    def commit_failed(self) -> None:
        """Let the next `commits` name every offset again."""
        self._counters.commit_errors += 1
        for partition in self._partitions.values():
            partition.committed = None

    def polling_failed(self) -> None:
        """Count an error of the consumer."""
        self._counters.polling_errors += 1

    def to_pause(self) -> list[int]:
        """Partitions that have become so long that fetching them should stop."""
        return self._switch(
            lambda partition: not partition.paused and partition.is_long(self._long), paused=True
        )

    def to_resume(self) -> list[int]:
        """Paused partitions that have become short enough again."""
        return self._switch(
            lambda partition: partition.paused and not partition.is_long(self._long // 2),
            paused=False,
        )

    def _ready(self) -> dict[int, list[Partition]]:
        """Partitions of which a batch may be cut, by their poller."""
        ready: defaultdict[int, list[Partition]] = defaultdict(list)
        for number, partition in self._partitions.items():
            if partition.ready and self._has_room(poller := number % self.pollers):
                ready[poller].append(partition)
        return ready

    def _has_room(self, poller: int) -> bool:
        return self._in_flight[poller] < INVOCATIONS_A_POLLER

    def _free_retries(self) -> Iterator[WaitingBatch]:
        busy = {number for number, partition in self._partitions.items() if partition.busy}
        return (r for r in self._retries.free(busy) if self._has_room(r.batch.poller))

    def _due_retry(self, now: float) -> Batch | None:
        while retry := next((r for r in self._free_retries() if r.due <= now), None):
            self._retries.remove(retry)
            young, old = self._batcher.by_age(retry.batch, now)
            if not old:
                return retry.batch
            if young:
                self._retries.put([replace(retry.batch, records=young)], now)
            self._give_up(Discard(DiscardReason.AGE, replace(retry.batch, records=old)))
        return None

    def _new_batch(self, now: float) -> Batch | None:
        self._give_up_hopeless(now)
        poller, ready = min(
            self._ready().items(),
            key=lambda item: self._batcher.urgency(item[1]),
            default=(0, []),
        )
        if not ready or self._batcher.due_at(ready) > now:
            return None
        return Batch(self._batcher.fill(ready, now), self._epoch, poller=poller)

    def _give_up_hopeless(self, now: float) -> None:
        for number, partition in self._partitions.items():
            while partition.ready and (taken := self._batcher.take_hopeless(partition, now)):
                condition, records = taken
                batch = Batch(records, self._epoch, poller=number % self.pollers)
                self._give_up(Discard(condition, batch))

    def _give_up(self, discard: Discard) -> None:
        if self._has_destination:
            self._occupy(discard.batch, busy=True)
            self._discards.append(discard)
        else:
            self._let_go(discard.batch, delivered=False)

    def _let_go(self, batch: Batch, *, delivered: bool) -> None:
        if delivered:
            self._counters.delivered += len(batch.records)
        else:
            self._counters.dropped += len(batch.records)
        if batch.epoch == self._epoch:
            self._occupy(batch, busy=False)
            self._done(batch.records)

    def _occupy(self, batch: Batch, *, busy: bool) -> None:
        for number in batch.partitions:
            self._partitions[number].busy = busy

    def _done(self, records: Iterable[PolledRecord]) -> None:
        offsets: defaultdict[int, list[int]] = defaultdict(list)
        for record in records:
            offsets[record.partition].append(record.offset)
        for number, done in offsets.items():
            self._counters.committed += self._partitions[number].settle(done)

    def _switch(self, applies: Callable[[Partition], bool], *, paused: bool) -> list[int]:
        chosen = [number for number, part in self._partitions.items() if applies(part)]
        for number in chosen:
            self._partitions[number].paused = paused
        return chosen
