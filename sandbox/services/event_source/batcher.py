"""Cuts batches from the records that wait: how many, how large, when, and which never.

Pure; holds no state between calls. Knows nothing of retries, offsets or who invokes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sandbox.services.event_source.batch import PAYLOAD_LIMIT_BYTES, Batch, EventFrame
from sandbox.services.event_source.discard import DiscardReason
from sandbox.services.event_source.partition import Partition, size
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.settings import EventSourceSettings


class Batcher:
    """The rules of one event source.

    `wall_at_zero` is what the wall clock shows (epoch, seconds) when the monotonic one shows 0.
    """

    def __init__(
        self, frame: EventFrame, settings: EventSourceSettings, wall_at_zero: float
    ) -> None:
        self._settings, self._wall_at_zero = settings, wall_at_zero
        self._overhead = len(frame.partition_head(1_000_000)) + 2
        self._room = PAYLOAD_LIMIT_BYTES - len(frame.head) - 2

    def due_at(self, ready: Sequence[Partition]) -> float:
        """Return when a batch of these partitions is due: 0 if full, else its window's end."""
        if (
            sum(len(partition.pending) for partition in ready) >= self._settings.batch_size
            or sum(partition.pending_bytes for partition in ready) >= self._room
        ):
            return 0.0
        return _oldest(ready) + self._settings.window_s

    def urgency(self, ready: Sequence[Partition]) -> tuple[float, float]:
        """Return the urgency: of two batches, the one with the smaller goes first."""
        return self.due_at(ready), _oldest(ready)

    def fill(self, ready: Iterable[Partition], now: float) -> tuple[PolledRecord, ...]:
        """Take the records of one batch, those of the partition that waits longest first."""
        chosen: list[PolledRecord] = []
        room = self._room
        for partition in sorted(ready, key=lambda partition: partition.pending[0].polled_at):
            taken = partition.take(
                self._settings.batch_size - len(chosen),
                room - self._overhead,
                lambda record: self.hopeless(record, now) is None,
            )
            room -= sum(map(size, taken)) + self._overhead
            chosen += taken
        return tuple(chosen)

    def take_hopeless(
        self, partition: Partition, now: float
    ) -> tuple[DiscardReason, tuple[PolledRecord, ...]] | None:
        """Take the records at the head that can never be given to the function, and why.

        What is too large goes alone; what is too old goes in batches like any other.
        """
        condition = self.hopeless(partition.pending[0], now)
        if condition is None:
            return None
        if condition is DiscardReason.SIZE:
            return condition, (partition.take_head(),)
        taken = partition.take(
            self._settings.batch_size,
            self._room - self._overhead,
            lambda record: self.hopeless(record, now) is condition,
        )
        return condition, tuple(taken)

    def by_age(
        self, batch: Batch, now: float
    ) -> tuple[tuple[PolledRecord, ...], tuple[PolledRecord, ...]]:
        """The records of a batch that may still be given to the function, and the others."""
        old = tuple(record for record in batch.records if self.hopeless(record, now))
        young = tuple(record for record in batch.records if not self.hopeless(record, now))
        return young, old

    def hopeless(self, record: PolledRecord, now: float) -> DiscardReason | None:
        """Return the reason why the record can never be given to the function, if so."""
        if size(record) > self._room - self._overhead:
            return DiscardReason.SIZE
        age = self._settings.maximum_record_age_s
        if age != -1 and now + self._wall_at_zero - record.timestamp_ms / 1000 > age:
            return DiscardReason.AGE
        return None


def _oldest(ready: Iterable[Partition]) -> float:
    return min(partition.pending[0].polled_at for partition in ready)
