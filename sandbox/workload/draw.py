"""Keys and values drawn at random, from a seed.

Keys come from small pools, so that the same rows are written again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar
from uuid import UUID

_CUSTOMERS, _SENSORS, _MINUTES = 150, 30, 40
_MONTHS = ("2026-10", "2026-11")
_DAYS = (date(2026, 11, 22), date(2026, 11, 23))
_DAWN = datetime(2026, 11, 22, tzinfo=UTC)
_WORDS = ("red", "green", "blue", "fast", "fragile", "émigré", "限定", "")
_STATES = ("new", "paid", "packed", "sent", "returned")

T = TypeVar("T")


class Draw:
    """Every method draws one thing."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._customers = [self.uuid() for _ in range(_CUSTOMERS)]

    def one(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def shuffled(self, things: Sequence[T]) -> list[T]:
        return self._random.sample(things, len(things))

    def below(self, end: int) -> int:
        return self._random.randrange(end)

    def uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def customer(self) -> UUID:
        return self.one(self._customers)

    def order(self) -> tuple[UUID, str]:
        """The partition key of an order."""
        return self.customer(), self.one(_MONTHS)

    def order_row(self) -> tuple[object, ...]:
        """The primary key of an order."""
        return (*self.order(), self.moment(), self.below(2))

    def series(self) -> tuple[str, date]:
        """The partition key of a reading."""
        return f"sensor-{self.below(_SENSORS):02}", self.one(_DAYS)

    def reading_row(self) -> tuple[object, ...]:
        """The primary key of a reading."""
        return (*self.series(), self.moment(), self.below(3))

    def moment(self) -> datetime:
        return _DAWN + timedelta(minutes=self.below(_MINUTES))

    def span(self) -> tuple[datetime, datetime]:
        """A quarter of an hour or less, the end included."""
        begin = self.moment()
        return begin, begin + timedelta(minutes=self.below(15))

    def word(self) -> str:
        return self.one(_WORDS)

    def words(self) -> set[str]:
        return set(self._random.sample(_WORDS, self.below(4)))

    def state(self) -> str:
        return self.one(_STATES)

    def money(self) -> Decimal:
        return Decimal(self._random.randint(-10_000, 1_000_000)).scaleb(-2)

    def number(self) -> float:
        return self._random.gauss(20.0, 5.0)

    def blob(self) -> bytes:
        return self._random.randbytes(self.below(64))

    def address(self) -> tuple[str, str, str | None]:
        return f"{self.below(99)} {self.word()} street", self.word(), self.one(("1010", None))

    def items(self) -> list[tuple[str, int]]:
        return [(self.word(), self.below(10)) for _ in range(self.below(4))]
