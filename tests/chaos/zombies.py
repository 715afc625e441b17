"""Old payloads, invoked beside the live flow in environments of their own.

As when a payload that was given up is replayed, or handed to a second worker while the first one
still stands: it may be frozen anywhere between its reads and its writes.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Self

from sandbox.services.event_source.batch import EventFrame
from sandbox.services.lambda_runtime import Invocation, LambdaSandbox
from tests.chaos.recorder import Recorded

_BUSY_S = 5.0
_HALF_WAY_S = (0.0, 0.15)
_TRIES = 5
_ANSWER_S = 90.0
_ANSWER_ON_ITS_WAY_S = 0.05
"""What was answered before the freeze has come through by then."""


class Zombie:
    """One environment, one payload at a time."""

    def __init__(self, sandbox: LambdaSandbox, bootstrap: str, region: str) -> None:
        self._sandbox, self._bootstrap, self._region = sandbox, bootstrap, region
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="zombie")
        self.returned = 0
        """records that it answered it could not settle"""

    def replay(self, payload: Sequence[Recorded]) -> bool:
        """Invoke; whether the handler came to its end."""
        return self._count(self._sandbox.invoke(self._event(payload)))

    def freeze(self, payload: Sequence[Recorded], random: Random, hold: Callable[[], bool]) -> bool:
        """Invoke, freeze somewhere on the way, thaw after `hold`.

        Whether it was under way all the while, and `hold` said that it lasted. An invocation that
        is over before it could be frozen is begun again, a few times.
        """
        for _ in range(_TRIES):
            result = self._freeze(payload, random, hold)
            if result is not None:
                return result
        return False

    def _freeze(
        self, payload: Sequence[Recorded], random: Random, hold: Callable[[], bool]
    ) -> bool | None:
        """None where the invocation was over too soon."""
        running = self._pool.submit(self.replay, payload)
        _wait_until(lambda: self._sandbox.busy)
        time.sleep(random.uniform(*_HALF_WAY_S))
        self._sandbox.pause()
        try:
            time.sleep(_ANSWER_ON_ITS_WAY_S)
            if running.done():
                return None
            lasted = hold()
            was_under_way = not running.done()
        finally:
            self._sandbox.resume()
        running.result(_ANSWER_S)
        return lasted and was_under_way

    def __enter__(self) -> Self:
        self._sandbox.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
        self._sandbox.close()

    def _event(self, payload: Sequence[Recorded]) -> bytes:
        frame = EventFrame(payload[0].topic, self._bootstrap, self._region)
        by_partition = defaultdict(list)
        for record in payload:
            by_partition[record.polled.partition].append(record.polled)
        return frame.event(record for part in by_partition.values() for record in part)

    def _count(self, outcome: Invocation) -> bool:
        if outcome.payload is None:
            return False
        self.returned += len(json.loads(outcome.payload)["batchItemFailures"])
        return True


def _wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + _BUSY_S
    while not true() and time.monotonic() < end:
        time.sleep(0.001)
