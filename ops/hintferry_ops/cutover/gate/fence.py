"""What the fence means for time: until when something older can write, and the downtime."""

from __future__ import annotations

from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.ports import Fence


def fence_left_s(fence: Fence, now: float) -> float:
    """How long something older than the fence can still write; 0 when nothing can."""
    return max(0.0, cutover_at(fence) - now)


def cutover_at(fence: Fence) -> float:
    """When nothing older than the fence can write any more."""
    return fence.set_at + CUTOVER_WAIT_S


def downtime(fence: Fence) -> float | None:
    """Seconds from the stop of the writers to the cut-over, where the stop is known.

    However often a cut-over was interrupted: what was later is the application's own time.
    """
    return None if fence.stopped_at is None else cutover_at(fence) - fence.stopped_at
