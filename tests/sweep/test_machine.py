"""The state machine on the real engine: what fails is told by range, and the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hintferry.core.errors import Overwhelmed, Side, Throttled
from hintferry.core.passes import Verb
from hintferry.core.tokens import TokenRange
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.fences import FENCE
from infra.stacks.sweep_machine import definition
from sandbox.services.step_functions import StateMachines
from tests.model.tables import PLAIN
from tests.sweep.machine import BUCKET, FUNCTION, RANGES, Died, Machine, Steps, Worker, hurried
from tests.unit.sweeping import Sides

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("machine")]

ROWS = 120
TABLE = PLAIN.id


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps(Worker(Sides()))


@pytest.fixture(scope="module")
def machines(steps: Steps) -> Iterator[StateMachines]:
    with StateMachines(steps.invoke, "eu-west-1") as running:
        steps.s3 = running.client("s3")
        steps.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield running


@pytest.fixture
def worker() -> Worker:
    """A table of which one row in ten is not on the target."""
    sides = Sides()
    for number in range(ROWS):
        partition = (b"%d" % number,)
        row = sides.put(PLAIN, partition, (), {"a": b"1"})
        sides.on_source(PLAIN, partition, row)
        if number % 10:
            sides.on_target(PLAIN, partition, row)
    return Worker(sides)


@pytest.fixture
def machine(
    steps: Steps, machines: StateMachines, worker: Worker, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    steps.worker, steps.deadline, s3 = worker, FixedDeadline(), steps.s3
    name = request.node.name[:60].replace("[", "-").replace("]", "")
    yield Machine(machines, machines.make(name, hurried(definition(FUNCTION, BUCKET, 3))), s3)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for one in page.get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=one["Key"])


def test_a_table_is_swept_its_sums_are_kept_and_the_pass_is_recorded(
    machine: Machine, worker: Worker
) -> None:
    ended = machine.run("one", TABLE)
    assert (ended.status, ended.output["is_clean"]) == ("SUCCEEDED", False)
    result = machine.result(ended.output["result"])
    sums = result["equal"], result["missing"], result["different"], result["extra"]
    assert sums == (ROWS - 12, 12, 0, 0)
    assert (result["keys"], result["unfinished"], result["left"]) == (ROWS, None, [])
    assert sorted(worker.taken) == RANGES
    assert [[str(part.after), str(part.upto)] for part in RANGES] == [
        one[:2] for one in result["by_range"]
    ]
    (recorded,) = worker.passes_made.of(TABLE, 0.0)
    assert (recorded.verb, recorded.is_clean, recorded.at_all) == (Verb.VERIFY, False, False)
    assert recorded.sums["missing"] == 12


def test_a_range_that_fails_is_told_ends_no_other_and_is_all_that_the_next_run_takes(
    machine: Machine, worker: Worker
) -> None:
    def refuse(part: TokenRange) -> None:
        if part == RANGES[7]:
            raise Overwhelmed("tombstones")

    worker.before = refuse
    ended = machine.run("one", TABLE)
    assert (ended.status, ended.error) == ("FAILED", "Unfinished")
    assert ended.cause is not None
    result = machine.result(ended.cause)
    failed = [str(RANGES[7].after), str(RANGES[7].upto)]
    assert (result["failed"], result["left"]) == ([[*failed, "tombstones"]], [failed])
    assert result["ranges"] == len(RANGES) - 1
    assert worker.passes_made.of(TABLE, 0.0) == []

    worker.before, worker.taken = (lambda part: None), []
    again = machine.run("two", TABLE)
    assert again.status == "SUCCEEDED", again
    assert worker.taken == [RANGES[7]]
    whole = machine.result(again.output["result"])
    assert (whole["keys"], whole["failed"], whole["left"]) == (ROWS, [], [])
    assert len(worker.passes_made.of(TABLE, 0.0)) == 1


def test_a_worker_that_dies_in_a_range_is_followed_by_one_that_begins_there(
    machine: Machine, worker: Worker
) -> None:
    deaths = list[TokenRange]()

    def die(part: TokenRange) -> None:
        if part == RANGES[15] and not deaths:
            deaths.append(part)
            raise Died

    worker.before = die
    ended = machine.run("one", TABLE)
    assert (ended.status, deaths) == ("SUCCEEDED", [RANGES[15]])
    assert sorted(worker.taken) == sorted([*RANGES, RANGES[15]])
    assert machine.result(ended.output["result"])["keys"] == ROWS


def test_a_worker_that_always_dies_ends_no_other_batch(machine: Machine, worker: Worker) -> None:
    def die(part: TokenRange) -> None:
        if part == RANGES[15]:
            raise Died

    worker.before = die
    ended = machine.run("one", TABLE)
    assert (ended.status, ended.error) == ("FAILED", "Unfinished")
    result = machine.result(ended.cause or "")
    # The rest of its batch of ten was never begun.
    assert result["left"] == [[str(RANGES[15].after), str(RANGES[19].upto)]]
    worker.before, worker.taken = (lambda part: None), []
    assert machine.run("two", TABLE).status == "SUCCEEDED"
    assert sorted(worker.taken) == RANGES[15:20]


def test_a_side_that_throttles_is_left_alone_for_a_while(machine: Machine, worker: Worker) -> None:
    refused = list[TokenRange]()

    def throttle(part: TokenRange) -> None:
        if part == RANGES[3] and len(refused) < 4:
            refused.append(part)
            raise Throttled(Side.TARGET, "less")

    worker.before = throttle
    assert machine.run("one", TABLE).status == "SUCCEEDED"
    # More often than any other error is tried again; and nothing that was done is done again.
    assert sorted(worker.taken) == sorted([*RANGES, *refused])
    assert len(refused) == 4


def test_a_table_is_swept_by_one_at_a_time(machine: Machine, worker: Worker) -> None:
    others = list[str]()

    def meet_another(part: TokenRange) -> None:
        if part == RANGES[20]:
            others.append(machine.machines.start(machine.arn, {"table": str(TABLE)}, "two"))

    worker.before = meet_another
    ended = machine.run("one", TABLE)
    assert ended.status == "SUCCEEDED"
    other = machine.machines.wait(others[0], 60)
    assert other.status == "SUCCEEDED"
    assert other.output["held_by"].endswith(":one")
    assert sorted(worker.taken) == RANGES
    assert len(worker.passes_made.of(TABLE, 0.0)) == 1


def test_who_was_aborted_holds_a_table_no_longer(machine: Machine, worker: Worker) -> None:
    aborted = list[TokenRange]()

    def abort(part: TokenRange) -> None:
        if part == RANGES[20] and not aborted:
            aborted.append(part)
            arn = machine.arn.replace(":stateMachine:", ":execution:") + ":one"
            machine.machines.stop(arn)
            raise Died

    worker.before = abort
    assert machine.run("one", TABLE).status == "ABORTED"
    ended = machine.run("two", TABLE)
    assert ended.status == "SUCCEEDED"
    assert machine.result(ended.output["result"])["keys"] == ROWS


def test_a_table_that_was_cut_over_is_left_alone(machine: Machine, worker: Worker) -> None:
    worker.sides.fences.set(TABLE, FENCE)
    ended = machine.run("one", TABLE)
    assert (ended.status, worker.taken) == ("SUCCEEDED", [])
    assert "cut over" in ended.output["skipped"]


def test_a_wrong_input_says_what_to_write(machine: Machine) -> None:
    ended = machine.run("one", TABLE, verb="compare")
    assert (ended.status, ended.error) == ("FAILED", "ConfigurationError")
    assert "write verify or backfill" in json.loads(ended.cause or "{}")["errorMessage"]
