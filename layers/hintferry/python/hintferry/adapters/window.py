"""Many driver requests in flight at once, never more than a window of them, at a side's pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from cassandra import OperationTimedOut

from hintferry.adapters.pace import Pace
from hintferry.adapters.rawcql import RawRow

T = TypeVar("T")

LOST_AFTER_S = 15.0
"""Longer than any request timeout: past it the driver has lost track of a request."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came back for one item: rows or the driver's error, and when (epoch seconds).

    `sent_at`: when it was sent.
    """

    item: T
    rows: Sequence[RawRow]
    error: Exception | None
    arrived_at: float
    sent_at: float


def in_flight(
    send: Callable[[T], Any], items: Iterable[T], pace: Pace, width: int
) -> Iterator[Answer[T]]:
    """Send each item and yield its answer, in the order in which answers arrive.

    `send` starts a request and returns the driver's ResponseFuture. Every item is answered, one
    that the driver lost track of by a time-out of ours.
    """
    answers: SimpleQueue[tuple[int, Answer[T]]] = SimpleQueue()
    waiting: dict[int, tuple[T, float]] = {}
    for number, item in enumerate(_paced(items, pace)):
        sent_at = time.time()
        try:
            future = send(item)
        except Exception as error:  # noqa: BLE001 - the driver raises whatever it met on its way
            yield Answer(item, [], error, time.time(), sent_at)
            continue
        waiting[number] = item, sent_at
        future.add_callbacks(
            callback=lambda rows, number=number, item=item, sent_at=sent_at: answers.put(
                (number, Answer(item, rows or [], None, time.time(), sent_at))
            ),
            errback=lambda error, number=number, item=item, sent_at=sent_at: answers.put(
                (number, Answer(item, [], error, time.time(), sent_at))
            ),
        )
        while len(waiting) >= width or (waiting and not answers.empty()):
            yield from _next(answers, waiting)
    while waiting:
        yield from _next(answers, waiting)


def _paced(items: Iterable[T], pace: Pace) -> Iterator[T]:
    """Each item is taken only when it may be sent: what decides about it is then still true."""
    source = iter(items)
    while True:
        pace.wait()
        try:
            yield next(source)
        except StopIteration:
            return


def _next(
    answers: SimpleQueue[tuple[int, Answer[T]]], waiting: dict[int, tuple[T, float]]
) -> Iterator[Answer[T]]:
    try:
        number, answer = answers.get(timeout=LOST_AFTER_S)
    except Empty:
        lost = OperationTimedOut({"driver": "no answer and no time-out from the driver"})
        yield from (Answer(item, [], lost, time.time(), sent) for item, sent in waiting.values())
        waiting.clear()
        return
    if waiting.pop(number, None) is not None:
        yield answer
