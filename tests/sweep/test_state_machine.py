"""The stack's sweep on the real chain: the shipped function, the engine, both clusters."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from hintferry_ops.constants import SWEEP_TIMEOUT_S
from infra.stacks.sweep_machine import definition
from sandbox.function import function
from sandbox.services.aws_server import BUCKET
from sandbox.services.lambda_runtime import LambdaFunction
from sandbox.services.queue_source import client
from sandbox.services.step_functions import StateMachines, invoke_of
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tests.sweep.machine import hurried

pytestmark = [pytest.mark.stack, pytest.mark.soak]

TABLES = {"wide": "(a int, b int, v text, PRIMARY KEY (a, b))"}
KEYS = [(a, b) for a in range(200) for b in range(5)]
FUNCTION = "sweep"
LONG_S = 3.0
"""Only the batch with a suspect takes longer: it waits to look at it again."""


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("machine")
    with workbench(stack, "machine", TABLES, folder) as running:
        insert = running.source.prepare("INSERT INTO machine.wide (a, b, v) VALUES (?, ?, 'v')")
        execute_concurrent_with_args(running.source, insert, KEYS)
        running.wait_until_equal("machine.wide", within_s=60)
        # A hint that is delivered twice would repair the damage by itself.
        assert running.chain.drain(60)
        running.behind.execute("DELETE FROM machine.wide WHERE a = 3 AND b = 1")
        yield running


class Killing:
    """Kills the first invocation of a batch that lasts long, in the middle of it."""

    def __init__(self, sweep: LambdaFunction) -> None:
        self.errors: list[str] = []
        self._sweep, self._invoke = sweep, invoke_of({FUNCTION: sweep})
        self._has_killed = threading.Event()

    def invoke(self, name: str, event: bytes) -> tuple[bytes, bool]:
        if json.loads(event)["step"] != "work":
            return self._invoke(name, event)
        timer = threading.Timer(LONG_S, self._kill)
        timer.start()
        try:
            payload, is_error = self._invoke(name, event)
        finally:
            timer.cancel()
        if is_error:
            self.errors.append(json.loads(payload)["errorType"])
        return payload, is_error

    def _kill(self) -> None:
        if not self._has_killed.is_set():
            self._has_killed.set()
            for sandbox in self._sweep.sandboxes:
                if sandbox.busy:
                    sandbox.kill()


def test_a_sweep_survives_the_death_of_a_worker_and_repairs_what_it_finds(
    bench: Workbench, tmp_path: Path
) -> None:
    s3 = client(bench.stack.aws, "s3")
    with function(bench.stack, tmp_path, FUNCTION, timeout_s=SWEEP_TIMEOUT_S) as sweep:
        killing = Killing(sweep)
        with StateMachines(killing.invoke, bench.stack.aws.region, bench.stack.aws.url) as machines:
            machine = machines.make("sweep", hurried(definition(FUNCTION, BUCKET, 2)))
            task = {"table": "machine.wide", "repair_rate": 50}
            ended = machines.run(machine, task, "found", within_s=240)
            assert ended.status == "SUCCEEDED", (ended, killing.errors)
            assert "Runtime.ExitError" in killing.errors
            found = json.load(s3.get_object(Bucket=BUCKET, Key=ended.output["result"])["Body"])
            sums = [found[name] for name in ("equal", "missing", "different", "extra", "unread")]
            assert sums == [len(KEYS) - 1, 1, 0, 0, 0]
            bench.wait_until_equal("machine.wide", within_s=60)
            again = machines.run(machine, {**task, "consistency": "all"}, "repaired", within_s=120)
            assert (again.status, again.output["is_clean"]) == ("SUCCEEDED", True), again
    rows = bench.behind.execute(
        "SELECT verb, at_all, is_clean FROM hintferry.passes WHERE name = 'machine.wide'"
    )
    assert [tuple(row) for row in rows] == [("verify", True, True), ("verify", False, False)]
