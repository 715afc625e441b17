"""Many driver requests in flight at once, never more than a window of them, at a side's pace.

The window also times requests out. A timer of the driver's for each request costs a seventh of all
that a request costs. And requests that were sent in order are due in order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from cassandra import OperationTimedOut

from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.driver.raw_rows import RawRow
from hintferry.core.limits import REQUEST_TIMEOUT_S

T = TypeVar("T")

ANSWERS_AT_ONCE, GATHERED_FOR_S = 32, 0.01
"""The driver's thread wakes the waiting one for so many answers, or for fewer after so many
seconds. To switch between the two for each answer costs more than all else that is done with it."""


class Answer(NamedTuple, Generic[T]):
    """The answer for one item: rows or the driver's error, and when it came (epoch seconds).

    `number` is the number of the item, `sent_at` when it was sent.
    """

    number: int
    item: T
    sent_at: float
    arrived_at: float
    rows: Sequence[RawRow]
    error: Exception | None


def in_flight(
    send: Callable[[T], Any], items: Iterable[T], rate_limit: RateLimit, width: int
) -> Iterator[Answer[T]]:
    """Send each item and yield its answer, in the order in which answers arrive.

    `send` starts a request without a timeout and returns the driver's ResponseFuture. Every item
    is answered by all pages of its answer, or by an error. Where the side is silent, or the last
    page is not there in time, the error is an OperationTimedOut.
    """
    window: _Window[T] = _Window(rate_limit)
    for number, item in enumerate(_paced(items, rate_limit)):
        sent_at = time.time()
        try:
            future = send(item)
        except Exception as error:  # noqa: BLE001 - the driver raises whatever it met on its way
            yield Answer(number, item, sent_at, time.time(), [], error)
            continue
        window.waits_for(future, number, item, sent_at)
        while len(window.waiting) >= width:
            window.gather()
            yield from window.arrived()
        yield from window.arrived()
    while window.waiting:
        window.gather()
        yield from window.arrived()


def _paced(items: Iterable[T], rate_limit: RateLimit) -> Iterator[T]:
    """Each item is taken only when it may be sent: what decides about it is then still true."""
    source = iter(items)
    while True:
        rate_limit.wait()
        try:
            yield next(source)
        except StopIteration:
            return


class _Sent(NamedTuple, Generic[T]):
    """An item that was sent, its future, when it was sent (epoch seconds), and when it is due.

    `due` is by the clock that is never set, and holds for all pages of the answer together.
    """

    item: T
    future: Any
    sent_at: float
    due: float


class _Window(Generic[T]):
    """The items that were sent and not answered yet by their numbers, the oldest first."""

    def __init__(self, rate_limit: RateLimit) -> None:
        self.waiting: dict[int, _Sent[T]] = {}
        self._rate_limit = rate_limit
        self._pages: dict[int, list[RawRow]] = {}
        """The rows of the pages of an answer so far, where its first page was not its last."""
        self._answers: deque[Answer[T]] = deque()
        self._enough: SimpleQueue[None] = SimpleQueue()

    def waits_for(self, future: Any, number: int, item: T, sent_at: float) -> None:
        """The future's answer will arrive."""
        due = time.monotonic() + REQUEST_TIMEOUT_S
        self.waiting[number] = _Sent(item, future, sent_at, due)
        sent = number, item, sent_at
        future.add_callbacks(self._served, self._failed, callback_args=sent, errback_args=sent)

    def gather(self) -> None:
        """Wait for answers: for many, for all that are missing, or for those of a short time."""
        while True:
            with suppress(Empty):
                self._enough.get(timeout=GATHERED_FOR_S)
            self._give_up()
            if self._answers:
                return

    def _give_up(self) -> None:
        """A timeout for whatever is overdue; an answer that comes later is not heard any more."""
        now = time.monotonic()
        for number, sent in self.waiting.items():
            if sent.due > now:
                return
            error = OperationTimedOut({"driver": f"no answer within {REQUEST_TIMEOUT_S:.0f} s"})
            self._answers.append(Answer(number, sent.item, sent.sent_at, time.time(), [], error))

    def arrived(self) -> Iterator[Answer[T]]:
        """Yield the answers that are there by now, and ask for the next page of the others.

        Only the last page tells what is not there: a side may cut a page as it likes.
        """
        while self._answers:
            answer = self._answers.popleft()
            sent = self.waiting.get(answer.number)
            if sent is None:
                continue
            if answer.error is None and sent.future.has_more_pages:
                self._pages.setdefault(answer.number, []).extend(answer.rows)
                self._turn_the_page(answer.number, sent)
                continue
            del self.waiting[answer.number]
            before = self._pages.pop(answer.number, None)
            if before is not None and answer.error is None:
                answer = answer._replace(rows=[*before, *answer.rows])
            yield answer

    def _turn_the_page(self, number: int, sent: _Sent[T]) -> None:
        self._rate_limit.wait()
        try:
            sent.future.start_fetching_next_page()
        except Exception as error:  # noqa: BLE001 - the driver raises whatever it met on its way
            self._failed(error, number, sent.item, sent.sent_at)

    def _served(self, rows: Sequence[RawRow] | None, number: int, item: T, sent_at: float) -> None:
        self._arrive(Answer(number, item, sent_at, time.time(), rows or [], None))

    def _failed(self, error: Exception, number: int, item: T, sent_at: float) -> None:
        self._arrive(Answer(number, item, sent_at, time.time(), [], error))

    def _arrive(self, answer: Answer[T]) -> None:
        self._answers.append(answer)
        is_enough = len(self._answers) >= min(ANSWERS_AT_ONCE, len(self.waiting))
        if is_enough and self._enough.empty():
            self._enough.put(None)
