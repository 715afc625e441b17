"""Records and backlogs for the tests of the rules: no Kafka, no threads, no clock."""

from __future__ import annotations

from typing import Any

from sandbox.services.event_source.backlog import Backlog
from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.settings import EventSourceSettings

FRAME = EventFrame("shop.orders", "127.0.0.1:9092", "us-east-1")


def record(
    partition: int, offset: int, *, at: float = 0.0, size: int = 100, written_ms: int = 0
) -> PolledRecord:
    return PolledRecord(partition, offset, b"{" + b"x" * (size - 2) + b"}", at, written_ms)


def backlog(partitions: int = 2, *, has_destination: bool = False, **settings: Any) -> Backlog:
    """A backlog whose clocks both begin at 0 and whose batches wait for nothing."""
    made = Backlog(
        FRAME,
        EventSourceSettings(**{"window_s": 0.0, **settings}),
        has_destination=has_destination,
    )
    made.assign(range(partitions))
    return made


def taken(log: Backlog, now: float = 1.0) -> Batch:
    batch = log.take(now)
    assert batch is not None
    return batch


def places(batch: Batch | None) -> list[tuple[int, int]]:
    assert batch is not None
    return [record.place for record in batch.records]


def named(batch: Batch, *places: tuple[int, int]) -> list[PolledRecord]:
    """The records of a batch at these places."""
    return [record for record in batch.records if record.place in places]
