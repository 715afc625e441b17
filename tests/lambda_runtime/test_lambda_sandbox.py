"""The local execution environment behaves as Lambda's does when functions do not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.parts.waiting import until
from sandbox.services.lambda_runtime import (
    MAX_PAYLOAD_BYTES,
    FunctionInitError,
    LambdaFunction,
    LambdaSandbox,
    PayloadTooLargeError,
    ReservedVariableError,
)
from tests.infra.shipped import copy_runtime_client

pytestmark = pytest.mark.slow

TASK = Path(__file__).parent / "task"
LAMBDAS_OWN = {
    "PATH",
    "LANG",
    "TZ",
    "PYTHONPATH",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_EXECUTION_ENV",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
}


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def sandbox(lines: list[str], tmp_path: Path) -> Iterator[LambdaSandbox]:
    with LambdaSandbox(
        handler="sample.lambda_handler",
        task_root=TASK,
        env={"AWS_REGION": "eu-west-1", "COLOUR": "blue"},
        timeout_s=2.0,
        memory_mb=512,
        name="sample",
        log=tmp_path / "function.log",
        on_line=lines.append,
    ) as sandbox:
        yield sandbox


def ask(sandbox: LambdaSandbox, do: str, **more: object) -> Any:
    """The handler's answer, which must be a success."""
    outcome = sandbox.invoke(json.dumps({"do": do, **more}).encode())
    assert outcome.payload is not None, outcome
    return json.loads(outcome.payload)


def test_a_process_stays_warm_between_events(sandbox: LambdaSandbox) -> None:
    first, second = ask(sandbox, "count"), ask(sandbox, "count")
    assert (first["seen"], second["seen"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_only_the_first_event_of_a_process_is_a_cold_start(sandbox: LambdaSandbox) -> None:
    event = b'{"do": "count"}'
    assert [sandbox.invoke(event).cold_start for _ in range(2)] == [True, False]


def test_the_environment_is_lambdas_and_nothing_else(
    sandbox: LambdaSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_THE_SHELL", "1")
    seen = ask(sandbox, "environment")
    assert seen["COLOUR"] == "blue"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert seen["LAMBDA_TASK_ROOT"] == str(TASK)
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["AWS_LAMBDA_LOG_STREAM_NAME"]
    )
    assert seen.keys() - {"COLOUR"} == LAMBDAS_OWN


@pytest.mark.parametrize("name", ["AWS_LAMBDA_MAX_CONCURRENCY", "_HANDLER", "LAMBDA_TASK_ROOT"])
def test_a_reserved_variable_is_refused(name: str) -> None:
    with pytest.raises(ReservedVariableError, match=f"Lambda reserves {name}"):
        LambdaSandbox(handler="sample.lambda_handler", task_root=TASK, env={name: "1"})


def test_the_context_names_function_memory_and_deadline(sandbox: LambdaSandbox) -> None:
    seen = ask(sandbox, "describe")
    assert seen["name"] == "sample"
    assert seen["memory"] == "512"
    assert seen["arn"].endswith(":function:sample")
    assert 0 < seen["left_ms"] <= 2000


def test_output_reaches_the_log_and_the_listener(
    sandbox: LambdaSandbox, lines: list[str], tmp_path: Path
) -> None:
    ask(sandbox, "speak", text="grüße")
    sandbox.close()
    assert [json.loads(line)["said"] for line in lines if line.startswith("{")] == ["grüße"]
    assert "to stderr" in lines
    assert (tmp_path / "function.log").read_text(encoding="utf-8").splitlines() == lines


def test_a_record_behind_a_logged_exception_is_a_line_of_its_own(
    sandbox: LambdaSandbox, lines: list[str]
) -> None:
    ask(sandbox, "stumble")
    sandbox.close()
    assert [json.loads(line)["said"] for line in lines if line.startswith("{")] == ["after it"]
    assert "LookupError: no such thing" in lines


def test_an_exception_is_an_error_and_keeps_the_process(sandbox: LambdaSandbox) -> None:
    before = ask(sandbox, "count")["pid"]
    outcome = sandbox.invoke(b'{"do": "fail"}')
    assert (outcome.payload, outcome.error_type) == (None, "LookupError")
    assert "no such thing" in outcome.message
    assert ask(sandbox, "count")["pid"] == before


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"do": "leave", "code": 0}, "without providing a reason"),
        ({"do": "exit_", "code": 0}, "without providing a reason"),
        ({"do": "exit_", "code": 3}, "exit status 3"),
        ({"do": "interrupt"}, "exit status 1|signal: interrupt"),
        ({"do": "die", "signal": 9}, "signal: killed"),
        ({"do": "die", "signal": 15}, "signal: terminated"),
    ],
)
def test_a_process_that_ends_is_an_exit_error_and_is_replaced(
    sandbox: LambdaSandbox, event: dict[str, object], message: str
) -> None:
    outcome = sandbox.invoke(json.dumps(event).encode())
    assert outcome.error_type == "Runtime.ExitError"
    assert re.search(message, outcome.message)
    assert ask(sandbox, "count")["seen"] == 1


def test_an_overrunning_handler_is_killed_at_its_deadline(sandbox: LambdaSandbox) -> None:
    pid = ask(sandbox, "count")["pid"]
    outcome = sandbox.invoke(b'{"do": "sleep", "seconds": 30}')
    assert outcome.error_type == "Sandbox.Timedout"
    assert 2000 <= outcome.duration_ms < 20_000, "it sleeps for 30 s"
    assert ask(sandbox, "count")["seen"] == 1
    assert not Path(f"/proc/{pid}").exists()


def test_a_response_over_6_mb_fails_and_costs_the_process(sandbox: LambdaSandbox) -> None:
    fits = ask(sandbox, "inflate", size=MAX_PAYLOAD_BYTES - 2)
    assert len(fits) == MAX_PAYLOAD_BYTES - 2
    process = Path(f"/proc/{ask(sandbox, 'count')['pid']}")
    outcome = sandbox.invoke(b'{"do": "inflate", "size": 7000000}')
    assert outcome.error_type == "Function.ResponseSizeTooLarge"
    # The runtime ends by itself, for the 413: nothing kills it before the next event.
    until(lambda: not process.exists(), 60, "the process has ended")
    assert ask(sandbox, "count")["seen"] == 1


def test_an_event_over_6_mb_is_refused(sandbox: LambdaSandbox) -> None:
    with pytest.raises(PayloadTooLargeError, match="over the limit of 6291556"):
        sandbox.invoke(b'"' + b"x" * MAX_PAYLOAD_BYTES + b'"')


def test_an_idle_process_that_died_is_replaced_unnoticed(sandbox: LambdaSandbox) -> None:
    pid = ask(sandbox, "count")["pid"]
    sandbox.kill()
    assert ask(sandbox, "count")["pid"] != pid


def test_a_frozen_process_answers_after_its_thaw(sandbox: LambdaSandbox) -> None:
    pid = ask(sandbox, "count")["pid"]
    sandbox.pause()
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    assert state == "T"
    sandbox.resume()
    assert ask(sandbox, "count")["pid"] == pid


def test_a_frozen_process_times_out_if_it_is_not_thawed(sandbox: LambdaSandbox) -> None:
    ask(sandbox, "count")
    sandbox.pause()
    assert sandbox.invoke(b'{"do": "count"}').error_type == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("broken.lambda_handler", "broken at import"),
        ("absent.lambda_handler", "Unable to import module"),
        ("sample.absent", "Handler 'absent' missing"),
    ],
)
def test_a_function_that_cannot_start_says_why(handler: str, reason: str) -> None:
    with (
        LambdaSandbox(handler=handler, task_root=TASK, env={}) as sandbox,
        pytest.raises(FunctionInitError, match=reason),
    ):
        sandbox.start()


def test_a_function_that_cannot_start_fails_its_events() -> None:
    with LambdaSandbox(handler="broken.lambda_handler", task_root=TASK, env={}) as sandbox:
        assert [sandbox.invoke(b"{}").error_type for _ in range(2)] == ["RuntimeError"] * 2


def test_a_function_runs_as_many_events_at_once_as_it_has_environments() -> None:
    def make() -> LambdaSandbox:
        return LambdaSandbox(handler="sample.lambda_handler", task_root=TASK, env={})

    with LambdaFunction(make, concurrency=2) as function, ThreadPoolExecutor(4) as pool:
        function.start()
        event = b'{"do": "sleep", "seconds": 0.5}'
        running = [pool.submit(function.invoke, event) for _ in range(4)]
        at_once = 0
        while not all(one.done() for one in running):
            at_once = max(at_once, sum(one.busy for one in function.sandboxes))
            time.sleep(0.01)
        assert at_once == 2
        assert [one.result().payload for one in running] == [b'"slept"'] * 4


_PARENT = """
import json, os, sys
from pathlib import Path
from sandbox.services.lambda_runtime import LambdaSandbox
box = LambdaSandbox(handler="sample.lambda_handler", task_root=Path(sys.argv[1]), env={})
print(json.loads(box.invoke(b'{"do": "count"}').payload)["pid"], flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_process_dies_with_a_parent_that_was_killed() -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.run(
        [sys.executable, "-c", _PARENT, str(TASK)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    child = Path(f"/proc/{int(parent.stdout)}")
    for _ in range(50):
        if not child.exists():
            return
        time.sleep(0.05)
    pytest.fail("the function process outlived its parent")


def test_with_a_runtime_client_of_its_own_it_sees_no_package_of_the_machine(tmp_path: Path) -> None:
    """So a function that starts needs nothing but what is shipped."""
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "hungry.py").write_text("import boto3\nlambda_handler = print\n")
    copy_runtime_client(tmp_path / "runtime")
    told: dict[str, Any] = {"handler": "hungry.lambda_handler", "task_root": tmp_path / "task"}
    with LambdaSandbox(**told, env={}) as sandbox:
        sandbox.start()
    with (
        LambdaSandbox(**told, env={}, runtime=tmp_path / "runtime") as sandbox,
        pytest.raises(FunctionInitError, match="No module named 'boto3'"),
    ):
        sandbox.start()
