"""The processor with a broken rule: what it writes is stamped when it is written.

The shipped pipeline, its target wrapped: the timestamps differ, and so that others can overtake it
every second batch stands still for a while between its last read and its first write.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Slice
from hintferry.core.rows import Add, Row, Statement
from hintferry.core.schema import Key, Table
from hintferry.ports import Clock, Target, Write
from hintferry.wiring import live

OVERLAP_S, SHARE = 3.0, 0.5


@dataclass(frozen=True, slots=True)
class WritesAtNow:
    """A target that forgets when the source was read."""

    target: Target
    clock: Clock

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        planned = list(writes)
        if random.random() < SHARE:
            self.clock.sleep(OVERLAP_S)
        return self.target.write(
            replace(write, statements=self._stamped(write.statements)) for write in planned
        )

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        return self.target.rows(table, partition, part)

    def _stamped(self, statements: Sequence[Statement]) -> list[Statement]:
        now = self.clock.read_start()
        return [one if isinstance(one, Add) else one._replace(timestamp=now) for one in statements]


logger, metrics = Logger(), Metrics()
shipped = live.processor(logger, metrics)
pipeline = replace(shipped, target=WritesAtNow(shipped.target, shipped.clock))


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    return batch_response(records, ends)
