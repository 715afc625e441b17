"""A function with a concurrency limit: a pool of execution environments.

Owns which environment gets an event. The one used last comes first, as on Lambda, so a quiet
function keeps one warm environment rather than many cool ones.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from sandbox.services.lambda_runtime.process import Invocation
from sandbox.services.lambda_runtime.sandbox import LambdaSandbox


class LambdaFunction:
    """Up to `concurrency` environments made by `make`; used by any number of event sources."""

    def __init__(self, make: Callable[[], LambdaSandbox], concurrency: int) -> None:
        self.sandboxes = tuple(make() for _ in range(concurrency))
        self._free: queue.LifoQueue[LambdaSandbox] = queue.LifoQueue()
        for sandbox in self.sandboxes:
            self._free.put(sandbox)

    def start(self) -> None:
        """Run every init phase now, as provisioned concurrency does."""
        with ThreadPoolExecutor(len(self.sandboxes)) as pool:
            list(pool.map(LambdaSandbox.start, self.sandboxes))

    def invoke(self, event: bytes) -> Invocation:
        """Run one event in a free environment, waiting for one if all are busy."""
        sandbox = self._free.get()
        try:
            return sandbox.invoke(event)
        finally:
            self._free.put(sandbox)

    def close(self) -> None:
        """End every process."""
        for sandbox in self.sandboxes:
            sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
