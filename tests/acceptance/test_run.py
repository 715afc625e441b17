"""A run takes its steps in order, and tears down whatever happens in any of them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import typer

from acceptance.__main__ import Options, begin
from acceptance.plan import Plan
from acceptance.ports import Done, Refused
from acceptance.questions.order import ORDER_QUESTIONS
from acceptance.run import Cost, removal, run
from acceptance.steps import Bench, steps
from acceptance.testing import ScriptedAccount, ScriptedClock, ScriptedNode
from hintferry_cli.app import app

NAME = "acceptance-3f9a1c"
COST = Cost(7.0, 30.0)
ORDER = (
    "account", "deploy", "node", "capture", "workload", "backfill", "verify", "replay", "cutover",
    "questions", "order",
)  # fmt: skip
EVENTS = {
    "deploy": "deploy", "node": "prepare", "capture": "capture", "workload": "load",
    "backfill": "backfill", "verify": "verify", "replay": "large", "cutover": "cutover",
    "questions": "questions", "order": "order",
}  # fmt: skip
"""The call by which each step begins its work."""


class Rehearsal:
    """A run with scripted ports; `at` says what happens at which of their calls."""

    def __init__(self, folder: Path) -> None:
        self.at: dict[str, list[int]] = {}
        self.account, self.node = ScriptedAccount(self._event), ScriptedNode(self._event)
        self.plan = Plan(NAME, "us-east-1", 5, folder)
        self.plan.write()
        self.said: list[str] = []

    def _event(self, what: str) -> None:
        for number in self.at.pop(what, []):
            os.kill(os.getpid(), number)

    def run(self, *, keep: bool = False) -> int:
        return run(self.bench(ScriptedClock()), steps(self.plan), COST, keep=keep)

    def bench(self, clock: ScriptedClock) -> Bench:
        return Bench(self.plan, self.account, self.node, clock, self.said.append)

    def outcomes(self) -> dict[str, str]:
        tree = json.loads((self.plan.folder / "record.json").read_text())
        return {step["name"]: step["outcome"] for step in tree["steps"]}


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


def test_every_step_is_done_and_nothing_stays(rehearsal: Rehearsal) -> None:
    rehearsal.account.known_metrics = {"mapping-dimensions": ["EventSourceMappingUUID"]}
    assert rehearsal.run() == 0
    assert rehearsal.outcomes() == dict.fromkeys(ORDER, "done")
    assert rehearsal.account.there == []
    tree = json.loads((rehearsal.plan.folder / "record.json").read_text())
    told = {one["id"]: one["verdict"] for one in tree["questions"]}
    assert told["mapping-dimensions"] == told["empty-text"] == "agrees"
    assert told["stream-static"] == told["partial-commit"] == "open"
    assert "Nothing." in (rehearsal.plan.folder / "record.md").read_text()


def test_the_command_understands_what_the_steps_call(rehearsal: Rehearsal) -> None:
    assert rehearsal.run() == 0
    group: Any = typer.main.get_command(app)
    called = [program[1:] for program in rehearsal.node.ran if program[0] == "hintferry"]
    assert {arguments[0] for arguments in called} == {"backfill", "verify", "replay", "cutover"}
    for verb, *arguments in called:
        group.commands[verb].make_context(verb, arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", EVENTS)
def test_a_stop_in_any_step_tears_down(
    rehearsal: Rehearsal, step: str, number: signal.Signals
) -> None:
    rehearsal.at = {EVENTS[step]: [number]}
    assert rehearsal.run() == 130
    assert rehearsal.account.there == []
    found = rehearsal.outcomes()
    assert found[step] == "stopped"
    later = ORDER[ORDER.index(step) + 1 :]
    assert [found[name] for name in later] == ["not run"] * len(later)


def test_a_stop_before_anything_is_made_removes_nothing(rehearsal: Rehearsal) -> None:
    rehearsal.at = {"check": [signal.SIGINT], "remove": [signal.SIGINT]}
    assert rehearsal.run() == 130
    assert "remove" in rehearsal.at, "the account was asked to remove what was not made"


def test_a_second_stop_says_what_stays_and_how_to_remove_it(rehearsal: Rehearsal) -> None:
    rehearsal.at = {"load": [signal.SIGINT], "remove": [signal.SIGINT]}
    assert rehearsal.run() == 4
    assert rehearsal.account.there == [NAME]
    assert any("Stays: " in line and removal(NAME) in line for line in rehearsal.said)


@pytest.mark.parametrize("verb", ["tables", "load", "backfill", "verify", "large", "cutover"])
def test_an_error_in_a_step_tears_down_and_is_in_the_record(
    rehearsal: Rehearsal, verb: str
) -> None:
    rehearsal.node.answers[verb] = Done(3, "", "the source does not answer")
    assert rehearsal.run() == 1
    assert rehearsal.account.there == []
    assert "the source does not answer" in (rehearsal.plan.folder / "record.md").read_text()
    # What does not need the step is done all the same.
    assert rehearsal.outcomes()["questions"] == ("not run" if verb == "tables" else "done")


def test_a_record_that_is_parked_again_fails_the_replay(rehearsal: Rehearsal) -> None:
    rehearsal.node.parks_again = True
    assert rehearsal.run() == 1
    found = rehearsal.outcomes()
    assert (found["replay"], found["cutover"], found["questions"]) == ("failed", "not run", "done")


def test_a_deploy_that_fails_is_torn_down(rehearsal: Rehearsal) -> None:
    rehearsal.account.deploy_status = 1
    assert rehearsal.run() == 1
    assert rehearsal.account.there == []
    assert set(rehearsal.outcomes().values()) == {"done", "failed", "not run"}


def test_what_cannot_be_removed_is_told_with_the_command(rehearsal: Rehearsal) -> None:
    rehearsal.account.stays = ["the stack acceptance-3f9a1c-network (DELETE_FAILED)"]
    assert rehearsal.run() == 4
    assert any(removal(NAME) in line for line in rehearsal.said)


def test_an_account_that_is_too_small_ends_the_run_before_anything_is_made(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.account.preflight_status = 1
    rehearsal.account.findings = [
        {
            "level": "fault",
            "where": "Lambda",
            "what": "runs 10 invocations at once in this account",
            "fix": "ask AWS for more",
        }
    ]
    assert rehearsal.run() == 1
    wanted = "account: failed Lambda runs 10 invocations at once in this account; ask AWS for more"
    assert any(line.startswith(wanted) for line in rehearsal.said)
    assert rehearsal.account.there == []
    assert rehearsal.outcomes()["deploy"] == "not run"


def test_keep_leaves_it_and_says_what_it_costs(rehearsal: Rehearsal) -> None:
    assert rehearsal.run(keep=True) == 0
    assert rehearsal.account.there == [NAME]
    (line,) = (line for line in rehearsal.said if line.startswith("Kept: "))
    assert "USD 30.00 a day" in line
    assert removal(NAME) in line


def test_the_answers_of_the_failing_mappings_are_waited_for(rehearsal: Rehearsal) -> None:
    clock = ScriptedClock()
    account, bench = rehearsal.account, rehearsal.bench(clock)
    (step,) = (one for one in steps(rehearsal.plan) if one.name == "order")
    assert step.act(bench, step.within_s)["open"] == len(ORDER_QUESTIONS)
    assert 0.9 * step.within_s < clock.now() <= step.within_s
    account.known_order = {one.id: one.assumed for one in ORDER_QUESTIONS}
    account.known_order["partial-commit"] = "3 beyond it"
    waited = clock.now()
    found = step.act(bench, step.within_s)
    assert (found["agrees"], found["differs"], found["open"]) == (3, 1, 0)
    assert clock.now() == waited


def test_an_answer_that_differs_is_a_negative_end(rehearsal: Rehearsal) -> None:
    rehearsal.account.known_metrics = {"mapping-dimensions": ["Mapping"]}
    assert rehearsal.run() == 1
    assert set(rehearsal.outcomes().values()) == {"done"}


@pytest.mark.parametrize(
    ("there", "keyspaces", "words"),
    [
        (["acceptance-000001"], [], "was not torn down"),
        ([], ["shop"], "has the keyspace shop in this Region already"),
        ([], ["hintferry"], "has the keyspace hintferry in this Region already"),
    ],
)
def test_an_account_with_something_of_that_name_is_refused(
    rehearsal: Rehearsal, there: list[str], keyspaces: list[str], words: str
) -> None:
    rehearsal.account.there, rehearsal.account.known_keyspaces = there, keyspaces
    options = Options(rehearsal.plan, dry_run=False, yes=True, keep=False, remove="")
    with pytest.raises(Refused, match=words):
        begin(options, rehearsal.account, rehearsal.node, rehearsal.said.append)
    assert rehearsal.account.there == there


def test_a_dry_run_prints_the_plan_and_asks_the_account_nothing(rehearsal: Rehearsal) -> None:
    rehearsal.account.there = ["acceptance-000001"]
    options = Options(rehearsal.plan, dry_run=True, yes=False, keep=False, remove="")
    assert begin(options, rehearsal.account, rehearsal.node, rehearsal.said.append) == 0
    assert all(name in rehearsal.said[0] for name in ORDER)
    assert "At most, USD" in rehearsal.said[0]


def test_without_a_yes_nothing_is_made(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    options = Options(rehearsal.plan, dry_run=False, yes=False, keep=False, remove="")
    with pytest.raises(Refused, match="nothing was made"):
        begin(options, rehearsal.account, rehearsal.node, rehearsal.said.append)
    assert rehearsal.account.there == []
