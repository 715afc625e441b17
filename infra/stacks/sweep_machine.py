"""The sweep's state machine, in the States Language. No import of the CDK: tests run it as it is.

Plan writes the ranges that are not done as batches into the bucket. A Distributed Map gives each
batch to the function, time slice after time slice until nothing of it is left. Report adds up what
lies in the bucket. A batch that fails ends no other. Report finds what it leaves not done, and the
next execution begins with it.
"""

from __future__ import annotations

from typing import Any

from hintferry.core.limits import (
    SWEEP_BUSY_RETRY,
    SWEEP_HOLDER_RETRY,
    SWEEP_SIDE_RETRY,
    SWEEP_STEP_RETRY,
    Retry,
)

LONGEST_S = 7 * 24 * 3600
TURN_S = 900
"""Lambda's longest timeout, in seconds: no invocation is given up that still works."""

State = dict[str, Any]

NEVER_AGAIN = ["ConfigurationError", "Fenced", "UnknownTable", "SchemaMismatch"]
SIDES = ["ClockFault", "Paused", "Throttled", "Unavailable", "Unreachable"]
BUSY = [
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
]


def definition(function: str, bucket: str, concurrency: int) -> State:
    """`function`: name or ARN of the sweep function; `concurrency`: batches at once."""
    return {
        "Comment": "Verify or backfill one table, range by range",
        "TimeoutSeconds": LONGEST_S,
        "StartAt": "Plan",
        "States": {
            **_planning(function),
            "Sweep": _map(function, bucket, concurrency),
            **_reporting(function),
            "Held": {"Type": "Succeed"},
            "Skipped": {"Type": "Succeed"},
        },
    }


def _planning(function: str) -> dict[str, State]:
    """The table is planned, unless another execution that runs holds it."""
    plan = {"step": "plan", "execution.$": "$$.Execution.Id"}
    taken_over = {**plan, "task.$": "$.task", "gone.$": "$.held_by"}
    return {
        "Plan": _task(function, {**plan, "task.$": "$"}, "Planned"),
        "Planned": _choice({"held_by": "Holder", "skipped": "Skipped"}, "Sweep"),
        # An execution holds its table exactly as long as it runs.
        "Holder": _holder(),
        "IsHeld": {
            "Type": "Choice",
            "Choices": [
                {
                    "Or": [
                        {"Variable": "$.holder.status", "StringEquals": status}
                        for status in ("RUNNING", "PENDING_REDRIVE")
                    ],
                    "Next": "Held",
                }
            ],
            "Default": "TakeOver",
        },
        "TakeOver": _task(function, taken_over, "Taken"),
        "Taken": _choice({"held_by": "Held", "skipped": "Skipped"}, "Sweep"),
    }


def _holder() -> State:
    """Ask for the status of the execution that holds the table."""
    gone = "Sfn.ExecutionDoesNotExistException"
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
        "Parameters": {"ExecutionArn.$": "$.held_by"},
        "ResultSelector": {"status.$": "$.Status"},
        "ResultPath": "$.holder",
        "TimeoutSeconds": 60,
        "Retry": [_retry(["Sfn.SfnException"], SWEEP_HOLDER_RETRY)],
        "Catch": [{"ErrorEquals": [gone], "ResultPath": None, "Next": "TakeOver"}],
        "Next": "IsHeld",
    }


def _reporting(function: str) -> dict[str, State]:
    event = {"step": "report", "task.$": "$.task", "pass.$": "$.pass"}
    return {
        "Report": _task(function, event, "Reported"),
        "Reported": _choice({"unfinished": "Unfinished"}, "Finished"),
        "Unfinished": {"Type": "Fail", "Error": "Unfinished", "CausePath": "$.unfinished"},
        "Finished": {"Type": "Succeed"},
    }


def _map(function: str, bucket: str, concurrency: int) -> State:
    return {
        "Type": "Map",
        "Label": "Batches",
        "MaxConcurrency": concurrency,
        "ToleratedFailurePercentage": 100.0,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": bucket, "Key.$": "$.work"},
        },
        "ItemSelector": {
            "step": "work",
            "task.$": "$.task",
            "pass.$": "$.pass",
            "workers": concurrency,
            "batch.$": "$$.Map.Item.Value.batch",
            "ranges.$": "$$.Map.Item.Value.ranges",
            "turn": 1,
        },
        "ItemProcessor": {
            # An EXPRESS child ends after five minutes.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Turn",
            "States": {
                "Turn": {**_task(function, None, "Left"), "TimeoutSeconds": TURN_S},
                "Left": {
                    "Type": "Choice",
                    "Choices": [
                        {"Variable": "$.ranges[0]", "IsPresent": True, "Next": "Turn"},
                    ],
                    "Default": "Done",
                },
                # The outputs of all batches together must fit a state's 256 KiB.
                "Done": {"Type": "Pass", "Result": {}, "End": True},
            },
        },
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Report"}],
        "Next": "Report",
    }


def _task(function: str, event: State | None, following: str) -> State:
    """A call of the function with this event; None: with the state's input."""
    given: State = {"Payload.$": "$"} if event is None else {"Payload": event}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, **given},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": TURN_S,
        "Retry": [
            {"ErrorEquals": NEVER_AGAIN, "MaxAttempts": 0},
            _retry(SIDES, SWEEP_SIDE_RETRY),
            _retry(BUSY, SWEEP_BUSY_RETRY),
            _retry(["States.ALL"], SWEEP_STEP_RETRY),
        ],
        "Next": following,
    }


def _retry(errors: list[str], retry: Retry) -> State:
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": int(retry.first_s),
        "BackoffRate": 2,
        "MaxDelaySeconds": int(retry.longest_s),
        "MaxAttempts": retry.attempts - 1,
        "JitterStrategy": "FULL",
    }


def _choice(by_key: dict[str, str], otherwise: str) -> State:
    """Choose the next state by the key that the answer has."""
    choices = [
        {"Variable": f"$.{key}", "IsPresent": True, "Next": following}
        for key, following in by_key.items()
    ]
    return {"Type": "Choice", "Choices": choices, "Default": otherwise}
