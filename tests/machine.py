"""How fast the machine is that the tests run on.

A virtual machine may be given much less of a processor than it believes it has, and cannot see it:
loads that overwhelm it then, or figures that it misses, say nothing of what is tested.
"""

from __future__ import annotations

import time

_ADDITIONS = 2_000_000
_PROMISED_S = 0.1
"""What they take on a machine that the promised figures are for."""

_TRIES = 3
_MOST = 5.0
"""A load that is smaller still would no longer hold all that it is to show."""


def slowness() -> float:
    """How many times longer a plain loop takes now than it should; from 1 to 5. Takes a second."""
    return min(_MOST, max(1.0, min(_loop_s() for _ in range(_TRIES)) / _PROMISED_S))


def _loop_s() -> float:
    began, total = time.perf_counter(), 0
    for number in range(_ADDITIONS):
        total += number
    return time.perf_counter() - began
