"""The processor with a pause behind each read, long enough to be frozen there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.core.errors import HintferryError
from hintferry.core.rows import Snapshot
from hintferry.core.schema import Table, TableId
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Source
from hintferry.wiring import live

PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class SlowSource:
    """Source that hands on what was read only after a pause."""

    source: Source

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return self.source.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        return self.source.agreed(table)

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        for answer in self.source.read(works):
            time.sleep(PAUSE_S)
            yield answer

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        return self.source.pages(work)

    def neighbours(self, work: Work) -> list[RowWork]:
        return self.source.neighbours(work)


logger, metrics = Logger(), Metrics()
shipped = live.processor(logger, metrics)
pipeline = replace(shipped, source=SlowSource(shipped.source))


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    return batch_response(records, ends)
