"""Compute until when something older than a fence can write, and the downtime."""

from __future__ import annotations

from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.ports import Fence


def fence_left_s(fence: Fence, now: float) -> float:
    """Return how long something older than the fence can still write, in seconds; 0: not at all."""
    return max(0.0, cutover_at(fence) - now)


def cutover_at(fence: Fence) -> float:
    """Return when nothing older than the fence can write any more (epoch s)."""
    return fence.set_at + CUTOVER_WAIT_S


def downtime(fence: Fence) -> float | None:
    """Return the seconds from the writers' stop to the cutover; None if the stop is unknown.

    An interruption of the cutover does not count: the time after it is the application's own.
    """
    return None if fence.stopped_at is None else cutover_at(fence) - fence.stopped_at
