"""The machine's clock, and the read starts drawn from it."""

from __future__ import annotations

import random
import threading
import time

from hintferry.core.errors import ClockFault

LONGEST_WAIT_S = 1.0
"""A clock that was set back by more is not waited for within an invocation."""


class WallClock:
    """Wall time. Read starts never repeat in this process and seldom across processes."""

    def __init__(self) -> None:
        # The two lowest digits of each read start: two workers hardly ever share one.
        self._salt = random.SystemRandom().randrange(100)
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def read_start(self) -> int:
        """Microseconds since the epoch for a read that is sent next. Raises ClockFault.

        Never ahead of the clock: a read start ahead of its read would beat newer reads.
        """
        with self._lock:
            patience = time.monotonic() + LONGEST_WAIT_S
            while (start := self._latest()) <= self._last:
                if time.monotonic() > patience:
                    behind = (self._last - start) / 1e6
                    raise ClockFault(f"the clock was set back and is {behind:.1f} s behind")
                time.sleep(0.00005)
            self._last = start
            return start

    def _latest(self) -> int:
        now = time.time_ns() // 1000
        start = now - now % 100 + self._salt
        return start if start <= now else start - 100


class NoDeadline:
    """Nothing ends this process from outside."""

    def remaining(self) -> float:
        """Seconds."""
        return float("inf")
