"""One assigned partition: what waits, what is in hand, how far it is done.

Pure. While anything is in hand nothing more is taken, so order is kept. In hand is what the
function works on, what waits for its retry, and what is given up but not delivered yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.services.event_source.records import PolledRecord

_LONG_BYTES = 24 * 1024 * 1024


@dataclass(slots=True)
class Partition:
    """Offsets count records; `done` is the offset to commit, None before anything was done.

    `busy` while the function works on a batch of it, or one is being delivered.
    """

    pending: deque[PolledRecord] = field(default_factory=deque)
    pending_bytes: int = 0
    hand: deque[int] = field(default_factory=deque)
    settled: set[int] = field(default_factory=set)
    done: int | None = None
    committed: int | None = None
    paused: bool = False
    busy: bool = False

    @property
    def ready(self) -> bool:
        """Return whether records wait that may be taken now."""
        return bool(self.pending) and not self.hand

    def add(self, record: PolledRecord) -> None:
        """Append a polled record."""
        self.pending.append(record)
        self.pending_bytes += size(record)

    def take(
        self, count: int, room: int, fits: Callable[[PolledRecord], bool]
    ) -> list[PolledRecord]:
        """Take up to `count` records that fit, and whose JSON with commas fits in `room` bytes."""
        taken: list[PolledRecord] = []
        while self.pending and len(taken) < count:
            record = self.pending[0]
            if size(record) > room or not fits(record):
                break
            room -= size(record)
            taken.append(self.take_head())
        return taken

    def take_head(self) -> PolledRecord:
        """Take the first record, whatever it is like."""
        record = self.pending.popleft()
        self.pending_bytes -= size(record)
        self.hand.append(record.offset)
        return record

    def settle(self, offsets: Iterable[int]) -> int:
        """These are done; gives by how many records the offset to commit moves."""
        self.settled.update(offsets)
        before = len(self.hand)
        while self.hand and self.hand[0] in self.settled:
            offset = self.hand.popleft()
            self.settled.remove(offset)
            self.done = offset + 1
        return before - len(self.hand)

    def is_long(self, records: int) -> bool:
        """Return whether more records, or more bytes, wait than are worth holding in memory."""
        return len(self.pending) >= records or self.pending_bytes >= _LONG_BYTES


def size(record: PolledRecord) -> int:
    """The bytes that a record takes in an event, its comma included."""
    return len(record.json) + 1
