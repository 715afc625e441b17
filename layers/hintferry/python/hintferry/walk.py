"""How a range of tokens is walked, past whatever is in the way.

A side that serves others but fails to read a range (too many tombstones) is asked for its halves,
down to single tokens; after a fault the walk goes on from where it had come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hintferry.core.errors import ClockFault, LeaseLost, Overwhelmed, SideFault, StaleRead
from hintferry.core.tokens import TokenRange
from hintferry.ports import Clock

ATTEMPTS = 6
FIRST_PAUSE_S = 0.5

PASSING = (SideFault, StaleRead, ClockFault, LeaseLost)
"""Errors after which the same may go well."""

Step = Callable[[TokenRange], Iterator[int]]
"""Walks a range; yields each token up to which, and with it, everything is done."""


def walk(
    part: TokenRange, step: Step, unread: Callable[[int], None], clock: Clock
) -> Iterator[None]:
    """Take the step over all of `part`; yields whenever some of it is done.

    `unread` is told of each token that a side fails to read. Raises HintferryError, a passing one
    only after several attempts without progress.
    """
    todo, failed = [part], 0
    while todo:
        rest = todo.pop()
        try:
            for token in step(rest):
                rest, failed = TokenRange(token, rest.upto), 0
                yield
        except Overwhelmed:
            if rest.width > 1:
                todo += reversed(rest.halves())
            else:
                unread(rest.upto)
        except PASSING:
            failed += 1
            if failed == ATTEMPTS:
                raise
            clock.sleep(FIRST_PAUSE_S * 2**failed)
            todo.append(rest)
