"""A side that asks for less is sent what it takes: hardly less, and hardly ever more."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest

from hintferry.adapters.driver.rate_limit import FEW, SLOW_S, SLOWEST, RateLimit

SETTLING_S, RUN_S = 15.0, 60.0
AT_ONCE = 16


class Bucket:
    """A service with a hard throttle: `rate` requests a second, and a second's worth saved up."""

    def __init__(self, rate: float) -> None:
        self.rate, self._tokens, self._at = rate, rate, 0.0

    def takes(self, at: float) -> bool:
        self._tokens = min(self.rate, self._tokens + max(0.0, at - self._at) * self.rate)
        self._at = max(at, self._at)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Sender:
    """A worker that always has more to send, up to AT_ONCE requests at a time."""

    def __init__(self, *, yields: bool = False) -> None:
        self.now, self.taken = 0.0, 0
        self.rate_limit = RateLimit(now=lambda: self.now, sleep=self.sleep, yields=yields)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(
    workers: int | list[Sender], answer: Callable[[float], tuple[float, bool]]
) -> list[tuple[float, bool]]:
    """(time, whether it asked for less) of each answer, after the settling time."""
    senders = [Sender() for _ in range(workers)] if isinstance(workers, int) else workers
    free = [(0.0, number) for number in range(len(senders))]
    seen = []
    while free[0][0] < RUN_S:
        at, number = heapq.heappop(free)
        sender = senders[number]
        sender.now = at
        sender.rate_limit.wait()
        latency_s, asks_for_less = answer(sender.now)
        sender.rate_limit.answered(latency_s, asks_for_less)
        if sender.now > SETTLING_S:
            seen.append((sender.now, asks_for_less))
            sender.taken += not asks_for_less
        heapq.heappush(free, (sender.now + latency_s / AT_ONCE, number))
    return seen


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("rate", [50, 200, 1000])
def test_under_a_hard_throttle_nearly_all_is_used_and_hardly_anything_refused(
    rate: int, workers: int
) -> None:
    random.seed(rate)
    bucket = Bucket(rate)
    seen = run(workers, lambda at: (0.003, not bucket.takes(at)))
    refused = sum(asks_for_less for _, asks_for_less in seen)
    accepted = len(seen) - refused
    assert accepted >= 0.9 * rate * (RUN_S - SETTLING_S)
    assert refused < 0.05 * len(seen)


def test_a_side_that_asks_for_nothing_is_not_held_back() -> None:
    seen = run(1, lambda at: (0.001, False))
    assert len(seen) > 0.9 * AT_ONCE * 1000 * (RUN_S - SETTLING_S)


def test_a_side_that_slows_down_under_our_load_is_sent_less_until_it_is_quick_again() -> None:
    """The side's answers take longer under load: 5 ms at 100 a second, 20 s at 400."""
    sender = Sender()

    def latency() -> float:
        return (
            min(20.0, 0.005 * (sender.rate_limit.rate / 100) ** 6)
            if sender.rate_limit.rate < 400
            else 20.0
        )

    late = []
    while sender.now < RUN_S:
        sender.rate_limit.wait()
        taken = latency()
        sender.rate_limit.answered(taken, False)
        sender.now += 0.0005
        if sender.now > SETTLING_S:
            late.append(taken)
    assert sorted(late)[len(late) // 2] < 2 * SLOW_S


def test_a_side_that_is_slow_whatever_we_send_is_not_starved() -> None:
    """A few requests in flight are never too many."""
    seen = run(1, lambda at: (1.0, False))
    assert len(seen) / (RUN_S - SETTLING_S) > 0.8 * FEW


def test_the_pace_recovers_soon_when_the_throttle_is_gone() -> None:
    sender = Sender()
    for _ in range(100):
        sender.rate_limit.wait()
        sender.rate_limit.answered(0.001, True)
        sender.now += 1
    assert sender.rate_limit.rate <= 2 * SLOWEST
    gone_at = sender.now
    while sender.rate_limit.rate < 1_000:
        sender.rate_limit.wait()
        sender.rate_limit.answered(0.001, False)
    assert sender.now - gone_at < 15


def test_a_side_that_answers_nothing_for_a_moment_is_soon_sent_as_much_as_before() -> None:
    """A window of requests times out at once, and then it serves again."""
    sender = Sender()
    for _ in range(2_000):
        sender.rate_limit.wait()
        sender.rate_limit.answered(0.001, False)
        sender.now += 0.001
    sender.now += 5
    for _ in range(48):
        sender.rate_limit.answered(5.0, True)
    assert sender.rate_limit.rate > 1_000


@pytest.mark.parametrize("rate", [100, 200, 1000])
def test_a_sweep_takes_what_live_hints_leave(rate: int) -> None:
    """Four of its workers beside two of the processor's, all of which would take everything."""
    random.seed(rate)
    live, sweeps = [Sender() for _ in range(2)], [Sender(yields=True) for _ in range(4)]
    bucket = Bucket(rate)
    run([*live, *sweeps], lambda at: (0.003, not bucket.takes(at)))
    per_worker = [sum(one.taken for one in some) / len(some) for some in (live, sweeps)]
    assert sum(one.taken for one in [*live, *sweeps]) >= 0.9 * rate * (RUN_S - SETTLING_S)
    assert per_worker[1] <= 0.25 * per_worker[0], per_worker


def test_a_sweep_that_is_alone_takes_everything() -> None:
    random.seed(3)
    bucket = Bucket(1_000)
    seen = run([Sender(yields=True)], lambda at: (0.003, not bucket.takes(at)))
    assert sum(not asks for _, asks in seen) >= 0.7 * 1_000 * (RUN_S - SETTLING_S)
