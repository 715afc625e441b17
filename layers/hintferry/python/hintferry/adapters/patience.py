"""Since when keys have been timing out, although their side serves others.

One time-out says nothing of a key: a side that is busy lets any request wait. Only a key that has
timed out at each delivery for minutes is its own trouble.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

STUCK_AFTER_S = 300.0
MOST_KEYS = 10_000
"""More keys than that do not fail for reasons of their own."""


class Patience:
    """Remembers within this process, so a new one begins to wait anew."""

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}

    def is_over(self, key: Hashable) -> bool:
        """The key has timed out once more; whether that has gone on for too long."""
        if len(self._since) >= MOST_KEYS:
            self._since.clear()
        now = time.monotonic()
        return now - self._since.setdefault(key, now) > STUCK_AFTER_S

    def succeeded(self, key: Hashable) -> None:
        """The key was read."""
        if self._since:
            self._since.pop(key, None)
