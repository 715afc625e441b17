"""Batches that wait for their retry, and which records go into them. Pure.

The list is kept in an order in which no batch passes an earlier one of the same partition. What
fails goes to the front, before the later halves of the batch that it was split from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from sandbox.services.event_source.batch import Batch
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.settings import EventSourceSettings, PartialRetry


@dataclass(frozen=True, slots=True)
class WaitingBatch:
    """A batch that may be given again from `due` on (monotonic, seconds)."""

    due: float
    batch: Batch


class Retries:
    """The waiting batches of all partitions."""

    def __init__(self) -> None:
        self._waiting: list[WaitingBatch] = []

    def put(self, batches: Iterable[Batch], due: float) -> None:
        """Add batches, in their order, before all that wait."""
        self._waiting[:0] = [WaitingBatch(due, batch) for batch in batches]

    def remove(self, retry: WaitingBatch) -> None:
        """Take out a batch that is given again."""
        self._waiting.remove(retry)

    def free(self, busy: Set[int]) -> Iterator[WaitingBatch]:
        """Yield the retries that no `busy` partition and no earlier batch holds up."""
        held = set(busy)
        for retry in self._waiting:
            partitions = retry.batch.partitions
            if held.isdisjoint(partitions):
                yield retry
            held |= partitions


def records_again(
    batch: Batch, failed: Sequence[PolledRecord], reading: PartialRetry
) -> tuple[PolledRecord, ...]:
    """The records of `batch` that come again when the function names `failed`."""
    if reading is PartialRetry.FAILED_ONLY:
        return tuple(failed)
    first: dict[int, int] = {}
    for record in failed:
        first[record.partition] = min(record.offset, first.get(record.partition, record.offset))
    return tuple(
        record
        for record in batch.records
        if record.partition in first and record.offset >= first[record.partition]
    )


def batches_again(
    batch: Batch,
    records: tuple[PolledRecord, ...],
    *,
    function_error: bool,
    settings: EventSourceSettings,
    limit: int,
) -> tuple[Batch, ...]:
    """`batch` as it is given again with `records`: nothing once its retries are used up.

    Halves use up no retry: only a batch that cannot be split, or need not be, does.
    """
    invoked = replace(batch, records=records, invocations=batch.invocations + 1)
    if function_error and settings.bisect_batch_on_function_error and len(records) > 1:
        return invoked.halves()
    if 0 <= limit <= batch.attempt:
        return ()
    return (replace(invoked, attempt=batch.attempt + 1),)
