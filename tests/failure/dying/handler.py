"""The processor, killed with -9 at the point that a file beside its configuration names, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from hintferry.adapters.aws.invocation import InvocationDeadline
from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Hint, Nothing, Record, Slice
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.work import RowWork, SliceWork, StaticWork, Work
from hintferry.ports import Decoder, Parked, ParkingLot, Source, Target, Write
from hintferry.wiring import live

ORDER = Path(os.environ["HINTFERRY_CONFIG"]).parent / "die"


def passing(point: str) -> None:
    """Die here, if this is the point."""
    if ORDER.exists() and ORDER.read_text() == point:
        ORDER.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Decoding:
    decode: Decoder

    def __call__(self, record: Record) -> Hint | Nothing:
        hint = self.decode(record)
        passing("decoded")
        return hint


@dataclass(frozen=True, slots=True)
class Reading:
    source: Source

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return self.source.table(table, altered_us)

    def agreed(self, table: TableId) -> Table:
        return self.source.agreed(table)

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        for answer in self.source.read(works):
            passing("read")
            yield answer

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        for page in self.source.pages(work):
            passing("page read")
            yield page

    def neighbours(self, work: Work) -> list[RowWork]:
        return self.source.neighbours(work)


@dataclass(frozen=True, slots=True)
class Writing:
    target: Target

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        for answer in self.target.write(self._passing(writes)):
            passing("written")
            yield answer

    def _passing(self, writes: Iterable[Write]) -> Iterator[Write]:
        for write in writes:
            passing("planned")
            yield write

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        return self.target.rows(table, partition, part)


@dataclass(frozen=True, slots=True)
class Parking:
    lot: ParkingLot

    def park(self, records: Sequence[Parked]) -> list[HintferryError | None]:
        passing("before parking" if records else "nothing to park")
        answers = self.lot.park(records)
        passing("parked" if records else "nothing parked")
        return answers


logger, metrics = Logger(), Metrics()
shipped = live.processor(logger, metrics)
pipeline = replace(
    shipped,
    decode=Decoding(shipped.decode),
    source=Reading(shipped.source),
    target=Writing(shipped.target),
    parking=Parking(shipped.parking),
)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers which records the event source shall deliver again."""
    records = open_event(event)
    ends = pipeline.process(records, InvocationDeadline(context))
    passing("before the answer")
    return batch_response(records, ends)
