"""Measure how fast the machine is that the tests run on.

A virtual machine may be given much less of a processor than it believes it has, and cannot see it:
loads that overwhelm it then, or figures that it misses, say nothing of what is tested.
"""

from __future__ import annotations

import time

_ADDITIONS = 2_000_000
_PROMISED_S = 0.1
"""The seconds of the loops on the machine of the promised results."""

_TRIES = 3
_MOST = 5.0
"""A load that is smaller still would no longer hold all that it is to show."""


def slowness() -> float:
    """Return how much longer a plain loop takes than it should: from 1 to 5. Takes 1 s."""
    return min(_MOST, max(1.0, min(_loop_s() for _ in range(_TRIES)) / _PROMISED_S))


def _loop_s() -> float:
    began, total = time.perf_counter(), 0
    for number in range(_ADDITIONS):
        total += number
    return time.perf_counter() - began
