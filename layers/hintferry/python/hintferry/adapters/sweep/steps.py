"""The steps of the sweep's state machine: plan, sweep a batch of ranges, report.

`infra/stacks/sweep_machine.py` says in which order they come; each is a separate invocation. They
share their state through the bucket.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from hintferry.adapters.aws.meter import ClockMeter
from hintferry.adapters.sweep.pass_files import (
    BatchResult,
    CurrentPass,
    PassFiles,
    part_of,
    written,
)
from hintferry.core.capture import Proof, Witness, proof
from hintferry.core.errors import ConfigurationError
from hintferry.core.passes import PASSES_OF_S, Pass, Verb, refusal, unfenced
from hintferry.core.schema import TableId
from hintferry.core.switches import pause_of, paused_text
from hintferry.core.tokens import WHOLE_RING, TokenRange, gaps
from hintferry.core.verdict import UNEQUAL, BackfillSums, VerifySums
from hintferry.live.ledger import ConservationError
from hintferry.ports import Deadline, Fences, Journal, Passes, Switches
from hintferry.sweep.progress import RangeProgress
from hintferry.sweep.task import Task
from hintferry.sweep.time_slice import take_time_slice

RANGES_A_BATCH = 10
MOST_TURNS = 200
"""The most time slices of a batch, each of up to the function's time; the next run takes what is
left."""

SAVE_EVERY_S = 5.0


class Sweeping(Protocol):
    """The worker on one table, with all that the steps ask of it."""

    def fences(self) -> Fences: ...
    def switches(self) -> Switches: ...
    def journal(self) -> Journal: ...
    def passes(self) -> Passes: ...
    def check_capture(self) -> Proof: ...
    def witness(self) -> Witness: ...
    def ranges(self) -> list[TokenRange]: ...
    def work(
        self, task: Task, ranges: Iterable[TokenRange], deadline: Deadline
    ) -> Iterator[RangeProgress[VerifySums] | RangeProgress[BackfillSums]]: ...


class SweepSteps:
    """`sweeper` makes what works on a table, by the clock of `clocks`; `s3` is a boto3 client."""

    def __init__(
        self,
        sweeper: Callable[[TableId], Sweeping],
        s3: Any,
        bucket: str,
        logger: Logger,
        metrics: Metrics,
        clocks: ClockMeter,
    ) -> None:
        self._sweeper, self._s3, self._bucket = sweeper, s3, bucket
        self._logger, self._metrics, self._clocks = logger, metrics, clocks

    def run(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """One step; the answer is what the state machine goes on with. Raises HintferryError."""
        task = _task(event["task"])
        if event["step"] == "plan":
            return self._plan(task, event)
        if event["step"] == "work":
            return self._work(replace(task, workers=event["workers"]), event, deadline)
        return self._report(task, event)

    def _plan(self, task: Task, event: Mapping[str, Any]) -> dict[str, Any]:
        """Take the table, and write down what is to be done. The answer holds either `work`, or
        `held_by` (another execution has the table), or `skipped` (why nothing is to be done)."""
        answer = {"task": event["task"]}
        sweeper = self._sweeper(task.table)
        if task.repair_rate is not None:
            _check_consent(sweeper, task)
        files, execution = self._files(task), event["execution"]
        why_not = _why_not(sweeper, task.table)
        current = None if why_not else _claimed(files, task, execution, event.get("gone"))
        is_ours = current is not None and current.execution == execution
        self._metrics.add_metric("SweepsBegun", MetricUnit.Count, int(is_ours))
        if current is None:
            return {**answer, "skipped": why_not}
        if not is_ours:
            return {**answer, "held_by": current.execution}
        if task.verb is Verb.VERIFY:
            age_s = time.time() - current.last_finished
            self._metrics.add_metric("SweepAge", MetricUnit.Seconds, age_s)
        if task.writes:
            sweeper.journal().add(task.entry(time.time(), execution))
        proved = _proved(sweeper, task)
        if files.proof(current.name, lambda: proved) is None:
            self._logger.warning(
                "the table is not captured: the pass will not count", extra=event["task"]
            )
        left = gaps(sweeper.ranges(), files.all_of(current.name).done)
        batches = [
            left[first : first + RANGES_A_BATCH] for first in range(0, len(left), RANGES_A_BATCH)
        ]
        key = files.put_work(current.name, _name(execution), batches)
        self._logger.info("sweep begins", extra={**event["task"], "ranges": len(left)})
        return {**answer, "pass": current.name, "work": key}

    def _work(self, task: Task, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Sweep what is left of a batch; the answer is the event of its next turn, or no ranges.

        Raises the fault of a side that kept ranges from their end: they are tried again later.
        """
        files, name, batch = self._files(task), event["pass"], event["batch"]
        content = files.batch(name, batch)
        saved_at = time.monotonic()

        def entered(part: TokenRange, sums: VerifySums | BackfillSums) -> None:
            nonlocal saved_at
            content.done[part] = asdict(sums)
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                files.put_batch(name, batch, content)
                saved_at = time.monotonic()

        sweeper = self._sweeper(task.table)
        ranges = gaps(sorted(map(part_of, event["ranges"])), content.done)
        before = len(content.done)
        try:
            turn = take_time_slice(
                ranges, lambda some: sweeper.work(task, some, deadline), deadline, entered
            )
            content.failed.update((part, str(error)) for part, error in turn.failed)
        finally:
            self._clocks.tell()
            files.put_batch(name, batch, content)
            done = len(content.done) - before
            self._metrics.add_metric("SweepRangesDone", MetricUnit.Count, done)
        if turn.fault is not None and not turn.is_out_of_time:
            raise turn.fault
        left = turn.left if event["turn"] < MOST_TURNS else []
        return {**event, "turn": event["turn"] + 1, "ranges": [*map(written, left)]}

    def _report(self, task: Task, event: Mapping[str, Any]) -> dict[str, Any]:
        """Add up the pass as it is now. The answer has `unfinished` where ranges are left."""
        files = self._files(task)
        found = files.current()
        if found is None or found[0].name != event["pass"]:
            raise ConfigurationError(f"another pass over {task.table} began meanwhile; start again")
        current, version = found
        whole = files.all_of(current.name)
        left, sums = _left(whole, current.name), _added_up(task, whole)
        result, ended = _result(task, whole, left, sums), time.time()
        times = {"began": current.began, "ended": ended}
        key = files.put_result(current.name, {**result, **times})
        self._tell(task, sums)
        answer = {"task": event["task"], "result": key, "is_clean": sums.is_clean}
        if left:
            why = f"{result['unfinished']}, {result['failed_ranges']} ranges failed: {key}"
            return {**answer, "unfinished": why}
        if not current.is_finished:
            self._sweeper(task.table).passes().enter(
                Pass(
                    task.table,
                    task.verb,
                    current.began,
                    ended,
                    task.at_all,
                    sums.is_clean,
                    asdict(sums),
                    files.proof(current.name, lambda: None),
                )
            )
            files.claim(replace(current, is_finished=True, last_finished=ended), version)
        return answer

    def _tell(self, task: Task, sums: VerifySums | BackfillSums) -> None:
        found = asdict(sums)
        unequal = sum(found.get(name, 0) for name in UNEQUAL)
        self._metrics.add_metric("SweepDivergence", MetricUnit.Count, unequal)
        log = self._logger.info if sums.is_clean else self._logger.warning
        log("sweep", extra={"table": str(task.table), "verb": task.verb.value, **found})

    def _files(self, task: Task) -> PassFiles:
        return PassFiles(self._s3, self._bucket, task)


def _why_not(sweeper: Sweeping, table: TableId) -> str | None:
    """Return why nothing is to be done for the table now, or None."""
    if sweeper.fences().is_fenced(table):
        return f"{table} was cut over"
    found = pause_of(sweeper.switches().board(), table)
    return None if found is None else paused_text(table, *found)


def _check_consent(sweeper: Sweeping, task: Task) -> None:
    """Raises ConfigurationError where a repair may delete what the application wrote."""
    found = unfenced(sweeper.passes().of(task.table, time.time() - PASSES_OF_S))
    if found is not None:
        raise ConfigurationError(refusal(task.table, found))


def _proved(sweeper: Sweeping, task: Task) -> Proof | None:
    """Raises ConfigurationError for a backfill of a table that is not captured."""
    return sweeper.check_capture() if task.verb is Verb.BACKFILL else proof(sweeper.witness())


def _left(whole: BatchResult, name: str) -> list[TokenRange]:
    """Return the ranges of the ring that are not done: each token is done once, or left."""
    left = gaps([WHOLE_RING], whole.done)
    if sum(part.width for part in (*whole.done, *left)) != WHOLE_RING.width:
        raise ConservationError(
            f"ranges of the pass {name} were done twice: start a new pass, and report this defect"
        )
    return left


def _added_up(task: Task, whole: BatchResult) -> VerifySums | BackfillSums:
    sums: Any = task.verb.sums
    for one in whole.done.values():
        sums.add(type(sums)(**one))
    return cast(VerifySums | BackfillSums, sums)


def _result(
    task: Task, whole: BatchResult, left: list[TokenRange], sums: VerifySums | BackfillSums
) -> dict[str, Any]:
    """Return the JSON of the command's `--json`, and each range for itself."""
    failed = {part: error for part, error in whole.failed.items() if gaps([part], whole.done)}
    return {
        "verb": task.verb.value,
        "table": str(task.table),
        **task.settings,
        "keys": sums.seen,
        **asdict(sums),
        "ranges": len(whole.done),
        "failed_ranges": len(failed),
        "errors": dict(Counter(failed.values())),
        "unfinished": f"{len(left)} stretches of tokens are not done" if left else None,
        "failed": [[*written(part), error] for part, error in sorted(failed.items())],
        "left": [*map(written, left)],
        "by_range": [[*written(part), one] for part, one in sorted(whole.done.items())],
    }


def _claimed(files: PassFiles, task: Task, execution: str, gone: str | None) -> CurrentPass:
    """The latest pass, of this execution if it could be had; `gone` is one that has ended."""
    found, now = files.current(), time.time()
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{_name(execution)}"
    new = CurrentPass(execution, name, task.settings, now, False, now)
    if found is None:
        claimed, version = new, None
    else:
        current, version = found
        if current.execution not in (execution, gone):
            return current
        claimed = replace(current, execution=execution)
        if current.is_finished or current.settings != task.settings:
            claimed = replace(new, last_finished=current.last_finished)
    if files.claim(claimed, version):
        return claimed
    other = files.current()
    assert other is not None
    return other[0]


def _name(execution: str) -> str:
    return execution.rpartition(":")[2]


def _task(tree: Mapping[str, Any]) -> Task:
    """The input of an execution, which a person may have written."""
    known = {"verb", "table", "consistency", "repair_rate"}
    if unknown := set(tree) - known:
        raise ConfigurationError(f"input: unknown key {', '.join(sorted(unknown))}")
    verb, rate = tree.get("verb", "verify"), tree.get("repair_rate")
    consistency = tree.get("consistency", "local_quorum")
    keyspace, _, table = str(tree.get("table", "")).partition(".")
    if not keyspace or not table:
        raise ConfigurationError('input.table: write it as "keyspace.table"')
    if verb not in [one.value for one in Verb]:
        raise ConfigurationError(f"input.verb is {verb}; write verify or backfill")
    if consistency not in ("local_quorum", "all"):
        raise ConfigurationError(f"input.consistency is {consistency}; write local_quorum or all")
    if rate is not None and (type(rate) not in (int, float) or rate <= 0):
        raise ConfigurationError(f"input.repair_rate is {rate}; write hints a second, or leave out")
    return Task(Verb(verb), TableId(keyspace, table), consistency == "all", rate)
