"""The engine of the sandbox's state machines, where moto's own departs from the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.services.step_functions import StateMachines

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("machine")]

MANY = 1_000
"""More than a worker of moto's own can take: it recurses once an item."""


def invoke(name: str, event: bytes) -> tuple[bytes, bool]:
    number = json.loads(event)["n"]
    if number % 2:
        return json.dumps({"errorType": "Odd", "errorMessage": str(number)}).encode(), True
    return b"{}", False


@pytest.fixture(scope="module")
def machines() -> Iterator[StateMachines]:
    with StateMachines(invoke, "us-east-1") as running:
        running.client("s3").create_bucket(Bucket="items")
        yield running


def mapped(machines: StateMachines, function: str | None, items: int, **options: Any) -> str:
    """The ARN of a machine whose map calls the function with each item, or passes it on."""
    body = json.dumps([{"n": number} for number in range(items)])
    machines.client("s3").put_object(Bucket="items", Key=f"{items}.json", Body=body)
    call: dict[str, Any] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": True,
    }
    if function is None:
        call = {"Type": "Pass", "End": True}
    each = {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "items", "Key": f"{items}.json"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Call",
            "States": {"Call": call},
        },
        "End": True,
        **options,
    }
    name = f"{function}-{items}-{len(options)}"
    return machines.make(name, {"StartAt": "Each", "States": {"Each": each}})


def test_a_map_takes_any_number_of_items(machines: StateMachines) -> None:
    ended = machines.run(mapped(machines, None, MANY), {}, "one", within_s=240)
    assert ended.status == "SUCCEEDED"
    assert [one["n"] for one in ended.output] == list(range(MANY))


def test_a_map_of_nothing_ends(machines: StateMachines) -> None:
    ended = machines.run(mapped(machines, None, 0), {}, "one")
    assert (ended.status, ended.output) == ("SUCCEEDED", [])


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailurePercentage": 40.0}, "FAILED"),
        ({"ToleratedFailurePercentage": 50.0, "Label": "half"}, "SUCCEEDED"),
    ],
)
def test_a_map_fails_with_more_failures_than_it_tolerates(
    machines: StateMachines, options: dict[str, Any], status: str
) -> None:
    ended = machines.run(mapped(machines, "odd", 10, **options), {}, "one")
    assert ended.status == status
    if status == "FAILED":
        assert ended.error == "States.ExceedToleratedFailureThreshold"


def test_a_definition_asks_step_functions_in_capitals(machines: StateMachines) -> None:
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
        "Parameters": {"ExecutionArn.$": "$$.Execution.Id"},
        "ResultSelector": {"status.$": "$.Status"},
        "End": True,
    }
    gone: dict[str, Any] = {**ask, "Parameters": {"ExecutionArn.$": "$.gone"}}
    gone["Catch"] = [{"ErrorEquals": ["Sfn.ExecutionDoesNotExistException"], "Next": "Gone"}]
    asked = machines.make("asks", {"StartAt": "Ask", "States": {"Ask": ask}})
    assert machines.run(asked, {}, "one").output == {"status": "RUNNING"}
    states = {"Ask": gone, "Gone": {"Type": "Succeed"}}
    missing = machines.make("asks-in-vain", {"StartAt": "Ask", "States": states})
    arn = asked.replace(":stateMachine:", ":execution:") + ":never"
    assert machines.run(missing, {"gone": arn}, "one").status == "SUCCEEDED"
