"""The state machine's definition holds together, and fails in the ways that it should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from infra.sweep_machine import definition

State = dict[str, Any]
GOOD = definition("arn:aws:lambda:eu-west-1:123456789012:function:sweep", "bucket", 8)
ENDS = ("Succeed", "Fail")


def following(state: State) -> Iterator[str]:
    """Where a state may go on."""
    for one in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        if "Next" in one:
            yield one["Next"]
    if "Default" in state:
        yield state["Default"]


def faults(machine: State) -> list[str]:
    """What no schema finds: a step to nowhere, a state that nobody reaches, one without an end."""
    states, found = machine["States"], list[str]()
    reached, waiting = set[str](), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in states:
            found.append(f"{name} is no state")
        elif name not in reached:
            reached.add(name)
            waiting.extend(following(states[name]))
    found += [f"{name} is never reached" for name in states.keys() - reached]
    for name, state in states.items():
        ends = state["Type"] in ENDS or state.get("End") is True
        if ends is bool(list(following(state))):
            found.append(f"{name} must go on or end")
        if "ItemProcessor" in state:
            found += faults(state["ItemProcessor"])
    return found


def every_state(machine: State) -> Iterator[State]:
    for state in machine["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from every_state(state["ItemProcessor"])


def test_every_state_is_reached_and_goes_on_or_ends() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda states: states["Plan"].update(Next="Nowhere"), "Nowhere is no state"),
        (lambda states: states["Plan"].pop("Next"), "Plan must go on or end"),
        (lambda states: states.update(Lost={"Type": "Succeed"}), "Lost is never reached"),
        (lambda states: states["IsHeld"].update(Default="Away"), "Away is no state"),
        (
            lambda states: states["Sweep"]["ItemProcessor"].update(StartAt="Away"),
            "Away is no state",
        ),
    ],
)
def test_what_does_not_hold_together_is_found(break_it: Callable[[State], Any], says: str) -> None:
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
