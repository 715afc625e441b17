"""Steer how many requests a second a side is sent: as many as it takes.

A side that asks for less is sent nine tenths of what it took lately, then slowly more until it asks
again. Once it has not asked for a while, it is sent quickly more. The rate is steered, not the
number in flight. A service that throttles answers so fast that even one request after the other may
be too many.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

CUT = 0.9
GROWTH_PER_S = 1.05
QUIET_S, QUIET_GROWTH_PER_S = 5.0, 2.0
YIELDING_CUT, YIELDING_GROWTH_PER_S, YIELDING_QUIET_S, YIELDING_SLOWEST = 0.5, 1.01, 15.0, 1.0
"""The numbers for a sweep. It takes what live hints leave, so it steps back further, and comes back
later."""

MOST_CUT = 0.5
"""A side that answered nothing for a moment, being paused, has not become that slow."""

CUT_EVERY_S = 0.5
"""How long after a cut no other cut is made: requests that were sent before it may still be
refused."""

SLOWEST = 10.0
FASTEST = 20_000.0
SLOWEST_OF_ANY = 1.0
"""Requests a second; at FASTEST nothing is held back. An operator can ask for SLOWEST_OF_ANY."""

LONGEST_WAIT_S = 1.0
SLOW_S = 0.1
FEW = 4.0
"""Answers that take longer than SLOW_S cut the rate, while more than FEW requests are in flight.
With fewer in flight it is not this process that keeps the side busy."""


class RateLimit:
    """One side's; safe to call from several threads. `yields`: to all that do not.

    `now` and `sleep` are a test's to replace.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        yields: bool = False,
    ) -> None:
        self._cut_to = YIELDING_CUT if yields else CUT
        self._growth = YIELDING_GROWTH_PER_S if yields else GROWTH_PER_S
        self._quiet_s = YIELDING_QUIET_S if yields else QUIET_S
        self._slowest = YIELDING_SLOWEST if yields else SLOWEST
        self.rate = FASTEST
        self.most = FASTEST
        """The most requests a second that an operator lets this process send, whatever the side
        takes."""
        self.throttled = 0
        """Answers so far that asked for less."""
        self._now, self._sleep = now, sleep
        self._next = self._grown_at = self._counted_from = now()
        self._cut_at = float("-inf")
        self._taken = 0
        self._latency = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Until the next request may be sent."""
        if min(self.rate, self.most) >= FASTEST:
            return
        with self._lock:
            now = self._now()
            self._grow(now)
            pause = self._next - now
            if self.most > self.rate:
                pause = min(pause, LONGEST_WAIT_S)
            # Jittered, so that workers that were refused together do not come back together.
            gap = random.uniform(0.5, 1.5) / min(self.rate, self.most)
            self._next = max(self._next, now) + gap
        if pause > 0:
            self._sleep(pause)

    def answered(self, latency_s: float, asks_for_less: bool) -> None:
        """A request was answered, or given up."""
        with self._lock:
            self._latency += 0.1 * (latency_s - self._latency)
            if asks_for_less:
                self.throttled += 1
                self._cut(self._cut_to)
                return
            self._taken += 1
            if self._latency > SLOW_S and self._latency * self._rate_taken() > FEW:
                self._cut(CUT)

    def _rate_taken(self) -> float:
        return self._taken / max(self._now() - self._counted_from, 0.001)

    def _cut(self, to: float) -> None:
        now = self._now()
        if now - self._cut_at < CUT_EVERY_S:
            return
        taken = max(self._rate_taken(), MOST_CUT * self.rate)
        self.rate = max(self._slowest, to * min(self.rate, taken))
        self._cut_at = self._grown_at = self._counted_from = now
        self._taken = 0

    def _grow(self, now: float) -> None:
        is_quiet = now - self._cut_at >= self._quiet_s
        growth = QUIET_GROWTH_PER_S if is_quiet else self._growth
        self.rate = min(FASTEST, self.rate * growth ** (now - self._grown_at))
        self._grown_at = now
