"""State machines for the sandbox: moto's engine in this process, corrected where it departs.

Its Lambda invocations go to functions of the sandbox. A Distributed Map fails beyond the tolerated
failures, as on the service. And it takes any number of items, where moto's own recurses once an
item and hangs.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Self

import boto3

from sandbox.parts.waiting import until
from sandbox.services.lambda_runtime import LambdaFunction

ACCOUNT = "123456789012"  # moto's
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/sweep"
_LOGIN = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_ENGINE = "moto.stepfunctions.parser.asl."
_READER = f"{_ENGINE}component.state.exec.state_map.item_reader.eval.resource_eval_s3"
_SDK = "state_task_service_aws_sdk"
_MAP = f"{_ENGINE}component.state.exec.state_map.iteration."

Invoke = Callable[[str, bytes], tuple[bytes, bool]]
"""Function name and event -> payload, and whether it is an error's."""


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """End of an execution: SUCCEEDED with `output`, FAILED with `error` and `cause`, ABORTED."""

    status: str
    output: Any
    error: str | None
    cause: str | None


class StateMachines:
    """Runs while it is entered: one at a time in a process. `s3_url`: whose buckets an execution
    reads, where they are not this server's own."""

    def __init__(self, invoke: Invoke, region: str, s3_url: str | None = None) -> None:
        self._invoke, self._region, self._s3_url = invoke, region, s3_url

    def client(self, service: str) -> Any:
        """A boto3 client of this server."""
        return boto3.client(service, region_name=self._region, endpoint_url=self.url, **_LOGIN)

    def make(self, name: str, definition: Mapping[str, Any]) -> str:
        """The ARN of a new state machine."""
        made = self._steps.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=_ROLE
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Mapping[str, Any], name: str) -> str:
        """The ARN of a new execution."""
        started = self._steps.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(given)
        )
        return str(started["executionArn"])

    def wait(self, execution: str, within_s: float) -> ExecutionEnded:
        """Wait for the end of the execution and return it. Raises TimeoutError."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self._steps.describe_execution(executionArn=execution))
            # The status may be told before the output is there.
            told = "output" in found or "error" in found or found["status"] == "ABORTED"
            return found["status"] != "RUNNING" and told

        until(is_over, within_s, f"{execution} ends")
        output = json.loads(found["output"]) if "output" in found else None
        return ExecutionEnded(found["status"], output, found.get("error"), found.get("cause"))

    def stop(self, execution: str) -> None:
        """Abort it."""
        self._steps.stop_execution(executionArn=execution)

    def run(
        self, machine: str, given: Mapping[str, Any], name: str, within_s: float = 120.0
    ) -> ExecutionEnded:
        """Start an execution and wait for its end."""
        return self.wait(self.start(machine, given, name), within_s)

    def __enter__(self) -> Self:
        from moto.core.config import default_user_config
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        # Every failure that a definition catches is told at length.
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        # The engine calls its own server at this port of localhost.
        self._port_before = os.environ.get("MOTO_PORT")
        os.environ["MOTO_PORT"] = str(port)
        self.url = f"http://127.0.0.1:{port}"
        self._steps = self.client("stepfunctions")
        self._undo = [
            _calls_functions(self._invoke),
            _asks_step_functions(),
            _reads_buckets(self._s3_url or self.url),
            _counts_failures(),
            _takes_any_number(),
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for undo in self._undo:
            undo()
        self._server.stop()
        if self._port_before is None:
            del os.environ["MOTO_PORT"]
        else:
            os.environ["MOTO_PORT"] = self._port_before


def invoke_of(functions: Mapping[str, LambdaFunction]) -> Invoke:
    """Invocations by the functions of the sandbox, by their names."""

    def invoke(name: str, event: bytes) -> tuple[bytes, bool]:
        ended = functions[name].invoke(event)
        if ended.error_type is None:
            return ended.payload or b"null", False
        failure = {"errorType": ended.error_type, "errorMessage": ended.message}
        return json.dumps(failure).encode(), True

    return invoke


def _replace(owner: Any, name: str, new: Any) -> Callable[[], None]:
    old = getattr(owner, name)
    setattr(owner, name, new)
    return lambda: setattr(owner, name, old)


def _calls_functions(invoke: Invoke) -> Callable[[], None]:
    calls = import_module(f"{_ENGINE}component.state.exec.state_task.lambda_eval_utils")
    client_for = calls.boto_client_for

    class Lambda:
        def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:
            payload, is_error = invoke(FunctionName, Payload)
            answer = {"StatusCode": 200, "Payload": io.BytesIO(payload)}
            return {**answer, "FunctionError": "Unhandled"} if is_error else answer

    def client(region: str, service: str, state_credentials: Any = None) -> Any:
        return Lambda() if service == "lambda" else client_for(region, service, state_credentials)

    return _replace(calls, "boto_client_for", client)


def _reads_buckets(url: str) -> Callable[[], None]:
    module = import_module(_READER)

    def client(region: str, service: str, state_credentials: Any = None) -> Any:
        return boto3.client(service, region_name=region, endpoint_url=url, **_LOGIN)

    return _replace(module, "boto_client_for", client)


def _asks_step_functions() -> Callable[[], None]:
    """A definition names the members of an API in capitals; moto hands them on as they are, which
    Step Functions' own API does not know."""
    module = import_module(f"{_ENGINE}component.state.exec.state_task.service.{_SDK}")
    task = module.StateTaskServiceAwsSdk
    call = task._eval_service_task

    def eval_service_task(self: Any, env: Any, normalised_parameters: Any, **others: Any) -> None:
        given = {name[:1].lower() + name[1:]: one for name, one in normalised_parameters.items()}
        call(self, env=env, normalised_parameters=given, **others)
        answer = env.stack.pop()
        env.stack.append({name[:1].upper() + name[1:]: one for name, one in answer.items()})

    return _replace(task, "_eval_service_task", eval_service_task)


def _counts_failures() -> Callable[[], None]:
    """A map run fails with more failed items than it tolerates; by moto's own it never does."""
    component = import_module(f"{_MAP}distributed_iteration_component")
    errors = import_module(f"{_ENGINE}component.common.error_name.states_error_name")
    kinds = import_module(f"{_ENGINE}component.common.error_name.states_error_name_type")
    details = import_module(f"{_ENGINE}eval.event.event_detail").EventDetails
    events = import_module("moto.stepfunctions.parser.api")
    failures = import_module(f"{_ENGINE}component.common.error_name.failure_event")
    name = errors.StatesErrorName(
        typ=kinds.StatesErrorNameType.StatesExceedToleratedFailureThreshold
    )
    run = component.DistributedIterationComponent._map_run

    def map_run(self: Any, env: Any, eval_input: Any) -> None:
        items, record = len(env.stack[-1]), eval_input.map_run_record
        # Of no items moto would wait for ever.
        if items:
            run(self, env, eval_input)
        counts = record.item_counter
        failed = counts.failed.get() + counts.timed_out.get()
        by_share = (record.tolerated_failure_percentage or 0) * items / 100
        if failed > max(by_share, record.tolerated_failure_count or 0):
            failure = failures.FailureEvent(
                env=env,
                error_name=name,
                event_type=events.HistoryEventType.TaskFailed,
                event_details=details(
                    taskFailedEventDetails=events.TaskFailedEventDetails(
                        error=name.error_name,
                        cause="The specified tolerated failure threshold was exceeded",
                        resource="",
                        resourceType="",
                    )
                ),
            )
            raise failures.FailureEventException(failure)

    return _replace(component.DistributedIterationComponent, "_map_run", map_run)


def _takes_any_number() -> Callable[[], None]:
    module = import_module(f"{_MAP}itemprocessor.distributed_item_processor_worker")
    worker = module.DistributedItemProcessorWorker

    def eval_pool(self: Any, job: Any, worker_frame: Any) -> None:
        while job is not None:
            frame = worker_frame.open_inner_frame()
            self._eval_job(env=frame, job=job)
            worker_frame.delete_frame(frame)
            is_last = isinstance(job.job_output, Exception) or self.stopped()
            following = None if is_last else self._job_pool.next_job()
            if following is None:
                # Before the job is closed: the map waits for jobs, not for workers.
                self._env.delete_frame(worker_frame)
            self._job_pool.close_job(job)
            job = following

    return _replace(worker, "_eval_pool", eval_pool)
