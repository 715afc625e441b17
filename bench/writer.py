"""Write to a source at a steady rate, or as fast as the writes are followed, in a separate process.

Open loop: a write leaves when it is due, however long earlier ones take. Times are epoch seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from cassandra import ConsistencyLevel

from bench.loads import LoadShape, RecordKey, filled
from sandbox.parts.endpoints import CqlEndpoint
from sandbox.parts.launch import tie
from sandbox.sessions import cassandra_session

_LONGEST_S = 300.0
_LAST_ANSWER_S = 30.0
_PAUSE_S = 0.002
_ROWS = 1_000
"""The number of different rows of values; each key is new."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A write: when it was due, and when the source had acknowledged it."""

    due: float
    acked: float


@dataclass(frozen=True, slots=True)
class Writer:
    """`settled` counts the changes that were followed; the code that follows them adds to it."""

    pool: ProcessPoolExecutor
    settled: Synchronized[int]

    def steady(self, first: int, rate: float, seconds: float) -> dict[int, Sent]:
        """So many writes a second, numbered from `first` on; gives them by their number."""
        return self.pool.submit(_steady, first, rate, seconds).result(seconds + _LONGEST_S)

    def followed(self, first: int, under_way: int, seconds: float) -> dict[int, Sent]:
        """Writes with so many of all at most not settled yet."""
        return self.pool.submit(_followed, first, under_way, seconds).result(seconds + _LONGEST_S)


@contextmanager
def writer(source: CqlEndpoint, shape: LoadShape) -> Iterator[Writer]:
    """It is connected when this is entered."""
    spawning = multiprocessing.get_context("spawn")
    settled = spawning.Value("q", 0)
    with ProcessPoolExecutor(1, spawning, _begin, (source, shape, settled)) as pool:
        yield Writer(pool, settled)


def key_of_number(number: int) -> RecordKey:
    """The key of the row that this write makes."""
    return (f"key {number:09}",)


def number_of(key: RecordKey) -> int:
    """The other way round."""
    return int(str(key[0]).removeprefix("key "))


class _Writes:
    """Writes in flight and writes acknowledged."""

    def __init__(self) -> None:
        self.sent: dict[int, Sent] = {}
        self._errors: list[Exception] = []
        self._count = 0
        self._changed = threading.Condition()

    def write(self, number: int, due: float) -> None:
        values = (*key_of_number(number), *_values[number % _ROWS])
        self._count += 1
        _session.execute_async(_insert, values).add_callbacks(
            self._acked, self._failed, callback_args=(number, due)
        )

    def end(self) -> dict[int, Sent]:
        """Wait until all writes are acknowledged; return them. Raises a write's error."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._errors or len(self.sent) == self._count, _LAST_ANSWER_S
            )
        if self._errors or not done:
            # The driver's errors do not pass between processes.
            raise RuntimeError(
                f"{len(self.sent)} of {self._count} acknowledged: {self._errors[:1]}"
            )
        return self.sent

    def _acked(self, _: Any, number: int, due: float) -> None:
        with self._changed:
            self.sent[number] = Sent(due, time.time())
            self._changed.notify()

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._errors.append(error)
            self._changed.notify()


_session: Any
_insert: Any
_settled: Synchronized[int]
_values: list[tuple[Any, ...]]
_opened = ExitStack()
"""Closes with the process."""


def _begin(source: CqlEndpoint, shape: LoadShape, settled: Synchronized[int]) -> None:
    global _session, _insert, _settled, _values
    tie(os.getppid())
    _session = _opened.enter_context(cassandra_session(source))
    _insert = _session.prepare(shape.insert)
    _insert.consistency_level = ConsistencyLevel.LOCAL_QUORUM
    _settled = settled
    _values = filled(shape, [()] * _ROWS)


def _steady(first: int, rate: float, seconds: float) -> dict[int, Sent]:
    writes, began = _Writes(), time.time()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        time.sleep(max(0.0, due - time.time()))
        writes.write(first + number, due)
    return writes.end()


def _followed(first: int, under_way: int, seconds: float) -> dict[int, Sent]:
    writes, end, before = _Writes(), time.time() + seconds, _settled.value
    number = 0
    while (now := time.time()) < end:
        if number - (_settled.value - before) < under_way:
            writes.write(first + number, now)
            number += 1
        else:
            time.sleep(_PAUSE_S)
    return writes.end()
