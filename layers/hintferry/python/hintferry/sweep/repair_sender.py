"""Hints of what a sweep found unequal, sent to where the pipeline takes them up, at a rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hintferry.core.hint import Hint
from hintferry.core.work import Later
from hintferry.ports import Clock, ReplayQueue

AT_ONCE = 10
"""Hints of one call: as many as the queue takes."""


@dataclass(frozen=True, slots=True)
class RepairSender:
    """`rate` tells how many hints a second are sent at most now, so that live ones do not wait."""

    queue: ReplayQueue
    clock: Clock
    rate: Callable[[], float]

    def send(self, hints: Sequence[Hint]) -> None:
        """Send them all. Raises HintferryError; what was sent by then may be sent again."""
        for first in range(0, len(hints), AT_ONCE):
            some = hints[first : first + AT_ONCE]
            for error in self.queue.send([Later(hint, 0) for hint in some]):
                if error is not None:
                    raise error
            self.clock.sleep(len(some) / self.rate())
