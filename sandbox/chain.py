"""The chain from the topics to the target, running: both functions and their event sources.

with Stack() as stack:
    stack.create_tables(...)
    with Chain(stack, ["shop.orders"], directory) as chain:
        ...
        chain.drain(30)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.function import create_control_tables, function
from sandbox.services.event_source import (
    Counters,
    EventSource,
    EventSourceSettings,
    OnFailureBucket,
)
from sandbox.services.lambda_runtime import OnTimeout
from sandbox.services.queue_source import QueueSource, client
from sandbox.stack import Stack

_SETTINGS = EventSourceSettings(batch_size=500, window_s=0.0, concurrency=2)


class Chain:
    """Runs while it is entered. `tables` are `keyspace.table`, each with its topic.

    `concurrency`, `on_line` (it gets every line printed) and `task_root` (the folder of the code,
    where that is not the shipped one) are the processor's. `timeout_s`, `on_timeout` and
    `freeze_when_idle` are both functions'. With `on_failure` what the event sources give up goes to
    the sandbox's bucket.
    """

    def __init__(
        self,
        stack: Stack,
        tables: Iterable[str],
        directory: Path,
        *,
        concurrency: int = 2,
        timeout_s: float = 60.0,
        settings: EventSourceSettings = _SETTINGS,
        on_line: Callable[[str], None] | None = None,
        task_root: Path | None = None,
        freeze_when_idle: bool = False,
        on_timeout: OnTimeout = OnTimeout.KILL,
        on_failure: bool = False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        create_control_tables(stack)
        self.function = function(
            stack,
            directory,
            concurrency=concurrency,
            timeout_s=timeout_s,
            on_line=on_line,
            task_root=task_root,
            freeze_when_idle=freeze_when_idle,
            on_timeout=on_timeout,
        )
        self.replay_function = function(
            stack,
            directory,
            "replay",
            concurrency=1,
            timeout_s=timeout_s,
            freeze_when_idle=freeze_when_idle,
            on_timeout=on_timeout,
        )
        self.replay = QueueSource(stack.aws, stack.aws.replay_queue_url, self.replay_function)
        bucket = OnFailureBucket(client(stack.aws, "s3"), stack.aws.bucket) if on_failure else None
        self.sources = tuple(
            EventSource(
                bootstrap=stack.kafka,
                topic=stack.topic(table),
                group=f"hintferry-{table}-v1",
                function=self.function,
                settings=settings,
                region=stack.target.region,
                on_failure=bucket,
            )
            for table in tables
        )
        self._open = ExitStack()

    @property
    def counters(self) -> Counters:
        """The sum over all event sources."""
        all_counters = [source.counters for source in self.sources]
        names = [field.name for field in fields(Counters)]
        return Counters(*(sum(getattr(c, name) for c in all_counters) for name in names))

    @property
    def last_error(self) -> str | None:
        """Return the error of the last invocation that failed, if any did."""
        return next((source.last_error for source in self.sources if source.last_error), None)

    def lag(self) -> int:
        """Records that are not committed yet, over the topics of which the broker can say it."""
        return sum(source.lag() or 0 for source in self.sources)

    def drain(self, timeout_s: float) -> bool:
        """Wait until every topic is settled and committed; False if one is not in time."""
        end = time.monotonic() + timeout_s
        return all(source.drain(max(0.0, end - time.monotonic())) for source in self.sources)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self.function).start()
            opening.enter_context(self.replay_function)
            opening.enter_context(self.replay)
            for source in self.sources:
                opening.enter_context(source)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)
