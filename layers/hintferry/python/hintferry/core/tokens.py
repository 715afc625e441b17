"""The ring cut into ranges of tokens, small enough to be walked one by one.

Tokens are Murmur3's on both sides: 64-bit numbers, of which the lowest belongs to no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LOWEST, HIGHEST = -(2**63), 2**63 - 1
WIDTH_OF_RING = 2**64


@dataclass(frozen=True, slots=True, order=True)
class TokenRange:
    """The tokens above `after`, up to `upto` and with it; `after` is the lower one."""

    after: int
    upto: int

    @property
    def width(self) -> int:
        """Return how many tokens it holds."""
        return self.upto - self.after

    def halves(self) -> tuple[TokenRange, TokenRange]:
        """Two ranges that hold the same tokens; only for a width of at least two."""
        middle = self.after + self.width // 2
        return TokenRange(self.after, middle), TokenRange(middle, self.upto)


WHOLE_RING = TokenRange(LOWEST, HIGHEST)


def gaps(whole: Iterable[TokenRange], done: Iterable[TokenRange]) -> list[TokenRange]:
    """Return the parts of the ranges of `whole` that `done` does not cover.

    The ranges of `whole` are in order and apart.
    """
    behind = sorted(done)
    left, place = list[TokenRange](), 0
    for part in whole:
        start = part.after
        while place < len(behind) and behind[place].after < part.upto:
            if behind[place].after > start:
                left.append(TokenRange(start, behind[place].after))
            start = max(start, behind[place].upto)
            if start > part.upto:
                break
            place += 1
        if start < part.upto:
            left.append(TokenRange(start, part.upto))
    return left


def plan_ranges(ring: Iterable[int], count: int) -> list[TokenRange]:
    """Return the whole ring in about `count` ranges of like width, in order and without a gap.

    `ring` has the ends of the nodes' own ranges. A range crosses such an end only where many of
    them lie in one range. Else its reads would need the replicas of both sides of it.
    """
    widest = -(-WIDTH_OF_RING // max(1, count))
    ranges: list[TokenRange] = []
    start = LOWEST
    ends = sorted({token for token in ring if LOWEST < token < HIGHEST} | {HIGHEST})
    for token, following in zip(ends, [*ends[1:], None], strict=True):
        if following is not None and following - start <= widest:
            continue
        ranges.extend(_cut(TokenRange(start, token), widest))
        start = token
    return ranges


def _cut(whole: TokenRange, widest: int) -> Iterator[TokenRange]:
    parts = -(-whole.width // widest)
    ends = [whole.after + whole.width * number // parts for number in range(parts + 1)]
    yield from map(TokenRange, ends, ends[1:])
