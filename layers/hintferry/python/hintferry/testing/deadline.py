"""Describe how long an invocation may still run."""

from __future__ import annotations

from hintferry.testing.clock import SimulatedTime


class FixedDeadline:
    """Always the same time left."""

    def __init__(self, seconds: float = 900.0) -> None:
        self._seconds = seconds

    def remaining(self) -> float:
        """Return the seconds left."""
        return self._seconds


class SimulatedDeadline:
    """An invocation that ends `seconds` of simulated time after it began."""

    def __init__(self, time: SimulatedTime, seconds: float) -> None:
        self._time = time
        self._ends_at = time.micros + round(seconds * 1e6)

    def remaining(self) -> float:
        """Seconds, negative once it should have ended."""
        return (self._ends_at - self._time.micros) / 1e6
