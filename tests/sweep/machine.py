"""The state machine over both sides in memory: the engine and the steps are the real ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from hintferry.adapters.aws.meter import ClockMeter
from hintferry.adapters.clocks.measured import MeasuredClock
from hintferry.adapters.sweep.steps import SweepSteps
from hintferry.core.capture import Proof, Witness, proof
from hintferry.core.errors import HintferryError
from hintferry.core.schema import TableId
from hintferry.core.tokens import TokenRange, plan_ranges
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.ports import Deadline
from hintferry.sweep.progress import Finished, RangeProgress
from hintferry.sweep.task import Task
from hintferry.testing.captures import ScriptedCaptures
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.other_clocks import SimulatedClocks
from hintferry.testing.passes import MemoryPasses
from hintferry.testing.switches import MemoryJournal, MemorySwitches
from sandbox.services.step_functions import ExecutionEnded, StateMachines
from tests.model.tables import PLAIN, TABLES
from tests.unit.sweeping import Sides

BUCKET = "swept"
RANGES = plan_ranges([], 35)
FUNCTION = "sweep"
TABLE_BY_ID = {table.id: table for table in TABLES.values()}


class Died(Exception):
    """The function's process died: nobody hears what it knew."""


@dataclass
class Worker:
    """A sweeper over `sides`; `before` each range it may raise, as a side or a machine does."""

    sides: Sides
    passes_made: MemoryPasses = field(default_factory=MemoryPasses)
    journal_kept: MemoryJournal = field(default_factory=MemoryJournal)
    taken: list[TokenRange] = field(default_factory=list)
    before: Callable[[TokenRange], None] = lambda part: None
    ranges_now: list[TokenRange] = field(default_factory=lambda: RANGES)
    captures: ScriptedCaptures = field(default_factory=ScriptedCaptures)
    own_clock: ScriptedClock = field(default_factory=lambda: ScriptedClock(SimulatedTime()))
    clock: MeasuredClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = MeasuredClock(self.own_clock, SimulatedClocks(self.own_clock))

    def fences(self) -> Any:
        return self.sides.fences

    def switches(self) -> MemorySwitches:
        return self.sides.switches

    def journal(self) -> MemoryJournal:
        return self.journal_kept

    def passes(self) -> MemoryPasses:
        return self.passes_made

    def check_capture(self) -> Proof:
        proved = proof(self.witness())
        assert proved is not None
        return proved

    def witness(self) -> Witness:
        return self.captures.witness(PLAIN.id)

    def ranges(self) -> list[TokenRange]:
        return self.ranges_now

    def work(
        self, task: Task, ranges: Iterable[TokenRange], deadline: Deadline
    ) -> Iterator[RangeProgress[VerifySums] | RangeProgress[BackfillSums]]:
        sweep = self.sides.sweep(TABLE_BY_ID[task.table])
        for part in ranges:
            self.taken.append(part)
            try:
                self.before(part)
            except HintferryError as error:
                yield Finished(part, VerifySums(), error)
            else:
                yield from sweep.verify([part])


@dataclass
class Machine:
    """The state machine, and where its files lie."""

    machines: StateMachines
    arn: str
    s3: Any

    def run(self, name: str, table: TableId, **given: Any) -> ExecutionEnded:
        return self.machines.run(self.arn, {"table": str(table), **given}, name)

    def result(self, ended_or_cause: str) -> dict[str, Any]:
        """The result file that an output or a cause names."""
        key = ended_or_cause.rpartition(": ")[2]
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"]
        found: dict[str, Any] = json.load(body)
        return found


def hurried(tree: Any) -> Any:
    """The definition with pauses that a test can wait for: nothing else is changed."""
    if isinstance(tree, list):
        return [hurried(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    short = {"IntervalSeconds": 1, "MaxDelaySeconds": 2}
    return {name: short.get(name, hurried(one)) for name, one in tree.items()}


class Steps:
    """Invokes the steps as Lambda would, but one by one: the sides in memory know no threads."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.s3: Any = None
        self.deadline: Deadline = FixedDeadline()
        self._lock = threading.Lock()

    def invoke(self, name: str, event: bytes) -> tuple[bytes, bool]:
        assert name == FUNCTION
        logger, metrics = Logger(level="CRITICAL"), Metrics("t", "t")
        clocks = ClockMeter(metrics, self.worker.clock)
        steps = SweepSteps(lambda table: self.worker, self.s3, BUCKET, logger, metrics, clocks)
        with self._lock:
            try:
                answer = steps.run(json.loads(event), self.deadline)
            except Exception as error:  # noqa: BLE001 - as Lambda tells whatever a handler raises
                kind = "Runtime.ExitError" if isinstance(error, Died) else type(error).__name__
                failure = {"errorType": kind, "errorMessage": str(error)}
                return json.dumps(failure).encode(), True
            finally:
                Metrics.clear_metrics(Metrics("t", "t"))
        return json.dumps(answer).encode(), False
