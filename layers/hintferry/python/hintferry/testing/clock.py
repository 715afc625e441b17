"""Time that stands still until a test moves it, and workers' clocks that read it with an error."""

from __future__ import annotations

from hintferry.core.errors import ClockFault

EPOCH_US = 1_760_000_000_000_000
"""The start of simulated time: some day of 2025, in microseconds since the epoch."""

LONGEST_WAIT_US = 1_000_000


class SimulatedTime:
    """The true time, shared by everything in one simulated world."""

    def __init__(self, micros: int = EPOCH_US) -> None:
        self.micros = micros

    @property
    def seconds(self) -> int:
        """Whole seconds since the epoch, as a server counts TTLs."""
        return self.micros // 1_000_000

    def advance(self, micros: int) -> None:
        """Let time pass."""
        self.micros += micros


class ScriptedClock:
    """One worker's clock; `error_us` is how far it is ahead of the true time, and may be changed.

    `salt`: the two lowest digits of its read starts, so that no two workers share one.
    """

    def __init__(self, time: SimulatedTime, salt: int = 0, error_us: int = 0) -> None:
        self.time, self.salt, self.error_us = time, salt, error_us
        self._last = 0

    def now(self) -> float:
        """Seconds since the epoch, as this worker sees them."""
        return self.wall_us() / 1e6

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time.advance(round(seconds * 1e6))

    def wall_us(self) -> int:
        """Microseconds since the epoch, as this worker sees them."""
        return self.time.micros + self.error_us

    def steady_us(self) -> int:
        """Microseconds by a clock that is never set."""
        return self.time.micros

    def read_start(self, ahead_us: int = 0) -> int:
        """Microseconds, never ahead of this clock, never given out before. Raises ClockFault."""
        behind = self._last - self._latest(ahead_us)
        if behind > LONGEST_WAIT_US:
            raise ClockFault(f"the clock was set back and is {behind / 1e6:.1f} s behind")
        while self._latest(ahead_us) <= self._last:
            self.time.advance(100)
        self._last = self._latest(ahead_us)
        return self._last

    def _latest(self, ahead_us: int) -> int:
        now = self.wall_us() - ahead_us
        start = now - now % 100 + self.salt
        return start if start <= now else start - 100
