"""The target port over one store: one worker's writes, and the answers it gets for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from random import Random

from hintferry.core.errors import (
    HintferryError,
    LateAnswer,
    LeaseLost,
    Side,
    StaleRead,
    Throttled,
    Unavailable,
    Unrepresentable,
)
from hintferry.core.hint import Slice
from hintferry.core.limits import COUNTED_WITHIN_S
from hintferry.core.rows import Add, Extend, Put, Remove, Row, Statement
from hintferry.core.schema import Column, Key, Table
from hintferry.ports import Write
from hintferry.testing import changes
from hintferry.testing.partition import PartitionState
from hintferry.testing.points import Hook, Point, nowhere
from hintferry.testing.store import MemoryStore


class Fate(Enum):
    """The fate of a statement, and what its sender hears."""

    WRITTEN = "written"
    THROTTLED = "throttled, not written"
    UNAVAILABLE = "refused by the whole side, not written"
    UNREPRESENTABLE = "refused for what it is"
    TIMED_OUT_WRITTEN = "timeout, though it was written"
    TIMED_OUT_LATE = "timeout, and it arrives later"
    TIMED_OUT_LOST = "timeout, and it never arrives"


_ERRORS: dict[Fate, HintferryError] = {
    Fate.THROTTLED: Throttled(Side.TARGET, "asked for less"),
    Fate.UNAVAILABLE: Unavailable(Side.TARGET, "down"),
    Fate.UNREPRESENTABLE: Unrepresentable("target refuses it: the row is too large"),
    Fate.TIMED_OUT_WRITTEN: Unavailable(Side.TARGET, "no answer in time"),
    Fate.TIMED_OUT_LATE: Unavailable(Side.TARGET, "no answer in time"),
    Fate.TIMED_OUT_LOST: Unavailable(Side.TARGET, "no answer in time"),
}

_WRITTEN = (Fate.WRITTEN, Fate.TIMED_OUT_WRITTEN)

Answers = Callable[[Write, Statement], Fate]


def always_written(_write: Write, _statement: Statement) -> Fate:
    """A target without faults."""
    return Fate.WRITTEN


class MemoryTarget:
    """Writes one statement at a time; `late` holds those that timed out and are still to arrive.

    `now` is the clock of the worker that writes.
    """

    def __init__(
        self,
        store: MemoryStore,
        hook: Hook = nowhere,
        answers: Answers = always_written,
        random: Random | None = None,
        writes_in_flight: int = 3,
        late: list[tuple[Write, Statement]] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.store = store
        self._now = now or (lambda: store.time.micros / 1e6)
        self.late = late if late is not None else []
        self._hook, self._answers = hook, answers
        self._random = random or Random(0)
        self._in_flight = writes_in_flight

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        """Write many partitions, some of them together."""
        remaining = iter(writes)
        while sent := list(islice(remaining, self._random.randint(1, self._in_flight))):
            self._random.shuffle(sent)
            yield from [(write, self._carry_out(write)) for write in sent]

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        """The rows of a slice, a page at a time."""
        self._hook(Point.BEFORE_TARGET_READ)
        rows = iter(self.store.rows(table, partition, part).items())
        while page := dict(islice(rows, self._random.randint(1, 3))):
            yield page
            self._hook(Point.BEFORE_TARGET_READ)

    def written_us(self, table: Table, partition: Key, clustering: Key) -> int | None:
        """When the newest cell of the row was written that tells it, or None."""
        self._hook(Point.BEFORE_TARGET_READ)
        state = self.store.partition(table.id, partition).row(clustering)
        return state.written_us(_datable(table), self.store.time.seconds)

    def arrive(self, write: Write, statement: Statement) -> None:
        """Carry out one statement now."""
        self.store.apply(write.table.id, write.work.partition, self._change(write, statement))

    def _carry_out(self, write: Write) -> HintferryError | None:
        failure: HintferryError | None = None
        for statement in write.statements:
            self._hook(Point.BEFORE_WRITE)
            sent_at = self._now()
            if sent_at > write.write_until:
                return failure or LeaseLost("the lease ran out before the counters were written")
            seconds = self._seconds_left(statement)
            if seconds is not None:
                if seconds <= 0:
                    return failure or StaleRead("it expired on its way")
                self.store.seconds_sent[id(statement)] = seconds
            answer = self._answers(write, statement)
            if answer in _WRITTEN:
                self.arrive(write, statement)
            elif answer is Fate.TIMED_OUT_LATE:
                self.late.append((write, statement))
            fault = _ERRORS.get(answer)
            failure = (fault or failure) if isinstance(failure, LateAnswer) else failure or fault
            self._hook(Point.AFTER_WRITE)
            if seconds is not None and self._now() - sent_at > COUNTED_WITHIN_S:
                failure = failure or LateAnswer("target: it answered too late")
        return failure

    def _seconds_left(self, statement: Statement) -> int | None:
        """To live, counted as it is sent."""
        if not isinstance(statement, Put | Extend) or statement.expires_at is None:
            return None
        return statement.expires_at - int(self._now())

    def _change(self, write: Write, statement: Statement) -> PartitionState:
        if isinstance(statement, Add):
            deltas = map(_number, statement.values)
            named = dict(zip(statement.columns, deltas, strict=True))
            return changes.add(statement.clustering, named, self.store.time.micros)
        if isinstance(statement, Remove):
            # The timestamps of a counter table are the server's own.
            is_counter = write.table.is_counter
            timestamp = self.store.time.micros if is_counter else statement.timestamp
            return changes.remove_row(statement.clustering, timestamp)
        expires_at = statement.expires_at
        if expires_at is not None and id(statement) in self.store.seconds_sent:
            # Its seconds to live count from now on, however long it was on its way.
            expires_at = self.store.time.seconds + self.store.seconds_sent[id(statement)]
        if isinstance(statement, Extend):
            parts = zip(statement.columns, statement.values, strict=True)
            clustering, timestamp = statement.clustering, statement.timestamp
            return changes.extend(write.table, clustering, parts, timestamp, expires_at)
        return changes.put(
            write.table,
            statement.clustering,
            dict(zip(statement.columns, statement.values, strict=True)),
            statement.timestamp,
            expires_at,
            creates_row=statement.creates_row,
        )


def _datable(table: Table) -> tuple[Column, ...]:
    return () if table.is_counter else table.regulars


def _number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", signed=True)
