"""The window of requests in flight: all are answered, in no more than so many at once, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import OperationTimedOut

from hintferry.adapters.driver import window
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.driver.window import in_flight

WIDTH = 8


class Future:
    """Stands for the driver's; `answer` is called from another thread, as the driver does.

    One with `after_s` answers by itself, no sooner than somebody waits for its answer.
    """

    has_more_pages = False

    def __init__(self, after_s: float | None = None) -> None:
        self.answer: Callable[[], None] = lambda: None
        self._after_s = after_s

    def add_callbacks(
        self, served: Any, _failed: Any, callback_args: Any = (), **_errback: Any
    ) -> None:
        self.answer = lambda: served([(b"row",)], *callback_args)
        if self._after_s is not None:
            threading.Timer(self._after_s, self.answer).start()


OVERDUE_S = 0.6
"""A hundred times what an answer takes here: on a machine that is busy none is overdue by it."""


@pytest.fixture
def _soon_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "REQUEST_TIMEOUT_S", OVERDUE_S)


def answering_later() -> Future:
    return Future(after_s=0.005)


def test_every_item_is_answered_and_no_more_than_the_width_is_out() -> None:
    out: list[int] = []
    handed_on = 0

    def send(item: int) -> Future:
        out.append(item)
        assert len(out) - handed_on <= WIDTH
        return answering_later()

    seen = []
    for answer in in_flight(send, range(100), RateLimit(), WIDTH):
        handed_on += 1
        seen.append(answer.item)
        assert answer.error is None
        assert list(answer.rows) == [(b"row",)]
    assert sorted(seen) == list(range(100))


def test_an_item_that_cannot_be_sent_is_answered_by_its_error() -> None:
    def send(item: int) -> Future:
        if item == 3:
            raise OSError("no route")
        return answering_later()

    errors = {one.item: one.error for one in in_flight(send, range(10), RateLimit(), WIDTH)}
    assert [item for item, error in errors.items() if error] == [3]


@pytest.mark.usefixtures("_soon_overdue")
def test_silence_becomes_a_timeout_and_what_comes_after_is_not_heard() -> None:
    silent = {0: Future(), 10: Future(), 20: Future()}

    def send(item: int) -> Future:
        return silent.get(item) or answering_later()

    began = time.monotonic()
    answers = []
    for answer in in_flight(send, range(30), RateLimit(), WIDTH):
        answers.append(answer)
        if isinstance(answer.error, OperationTimedOut):
            silent[answer.item].answer()
    assert time.monotonic() - began < 2.5 * OVERDUE_S, "the three are overdue together"
    assert sorted(one.item for one in answers) == list(range(30))
    assert [one.item for one in answers if one.error] == [0, 10, 20]
    assert all(one.arrived_at - one.sent_at >= 0.95 * OVERDUE_S for one in answers if one.error)


@pytest.mark.usefixtures("_soon_overdue")
def test_silence_is_noticed_while_others_go_on_answering() -> None:
    began = time.monotonic()
    given_up_after: list[float] = []

    def items() -> Iterator[int]:
        number = 0
        while time.monotonic() - began < 5 * OVERDUE_S and not given_up_after:
            yield number
            number += 1

    def send(item: int) -> Future:
        return answering_later() if item else Future()

    for answer in in_flight(send, items(), RateLimit(), WIDTH):
        if answer.error is not None:
            given_up_after.append(time.monotonic() - began)
    assert len(given_up_after) == 1
    assert given_up_after[0] < 4 * OVERDUE_S


@pytest.mark.usefixtures("_soon_overdue")
def test_a_side_that_falls_silent_altogether_costs_one_timeout_a_window() -> None:
    began = time.monotonic()
    answers = list(in_flight(lambda _item: Future(), range(2 * WIDTH), RateLimit(), WIDTH))
    assert len(answers) == 2 * WIDTH
    assert all(isinstance(one.error, OperationTimedOut) for one in answers)
    assert 2 * OVERDUE_S <= time.monotonic() - began < 5 * OVERDUE_S


class Paged:
    """Stands for the driver's future of a read whose answer has these pages, of rows or an error.

    A page stays open after the last one where the answer `never_ends`.
    """

    def __init__(self, *pages: list[bytes] | Exception, never_ends: bool = False) -> None:
        self._pages, self._never_ends = list(pages), never_ends
        self._answer: Callable[[list[bytes] | Exception], None] = lambda _: None

    @property
    def has_more_pages(self) -> bool:
        return bool(self._pages) or self._never_ends

    def add_callbacks(
        self, served: Any, failed: Any, callback_args: Any, errback_args: Any
    ) -> None:
        def answer(page: list[bytes] | Exception) -> None:
            if isinstance(page, Exception):
                failed(page, *errback_args)
            else:
                served([(one,) for one in page], *callback_args)

        self._answer = answer
        self.start_fetching_next_page()

    def start_fetching_next_page(self) -> None:
        page = self._pages.pop(0) if self._pages else []
        threading.Timer(0.002, self._answer, [page]).start()


SHORT: list[tuple[list[list[bytes]], list[bytes]]] = [
    ([[b"a"], [b"b", b"c"]], [b"a", b"b", b"c"]),
    ([[], [b"a"]], [b"a"]),
    ([[b"a"], [], [], [b"b"], []], [b"a", b"b"]),
    ([[], []], []),
]


@pytest.mark.parametrize(("pages", "rows"), SHORT)
def test_the_answer_is_whole_only_with_its_last_page(
    pages: list[list[bytes]], rows: list[bytes]
) -> None:
    answers = list(in_flight(lambda _: Paged(*pages), range(3 * WIDTH), RateLimit(), WIDTH))
    assert len(answers) == 3 * WIDTH
    assert all(list(one.rows) == [(row,) for row in rows] for one in answers)


def test_a_page_that_fails_takes_the_whole_answer_with_it() -> None:
    broken = OSError("gone")
    (answer,) = in_flight(lambda _: Paged([b"a"], broken), [0], RateLimit(), WIDTH)
    assert (answer.error, list(answer.rows)) == (broken, [])


@pytest.mark.usefixtures("_soon_overdue")
def test_an_answer_whose_pages_never_end_is_overdue_as_a_whole() -> None:
    began = time.monotonic()
    (answer,) = in_flight(lambda _: Paged([b"a"], never_ends=True), [0], RateLimit(), WIDTH)
    assert isinstance(answer.error, OperationTimedOut)
    assert list(answer.rows) == []
    assert time.monotonic() - began < 5 * OVERDUE_S


def test_no_more_than_the_width_is_out_while_pages_follow() -> None:
    out = 0

    def send(_item: int) -> Paged:
        nonlocal out
        out += 1
        assert out <= WIDTH
        return Paged([b"a"], [b"b"])

    for _ in in_flight(send, range(5 * WIDTH), RateLimit(), WIDTH):
        out -= 1
