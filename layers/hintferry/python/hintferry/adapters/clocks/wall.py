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
        """Block for `seconds`."""
        time.sleep(seconds)

    def wall_us(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000

    def steady_us(self) -> int:
        """Microseconds by the clock that is never set."""
        return time.monotonic_ns() // 1000

    def read_start(self, ahead_us: int = 0) -> int:
        """Microseconds since the epoch, less `ahead_us`, for a read that is sent next.

        Never ahead of the clock: a read start ahead of its read would beat newer reads. Raises
        ClockFault.
        """
        with self._lock:
            patience = time.monotonic() + LONGEST_WAIT_S
            while (start := self._latest(ahead_us)) <= self._last:
                if time.monotonic() > patience:
                    behind = (self._last - start) / 1e6
                    raise ClockFault(f"the clock was set back and is {behind:.1f} s behind")
                time.sleep(0.00005)
            self._last = start
            return start

    def _latest(self, ahead_us: int) -> int:
        now = self.wall_us() - ahead_us
        start = now - now % 100 + self._salt
        return start if start <= now else start - 100


class NoDeadline:
    """Nothing ends this process from outside."""

    def remaining(self) -> float:
        """Return the seconds left."""
        return float("inf")
