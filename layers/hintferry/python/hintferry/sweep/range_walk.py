"""Walk a range of tokens, past whatever is in the way.

A side that serves others but fails to read a range is asked for its halves, down to single tokens.
That happens at once where it says that the range is too much (tombstones), and after several
attempts where it does not say why. After a fault the walk goes on from where it had come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hintferry.core.errors import (
    ClockFault,
    HintferryError,
    LeaseLost,
    Overwhelmed,
    SideFault,
    StaleRead,
    Troubled,
)
from hintferry.core.limits import DIVIDED_RANGE_RETRY, RANGE_RETRY
from hintferry.core.tokens import TokenRange
from hintferry.ports import Clock

PASSING = (SideFault, StaleRead, ClockFault, LeaseLost)
"""Errors after which the same may go well."""

WalkStep = Callable[[TokenRange], Iterator[int]]
"""Walks a range; yields each token up to which, and with it, everything is done."""


def walk(
    part: TokenRange, step: WalkStep, unread: Callable[[int], None], clock: Clock
) -> Iterator[int | HintferryError]:
    """Take the step over all of `part`; yield how many tokens are done, whenever some are.

    Yield an error, too, after which the same is about to be tried again. `unread` takes each token
    that a side fails to read. Raises HintferryError, a passing one only after several attempts
    without progress.
    """
    todo, failed, retry = [part], 0, RANGE_RETRY
    while todo:
        rest = todo.pop()
        try:
            for token in step(rest):
                done = token - rest.after
                rest, failed = TokenRange(token, rest.upto), 0
                yield done
        except Overwhelmed:
            _divide(rest, todo, unread)
        except PASSING as error:
            failed += 1
            if failed < retry.attempts:
                yield error
                clock.sleep(retry.pause_s(failed))
                todo.append(rest)
            elif not isinstance(error, Troubled):
                raise
            else:
                # Less is asked for from now on, soon: what fails is a row's own.
                retry = DIVIDED_RANGE_RETRY
                _divide(rest, todo, unread)


def _divide(part: TokenRange, todo: list[TokenRange], unread: Callable[[int], None]) -> None:
    if part.width > 1:
        todo += reversed(part.halves())
    else:
        unread(part.upto)
