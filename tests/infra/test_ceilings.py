"""Test the highest cost of a cold start and a batch: the layer's size, imports, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Record
from hintferry.core.outcome import Outcome
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.core.work import RowWork, StaticWork
from hintferry.live.pipeline import Pipeline
from hintferry.ports import Write
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.parking import MemoryParkingLot
from hintferry.testing.replay import MemoryReplayQueue
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

LAYER_MB = 45
"""Unpacked."""

IMPORT_RATIO = 1.5
"""The processor's imports against those of the three libraries that it rests on, in CPU."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

LIBRARIES = (
    "import boto3; from cassandra.cluster import Cluster;"
    " from aws_lambda_powertools import Logger, Metrics"
)
FUNCTION = "import hintferry.wiring.live"
TRIES = 5

BATCH = 10_000
"""Records: the most that an event source hands over."""

ROW_BYTES = 10_000
BATCH_MB = 30
"""The batch itself takes half of this; its rows, if all were kept, would take 100."""

TABLE = Table(
    TableId("shop", "orders"),
    (Column("id", "int", ColumnKind.PARTITION_KEY),),
    regulars=(Column("v", "blob", ColumnKind.REGULAR),),
)


def test_the_layer_stays_small(layer: Path) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    print(f"the layer has {size / 1e6:.1f} MB")
    assert size < LAYER_MB * 1e6


def test_our_own_code_adds_little_to_the_imports_of_its_libraries(tmp_path: Path) -> None:
    libraries, handler = cpu_of(tmp_path, LIBRARIES, FUNCTION)
    print(f"imports: {handler:.2f} s of CPU, the libraries alone {libraries:.2f} s")
    assert handler < IMPORT_RATIO * libraries


def test_a_batch_of_the_largest_size_keeps_no_rows() -> None:
    """Each row is written and forgotten while others are read; and one batch is as the next."""
    pipeline = pipeline_of_endless_rows()
    peaks = [peak_of(pipeline, number) for number in range(3)]
    print(f"peaks of {BATCH:,} records: {', '.join(f'{peak / 1e6:.1f} MB' for peak in peaks)}")
    assert max(peaks) < BATCH_MB * 1e6
    assert peaks[2] < 1.1 * peaks[1]


def cpu_of(bytecode: Path, *statements: str) -> list[float]:
    """CPU seconds of each statement in a new process: the least of some tries, in turns.

    The first try leaves the bytecode of all that it imports in that folder.
    """
    tries = [[_once(one, bytecode) for one in statements] for _ in range(TRIES)]
    return [min(of_one) for of_one in zip(*tries, strict=True)]


def _once(statement: str, bytecode: Path) -> float:
    text = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
    path = os.pathsep.join([str(ROOT / "layers" / "hintferry" / "python"), *sys.path])
    outside = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**outside, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(bytecode)},
        capture_output=True,
        check=True,
        timeout=120,
    )
    return float(done.stdout)


def peak_of(pipeline: Pipeline, number: int) -> int:
    """Bytes at the highest that one batch takes, with the event's records in it."""
    tracemalloc.start()
    try:
        ends = pipeline.process(list(records(number)), FixedDeadline())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(end.outcome is Outcome.APPLIED for end in ends)
    return peak


def records(number: int) -> Iterator[Record]:
    for index in range(BATCH):
        key = b64encode((number * BATCH + index).to_bytes(4)).decode()
        hint: dict[str, Any] = {"hint": 1, "scope": "row", "keyspace": "shop", "table": "orders"}
        value = json.dumps(hint | {"pk": [key], "ck": []}).encode()
        yield Record("topic", 0, index, None, None, value)


class EndlessRows:
    """Shows a large row for each key that it is asked for."""

    def __init__(self) -> None:
        self._clock = WallClock()

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return TABLE

    def agreed(self, table: TableId) -> Table:
        return TABLE

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        for work in works:
            row = Row((bytes(ROW_BYTES),), (None,))
            yield work, Snapshot(TABLE, self._clock.read_start(), {(): row})

    def pages(self, work: object) -> Iterator[Snapshot]:
        raise NotImplementedError

    def neighbours(self, work: object) -> list[RowWork]:
        raise NotImplementedError


class Swallower:
    """Acknowledges everything."""

    def write(self, writes: Iterable[Write]) -> Iterator[tuple[Write, HintferryError | None]]:
        return ((write, None) for write in writes)

    def rows(self, *_: object) -> Iterator[Any]:
        raise NotImplementedError


def pipeline_of_endless_rows() -> Pipeline:
    clock, source = WallClock(), EndlessRows()
    return Pipeline(
        HintDecoder(source.table),
        source,
        Swallower(),
        MemoryParkingLot(),
        MemoryReplayQueue(lambda later: None),
        MemoryLeases(LeaseTable(SimulatedTime()), clock),
        clock,
        RecordingMeter(),
    )
