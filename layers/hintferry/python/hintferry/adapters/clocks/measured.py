"""A clock that knows how far it is from those of both sides.

The target compares what two workers write of one key by their read starts. So read starts have to
be times of one clock, the target's. A read start is the own time less the most by which the own
clock may be ahead of the target's. So it is never later than the read by the target's clock.
"""

from __future__ import annotations

import threading

from hintferry.core.clock_offset import Offset, Offsets
from hintferry.core.errors import HintferryError, SideFault
from hintferry.ports import OtherClocks, OwnClock

EVERY_S = 60.0
"""How often the clocks are compared while somebody reads. A clock that is not set goes wrong by
milliseconds in that time."""

AGAIN_S = 1.0
"""After a fault they are compared again no sooner."""

STEP_US = 2_000
"""Our clock was set if it moved by more against the one that is never set."""


class MeasuredClock:
    """Compares the clocks before the first read, each minute, and when the own clock was set."""

    def __init__(self, own: OwnClock, others: OtherClocks) -> None:
        self._own, self._others = own, others
        self._lock = threading.Lock()
        self._fault: HintferryError | None = None
        self._due_us: float = float("-inf")
        self._lead_us = 0
        self.offsets: Offsets | None = None
        """The offsets at the last comparison; each comparison makes another object."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._own.now()

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        self._own.sleep(seconds)

    def read_start(self) -> int:
        """Microseconds since the epoch by the target's clock, for a read that is sent next.

        Raises ClockFault, or SideFault where the target does not answer.
        """
        return self._own.read_start(self._ahead_us())

    def compare(self) -> Offsets:
        """Compare the clocks now. Raises SideFault where the target does not answer."""
        with self._lock:
            self._compare()
            if isinstance(self._fault, SideFault):
                raise self._fault
            assert self.offsets is not None
            return self.offsets

    def _ahead_us(self) -> int:
        with self._lock:
            if self._is_due():
                self._compare()
            if self._fault is not None:
                raise self._fault
            seen = self.offsets and self.offsets.target
            return seen.most_us if seen else 0

    def _is_due(self) -> bool:
        steady_us = self._own.steady_us()
        has_moved_us = self._own.wall_us() - steady_us - self._lead_us
        return steady_us >= self._due_us or abs(has_moved_us) > STEP_US

    def _compare(self) -> None:
        try:
            target = self._others.target()
            nodes = self._others.source()
        except SideFault as error:
            self._fault = error
        else:
            own = target or Offset(0, 0)
            self.offsets = Offsets(target, {node: own.less(one) for node, one in nodes.items()})
            self._fault = self.offsets.fault()
        steady_us = self._own.steady_us()
        self._lead_us = self._own.wall_us() - steady_us
        self._due_us = steady_us + 1e6 * (EVERY_S if self._fault is None else AGAIN_S)
