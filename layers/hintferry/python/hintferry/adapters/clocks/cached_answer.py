"""Cache an answer for CACHED_S seconds, for many who ask the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

CACHED_S = 2.0
"""Seconds that an answer is kept. A gate that opens was asked once more, with nothing kept."""

T = TypeVar("T")


@dataclass(slots=True)
class CachedAnswer(Generic[T]):
    """`now` tells seconds; `ask` fetches the answer, and what it raises is raised.

    Threads that ask at once wait for one answer.
    """

    ask: Callable[[], T]
    now: Callable[[], float]
    _answer: tuple[float, T] | None = None
    _lock: Lock = field(default_factory=Lock)

    def answer(self) -> T:
        """The last one, or, where that is too old, a new one."""
        with self._lock:
            now = self.now()
            # A clock that was set back must not hold an answer for longer.
            if self._answer is None or not 0 <= now - self._answer[0] < CACHED_S:
                self._answer = now, self.ask()
            return self._answer[1]

    def forget(self) -> None:
        """Fetch the next answer again, however young the last one is."""
        with self._lock:
            self._answer = None
