"""How a range of tokens is walked: in chunks of whole partitions, past whatever is in the way.

Memory is bounded by two pages. A side that serves others but fails to read a range (too many
tombstones) is asked for its halves, down to single tokens; after a fault the walk goes on from
where it had come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hintferry.core.errors import ClockFault, LeaseLost, Overwhelmed, SideFault, StaleRead
from hintferry.core.rows import Scanned, ScanPage
from hintferry.core.tokens import TokenRange
from hintferry.ports import Clock

ATTEMPTS = 6
FIRST_PAUSE_S = 0.5

PASSING = (SideFault, StaleRead, ClockFault, LeaseLost)
"""Errors after which the same may go well."""

Step = Callable[[TokenRange], Iterator[int]]
"""Walks a range; yields each token up to which, and with it, everything is done."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything that one side shows of these tokens; None where that is more than a page holds:
    the range is then a single token."""

    part: TokenRange
    keys: list[Scanned] | None


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


def chunks(read: Callable[[TokenRange], Iterator[ScanPage]], part: TokenRange) -> Iterator[Chunk]:
    """What one side shows of `part`, in order and without a gap."""
    while part.width:
        for chunk in _up_to_a_large_one(read(part), part):
            part = TokenRange(chunk.part.upto, part.upto)
            yield chunk


def _up_to_a_large_one(pages: Iterable[ScanPage], part: TokenRange) -> Iterator[Chunk]:
    """The last partition of a page may go on in the next, so it waits for that."""
    done, waiting = part.after, list[Scanned]()
    for page in pages:
        keys = waiting + page.keys
        if page.is_last:
            yield Chunk(TokenRange(done, part.upto), keys)
            return
        if not page.keys:
            continue
        last = keys[-1].token
        whole = next(place for place, key in enumerate(keys) if key.token == last)
        is_large = not whole and bool(waiting)
        if whole or (is_large and done < last - 1):
            yield Chunk(TokenRange(done, last - 1), keys[:whole])
            done = last - 1
        if is_large:
            yield Chunk(TokenRange(last - 1, last), None)
            return
        waiting = keys[whole:]
