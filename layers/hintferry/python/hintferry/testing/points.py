"""Named moments in a worker's life at which a test may step in.

A fake calls its hook at each of them. The hook may let other work run first (this worker is then
stalled), move the clock, or raise (this worker then dies there).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Point(Enum):
    """The points at which a worker can be stopped."""

    AFTER_DECODE = "after_decode"
    FENCES_READ = "fences_read"
    BEFORE_READ = "before_read"
    READ_STARTED = "read_started"
    REPLICA_ASKED = "replica_asked"
    ANSWERED = "answered"
    """The source's answer is on its way back."""

    AFTER_READ = "after_read"
    BEFORE_TARGET_READ = "before_target_read"
    BEFORE_WRITE = "before_write"
    AFTER_WRITE = "after_write"
    BEFORE_GIVE_BACK = "before_give_back"
    BEFORE_POSTPONE = "before_postpone"
    BEFORE_PARK = "before_park"
    BEFORE_ANSWER = "before_answer"


Hook = Callable[[Point], None]


def nowhere(_point: Point) -> None:
    """The hook that never steps in."""
