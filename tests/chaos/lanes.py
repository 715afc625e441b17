"""Carries out the plan: a thread a lane, and the log of what really happened."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.chaos.kinds import Fault
from tests.chaos.plan import Lane, Order, Plan, orders

_LONGEST_UNDOING_S = 400.0
"""A source node that was killed last may still have to start."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the fault log; `began_at` is epoch seconds, `to` is None where it misfired."""

    fault: Fault
    began_at: float
    seconds: float
    to: str | None


class Lanes:
    """Run while they are entered; leaving ends every fault. `stop` cuts what lasts short.

    `counts` says how many of a lane run beside each other, where that is not one.
    """

    def __init__(
        self,
        seed: int,
        plan: Plan,
        counts: Mapping[Lane, int],
        perform: Callable[[Order], str | None],
        stop: threading.Event,
    ) -> None:
        self.log: list[Happened] = []
        self._perform, self._stop = perform, stop
        self.obstacles: list[str] = []
        """faults that could not be done or undone: their lane ended there"""
        self._threads = [
            threading.Thread(
                target=self._guarded, args=(orders(seed, lane, pace, number),), name=lane.value
            )
            for lane, pace in plan.items()
            for number in range(counts.get(lane, 1))
        ]

    @property
    def happened(self) -> Counter[Fault]:
        """Return how often each fault has really happened."""
        return Counter(one.fault for one in list(self.log) if one.to)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_LONGEST_UNDOING_S)
            if thread.is_alive():
                self.obstacles.append(f"the {thread.name} are still being harmed or mended")

    def _guarded(self, planned: Iterator[Order]) -> None:
        try:
            self._run(planned)
        except Exception as error:  # noqa: BLE001 - the run ends as unknown, with its logs
            name = threading.current_thread().name
            self.obstacles.append(f"a fault of the {name} could not be done or undone: {error}")

    def _run(self, planned: Iterator[Order]) -> None:
        for order in planned:
            if self._stop.wait(order.gap_s):
                return
            began, began_at = time.monotonic(), time.time()
            to = self._perform(order)
            self.log.append(Happened(order.fault, began_at, time.monotonic() - began, to))
