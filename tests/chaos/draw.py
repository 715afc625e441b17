"""Keys and values drawn at random from a seed.

Keys are hot for a while and then left alone: a hot key is written by several writers at once, and
a stale write that wins on its last day stays to be seen. What is hot moves on by operation number,
so that all writers work on the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import TypeVar

_OPERATIONS_A_DAY = 80
"""of one writer; after these its next keys are hot"""
_HOT_PARTITIONS = 4
_COLD = 0.04
"""Share of keys that are drawn from all the days before."""
_CLUSTERINGS = 6
_WORDS = ("red", "green", "blue", "fast", "fragile", "émigré", "限定", "")
_SHORT_TTL_S, _LONG_TTL_S = (2, 14), (3600, 7200)

T = TypeVar("T")


class Draw:
    """Every method draws one thing. `number` is the operation's, set before its first draw."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self.number = 0
        self._pinned: int | None = None

    def one(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def shuffled(self, things: Sequence[T]) -> list[T]:
        return self.random.sample(things, len(things))

    def partition(self) -> int:
        """The number of a partition, most likely one of today's."""
        if self._pinned is not None:
            return self._pinned
        today = self.number // _OPERATIONS_A_DAY * _HOT_PARTITIONS
        if today and self.random.random() < _COLD:
            return self.random.randrange(today)
        return today + min(self.random.randrange(_HOT_PARTITIONS) for _ in range(2))

    @contextmanager
    def one_partition(self) -> Iterator[None]:
        """Give the same partition again and again while this is entered."""
        self._pinned = self.partition()
        try:
            yield
        finally:
            self._pinned = None

    def slice_partition(self) -> int:
        """The hottest one of a day's partitions, for deletes of slices.

        What they cover is compared again after a while, which would repair a stale write that won:
        in the other partitions it stays to be seen.
        """
        return self.partition() // _HOT_PARTITIONS * _HOT_PARTITIONS

    def todays_partition(self) -> int:
        """As `partition`, never of an earlier day."""
        today = self.number // _OPERATIONS_A_DAY * _HOT_PARTITIONS
        return today + self.random.randrange(_HOT_PARTITIONS)

    def retired_partition(self) -> int:
        """A partition of two days ago: nothing draws it as today's any more."""
        return self.todays_partition() - 2 * _HOT_PARTITIONS

    def clustering(self) -> int:
        return self.random.randrange(_CLUSTERINGS)

    def user(self) -> int:
        """The key of a row in a table without clustering."""
        return self.partition() * 4 + self.random.randrange(4)

    def item(self) -> tuple[str, int]:
        """The partition key of an item."""
        return _item(self.partition())

    def slice_item(self) -> tuple[str, int]:
        """The partition key of an item of which slices are deleted."""
        return _item(self.slice_partition())

    def item_row(self) -> tuple[object, ...]:
        return (*self.item(), self.clustering(), self.random.randrange(2))

    def row(self) -> tuple[int, int]:
        """The primary key of a row in a table with plain numbers as keys."""
        return self.partition(), self.clustering()

    def span(self) -> tuple[int, int]:
        """Two clustering numbers in order."""
        first, last = sorted((self.clustering(), self.clustering()))
        return first, last + 1

    def word(self) -> str:
        """A text that is hardly ever drawn twice: a stale one is seen."""
        return f"{self.one(_WORDS)} {self.random.getrandbits(40):010x}"

    def words(self) -> set[str]:
        return {self.word() for _ in range(self.random.randrange(3))}

    def number_below(self, end: int) -> int:
        return self.random.randrange(end)

    def money(self) -> Decimal:
        return Decimal(self.random.randint(-10_000, 1_000_000)).scaleb(-2)

    def blob(self) -> bytes:
        return self.random.randbytes(self.random.randrange(32))

    def address(self) -> tuple[str, str | None, int]:
        return self.word(), self.one((self.word(), None)), self.random.randrange(9999)

    def ttl(self) -> int:
        """Seconds: over long before both sides are compared, or long after."""
        return self.random.randint(*self.one((_SHORT_TTL_S, _LONG_TTL_S)))


def _item(partition: int) -> tuple[str, int]:
    return f"shop-{partition % 7}", partition
