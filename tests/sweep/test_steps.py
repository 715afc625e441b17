"""The steps of the state machine by themselves: who has a table, what is handed back, the sums."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger, Metrics
from moto import mock_aws

from hintferry.adapters.aws.meter import ClockMeter
from hintferry.adapters.sweep.pass_files import PassFiles
from hintferry.adapters.sweep.steps import SweepSteps
from hintferry.core.errors import ClockFault, ConfigurationError, Paused, Side, Unavailable
from hintferry.core.passes import Pass
from hintferry.core.switches import Pause
from hintferry.core.tokens import TokenRange
from hintferry.live.ledger import ConservationError
from hintferry.sweep.time_slice import BEGIN_UNTIL_S
from hintferry.testing.deadline import FixedDeadline
from hintferry_ops.monitoring import metrics
from tests.model.tables import PLAIN
from tests.sweep.machine import BUCKET, RANGES, Worker
from tests.unit.sweeping import Sides

TASK = {"table": str(PLAIN.id)}
ONE, TWO = "arn:execution:one", "arn:execution:two"
LONG = FixedDeadline()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def worker() -> Worker:
    return Worker(Sides())


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    Metrics.clear_metrics(Metrics())
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hintferry")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", metrics.NAMESPACE)
    yield Metrics()
    Metrics.clear_metrics(Metrics())


@pytest.fixture
def steps(s3: Any, worker: Worker, collector: Metrics) -> SweepSteps:
    return SweepSteps(
        lambda table: worker,
        s3,
        BUCKET,
        Logger(level="CRITICAL"),
        collector,
        ClockMeter(collector, worker.clock),
    )


def plan(steps: SweepSteps, execution: str, **others: Any) -> dict[str, Any]:
    event = {"step": "plan", "task": TASK, "execution": execution, **others}
    return steps.run(event, LONG)


def work_of(s3: Any, planned: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of the batches, as the map makes them."""
    items = json.load(s3.get_object(Bucket=BUCKET, Key=planned["work"])["Body"])
    common = {"step": "work", "task": TASK, "pass": planned["pass"], "workers": 3, "turn": 1}
    return [{**common, **item} for item in items]


def report(steps: SweepSteps, planned: dict[str, Any]) -> dict[str, Any]:
    return steps.run({"step": "report", "task": TASK, "pass": planned["pass"]}, LONG)


def test_the_metrics_of_sweeps_are_those_that_the_steps_emit(
    steps: SweepSteps, s3: Any, collector: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan(steps, ONE)
    for event in work_of(s3, planned):
        assert steps.run(event, LONG)["ranges"] == []
    report(steps, planned)
    collector.flush_metrics()
    blob = json.loads(capsys.readouterr().out.splitlines()[-1])
    (part,) = blob["_aws"]["CloudWatchMetrics"]
    assert {one["Name"] for one in part["Metrics"]} == set(metrics.OF_SWEEPS)
    assert part["Namespace"] == metrics.NAMESPACE
    assert part["Dimensions"] == [[metrics.OUR_DIMENSION]]
    assert (blob["SweepDivergence"], sum(blob["SweepRangesDone"])) == ([0.0], len(RANGES))


def test_a_sweep_that_refuses_by_its_clock_tells_how_far_it_is_off(
    steps: SweepSteps, s3: Any, worker: Worker, collector: Metrics, capsys: Any
) -> None:
    """By the metric of the functions that read, and so by their alarm."""
    worker.own_clock.error_us = 300_000
    worker.before = lambda part: (worker.clock.read_start(), None)[1]
    event, *_ = work_of(s3, plan(steps, ONE))
    with pytest.raises(ClockFault):
        steps.run(event, LONG)
    collector.flush_metrics()
    blob = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert blob["ClockOffsetTarget"] == [pytest.approx(300, abs=2)]
    assert "ClockOffsetTarget" in metrics.OURS


def test_a_table_is_held_until_its_holder_is_known_to_be_gone(steps: SweepSteps) -> None:
    first = plan(steps, ONE)
    assert plan(steps, TWO) == {"task": TASK, "held_by": ONE}
    assert plan(steps, ONE)["pass"] == first["pass"], "a plan that is tried again goes on"
    assert plan(steps, TWO, gone="arn:execution:other")["held_by"] == ONE
    assert plan(steps, TWO, gone=ONE)["pass"] == first["pass"], "it is not finished"
    assert plan(steps, ONE)["held_by"] == TWO


def test_of_two_that_take_a_table_at_once_one_gets_it(
    steps: SweepSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = PassFiles.current
    raced = list[bool]()

    def slowly(files: PassFiles) -> Any:
        found = current(files)
        if not raced:
            raced.append(True)
            assert "work" in plan(steps, TWO)
        return found

    monkeypatch.setattr(PassFiles, "current", slowly)
    assert plan(steps, ONE) == {"task": TASK, "held_by": TWO}


def test_other_settings_begin_a_new_pass(steps: SweepSteps) -> None:
    first = plan(steps, ONE)["pass"]
    event = {"step": "plan", "task": {**TASK, "consistency": "all"}, "execution": TWO, "gone": ONE}
    assert steps.run(event, LONG)["pass"] != first


def test_a_finished_pass_is_recorded_once_and_followed_by_a_new_one(
    steps: SweepSteps, s3: Any, worker: Worker
) -> None:
    planned = plan(steps, ONE)
    for event in work_of(s3, planned):
        steps.run(event, LONG)
    assert report(steps, planned)["is_clean"] is True
    report(steps, planned)
    (recorded,) = worker.passes_made.of(PLAIN.id, 0.0)
    assert recorded.began <= recorded.ended
    assert plan(steps, TWO, gone=ONE)["pass"] != planned["pass"]


def test_the_proof_of_a_pass_is_that_of_its_beginning(
    steps: SweepSteps, s3: Any, worker: Worker
) -> None:
    planned = plan(steps, ONE)
    worker.captures.since = dict.fromkeys(worker.captures.since, 2)
    plan(steps, TWO, gone=ONE)
    for event in work_of(s3, planned):
        steps.run(event, LONG)
    report(steps, planned)
    (recorded,) = worker.passes_made.of(PLAIN.id, 0.0)
    assert recorded.proof is not None
    assert set(recorded.proof.since.values()) == {1}


def test_a_verify_of_a_table_that_is_not_captured_leaves_no_proof(
    steps: SweepSteps, s3: Any, worker: Worker
) -> None:
    worker.captures.captured_id.clear()
    planned = plan(steps, ONE)
    for event in work_of(s3, planned):
        steps.run(event, LONG)
    report(steps, planned)
    (recorded,) = worker.passes_made.of(PLAIN.id, 0.0)
    assert (recorded.is_clean, recorded.proof) == (True, None)


def test_a_scheduled_repair_deletes_nothing_of_a_table_that_was_taken_back(
    steps: SweepSteps, worker: Worker
) -> None:
    worker.passes_made.enter(Pass.behind_fence(PLAIN.id, time.time()))
    event = {"step": "plan", "task": {**TASK, "repair_rate": 5}, "execution": ONE}
    with pytest.raises(ConfigurationError, match="taken back"):
        steps.run(event, LONG)
    assert "work" in plan(steps, ONE), "without a repair it is compared"


def test_with_little_time_left_the_batch_is_handed_back(steps: SweepSteps, s3: Any) -> None:
    event, *_ = work_of(s3, plan(steps, ONE))
    answer = steps.run(event, FixedDeadline(BEGIN_UNTIL_S - 1))
    assert answer == {**event, "turn": 2}


def test_a_fault_of_a_side_is_raised_when_the_rest_is_done_and_kept(
    steps: SweepSteps, s3: Any, worker: Worker
) -> None:
    def down(part: TokenRange) -> None:
        if part == RANGES[0]:
            raise Unavailable(Side.SOURCE, "down")

    event, *_ = work_of(s3, plan(steps, ONE))
    worker.before = down
    with pytest.raises(Unavailable):
        steps.run(event, LONG)
    assert len(worker.taken) == 10
    worker.before, worker.taken = (lambda part: None), []
    assert steps.run(event, LONG)["ranges"] == []
    assert worker.taken == [RANGES[0]]


def test_a_range_that_was_done_twice_is_no_result(steps: SweepSteps, s3: Any) -> None:
    planned = plan(steps, ONE)
    event, *_ = work_of(s3, planned)
    steps.run(event, LONG)
    steps.run({**event, "batch": "another"}, LONG)
    halves = [[str(half.after), str(half.upto)] for half in RANGES[0].halves()]
    steps.run({**event, "batch": "halves", "ranges": halves}, LONG)
    with pytest.raises(ConservationError, match="done twice"):
        report(steps, planned)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"table": "orders"}, "write it as"),
        ({"verb": "compare"}, "write verify or backfill"),
        ({"consistency": "one"}, "write local_quorum or all"),
        ({"repair_rate": 0}, "write hints a second"),
        ({"repair_rate": True}, "write hints a second"),
        ({"rate": 5}, "unknown key rate"),
    ],
)
def test_a_wrong_input_is_refused_with_the_fix(
    steps: SweepSteps, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        steps.run({"step": "plan", "task": {**TASK, **given}, "execution": ONE}, LONG)


def test_a_paused_table_is_skipped_and_its_work_waits(
    steps: SweepSteps, s3: Any, worker: Worker
) -> None:
    event, *_ = work_of(s3, plan(steps, ONE))
    worker.sides.switches.set_pause(str(PLAIN.id), Pause(0.0, "alice", "repair"))
    assert "paused since 1970-01-01 00:00:00Z by alice" in plan(steps, TWO)["skipped"]
    with pytest.raises(Paused):
        steps.run(event, LONG)
    worker.sides.switches.set_pause(str(PLAIN.id), None)
    assert steps.run(event, LONG)["ranges"] == []


def test_a_repair_is_in_the_journal_and_a_verify_is_not(steps: SweepSteps, worker: Worker) -> None:
    plan(steps, ONE)
    assert worker.journal_kept.kept == []
    plan(steps, TWO, gone=ONE, task={**TASK, "repair_rate": 20})
    (entry,) = worker.journal_kept.kept
    assert (entry.verb, entry.who, entry.new) == ("verify", TWO, "--repair at 20 hints/s")
