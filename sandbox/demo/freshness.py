"""Measure how long a change takes from the source to the target, from outside.

A probe writes a new row to the source and asks the target until the row is there. So the figure
holds everything: capture, Kafka, event source, function. Probes leave at fixed times, however long
earlier ones take. Their rows stay, and are compared like all others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Self

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable, Session

_EVERY_S = 0.1
_FIRST_ASK_S, _SHORTEST_PAUSE_S = 0.05, 0.005
_RESOLUTION = 0.05
"""How much later than its arrival a row may be noticed, as a share of the time it took."""
GIVE_UP_S = 20.0
_AT_ONCE = 64
_DRIVER_ERRORS = (DriverException, NoHostAvailable)
_DAY = date(2026, 11, 23)
_WRITE = "INSERT INTO shop.readings (sensor, day, at, channel, value) VALUES (?, ?, ?, 0, ?)"
_ASK = "SELECT value FROM shop.readings WHERE sensor = ? AND day = ? AND at = ? AND channel = 0"


class Probe:
    """Writes marked rows to `source` and waits for them on `target`, both plain sessions."""

    def __init__(self, source: Session, target: Session) -> None:
        self._source, self._target = source, target
        self._write = source.prepare(_WRITE)
        self._write.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        self._ask = target.prepare(_ASK)

    def seconds(self, name: str, give_up_s: float = GIVE_UP_S) -> float | None:
        """Return the seconds from just before a row's write until the target has it, or None.

        Raises the driver's error when the source does not acknowledge the write.
        """
        moment = datetime.now(UTC)
        began = time.monotonic()
        self.write(name, moment)
        time.sleep(_FIRST_ASK_S)
        while (passed := time.monotonic() - began) < give_up_s:
            if self._arrived(name, moment):
                return passed
            time.sleep(max(_SHORTEST_PAUSE_S, passed * _RESOLUTION))
        return None

    def write(self, name: str, moment: datetime) -> None:
        """Write the row of sensor `name` to the source."""
        self._source.execute(self._write, (name, _DAY, moment, 1.0))

    def _arrived(self, name: str, moment: datetime) -> bool:
        try:
            return bool(self._target.execute(self._ask, (name, _DAY, moment)).one())
        except _DRIVER_ERRORS:
            return False  # a target too busy to say has not shown the row


class Freshness:
    """Probes all the time while it is entered; leaving it raises what a probe ran into."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._stop = threading.Event()
        self._seconds: list[float] = []
        self._measurements: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe")
        self._thread = threading.Thread(target=self._run, name="freshness")
        self._refused: list[str] = []

    @property
    def late(self) -> int:
        """Probes that took longer than `GIVE_UP_S`; they are counted with that."""
        return sum(seconds >= GIVE_UP_S for seconds in list(self._seconds))

    @property
    def refused(self) -> int:
        """Probes whose write the source did not acknowledge."""
        return len(self._refused)

    @property
    def milliseconds(self) -> Sequence[float]:
        """Every measured value so far, in the order of arrival."""
        return [seconds * 1000 for seconds in list(self._seconds)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._pool.shutdown()
        for measurement in self._measurements:
            measurement.result()

    def _run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + number * _EVERY_S - time.monotonic())):
            measurement = self._pool.submit(self._measure, f"probe-{number % 8}")
            self._measurements.append(measurement)
            number += 1

    def _measure(self, name: str) -> None:
        try:
            seconds = self._probe.seconds(name)
        except _DRIVER_ERRORS:
            self._refused.append(name)
            return
        self._seconds.append(seconds or GIVE_UP_S)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
