"""Handlers that outlive their timeout, and processes that are frozen between events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.services.lambda_runtime import LambdaSandbox, OnTimeout

pytestmark = pytest.mark.slow

TASK = Path(__file__).parent / "task"
Make = Callable[..., LambdaSandbox]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as opened:

        def make(**more: Any) -> LambdaSandbox:
            settings = {"timeout_s": 1.0, "env": {}, **more}
            made = LambdaSandbox(handler="sample.lambda_handler", task_root=TASK, **settings)
            return opened.enter_context(made)

        yield make


def invoke(sandbox: LambdaSandbox, **event: object) -> Any:
    return sandbox.invoke(json.dumps(event).encode())


def await_lines(log: Path, count: int) -> list[str]:
    end = time.monotonic() + 5
    while len(lines := log.read_text().splitlines()) < count and time.monotonic() < end:
        time.sleep(0.02)
    return lines


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


class TestZombies:
    def test_a_killed_handler_writes_nothing_more(self, make: Make, tmp_path: Path) -> None:
        log = tmp_path / "log"
        sandbox = make()
        outcome = invoke(sandbox, do="report", log=str(log), name="old", seconds=1.3)
        assert outcome.error_type == "Sandbox.Timedout"
        assert sandbox.zombies == 0
        time.sleep(0.6)
        assert log.read_text().splitlines() == ["begin old"]

    def test_one_that_is_left_goes_on_beside_its_successor(
        self, make: Make, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        sandbox = make(on_timeout=OnTimeout.LEAVE)
        outcome = invoke(sandbox, do="report", log=str(log), name="old", seconds=2)
        assert outcome.error_type == "Sandbox.Timedout"
        invoke(sandbox, do="report", log=str(log), name="new", seconds=0)
        assert sandbox.zombies == 1
        assert await_lines(log, 4) == ["begin old", "begin new", "end new", "end old"]

    def test_its_late_answer_is_nobodys(self, make: Make) -> None:
        sandbox = make(on_timeout=OnTimeout.LEAVE)
        invoke(sandbox, do="sleep", seconds=1.3)
        assert json.loads(invoke(sandbox, do="count").payload)["seen"] == 1
        time.sleep(0.6)
        assert json.loads(invoke(sandbox, do="count").payload)["seen"] == 2

    def test_one_frozen_in_the_middle_of_its_event_goes_on_when_thawed(
        self, make: Make, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        made: list[LambdaSandbox] = []
        sandbox = make(on_timeout=OnTimeout.LEAVE, on_line=lambda line: made[0].pause())
        made.append(sandbox)
        assert invoke(sandbox, do="frozen", log=str(log)).error_type == "Sandbox.Timedout"
        invoke(sandbox, do="report", log=str(log), name="new", seconds=0)
        assert log.read_text().splitlines() == ["begin new", "end new"]
        sandbox.resume()
        assert await_lines(log, 3)[-1] == "thawed"

    def test_close_ends_it(self, make: Make) -> None:
        sandbox = make(on_timeout=OnTimeout.LEAVE)
        pid = json.loads(invoke(sandbox, do="count").payload)["pid"]
        invoke(sandbox, do="sleep", seconds=30)
        assert json.loads(invoke(sandbox, do="count").payload)["pid"] != pid
        assert sandbox.zombies == 1
        sandbox.close()
        assert not Path(f"/proc/{pid}").exists()


class TestFrost:
    def test_nothing_runs_between_events(self, make: Make, tmp_path: Path) -> None:
        log = tmp_path / "log"
        sandbox = make(freeze_when_idle=True)
        pid = json.loads(invoke(sandbox, do="count").payload)["pid"]
        invoke(sandbox, do="tick", log=str(log))
        assert state(pid) == "T"
        before = len(log.read_text().splitlines())
        time.sleep(0.5)
        assert len(log.read_text().splitlines()) == before
        invoke(sandbox, do="sleep", seconds=0.9)
        assert len(log.read_text().splitlines()) > before

    def test_a_frozen_process_stays_warm_after_answers_and_errors(self, make: Make) -> None:
        sandbox = make(freeze_when_idle=True)
        sandbox.start()
        first = json.loads(invoke(sandbox, do="count").payload)
        assert invoke(sandbox, do="fail").error_type == "LookupError"
        assert state(first["pid"]) == "T"
        third = json.loads(invoke(sandbox, do="count").payload)
        assert (third["pid"], third["seen"]) == (first["pid"], 3)

    def test_it_is_frozen_after_its_init_phase_too(self, make: Make) -> None:
        lines: list[str] = []
        sandbox = make(freeze_when_idle=True, on_line=lines.append, env={"SAY_PID": "1"})
        sandbox.start()
        while not lines:
            time.sleep(0.01)
        assert state(int(lines[0])) == "T"

    @pytest.mark.parametrize("ending", ["exit_", "sleep"])
    def test_a_process_that_ends_is_replaced(self, make: Make, ending: str) -> None:
        sandbox = make(freeze_when_idle=True)
        assert invoke(sandbox, do=ending, code=1, seconds=30).payload is None
        assert json.loads(invoke(sandbox, do="count").payload)["seen"] == 1

    def test_one_that_died_of_the_cold_is_replaced_unnoticed(self, make: Make) -> None:
        sandbox = make(freeze_when_idle=True)
        invoke(sandbox, do="count")
        sandbox.kill()
        assert json.loads(invoke(sandbox, do="count").payload)["seen"] == 1
