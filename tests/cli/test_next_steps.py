"""Test what each verb says comes next: in order, as commands that are accepted, and as data."""

from __future__ import annotations

import json
import shlex
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from docs.site.reference.command import statuses
from hintferry_cli import next_steps as module
from hintferry_cli.app import app
from hintferry_cli.exits import Status
from hintferry_cli.next_steps import NextStep, as_json, conclude, next_steps, tell
from tests.cli.test_every_verb import VERBS, parsed
from tests.cli.test_journal import Desk, desk  # noqa: F401 - a fixture
from tools import places

ONE = ("shop.orders",)
ALWAYS_DONE = {"init", "size", "prices", "env", "cost"}
"""Verbs that end with an error or with everything."""


def test_the_way_leads_from_the_first_verb_to_the_last() -> None:
    verb, seen = "init", ["init"]
    while steps := next_steps(verb, Status.DONE, ONE):
        (step,) = steps
        verb = step.verb
        seen.append(verb)
    assert seen == [
        "init", "preflight", "schema", "deploy", "backfill", "verify", "status", "cutover",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("tables", [ONE, ("shop.orders", "shop.visits"), ("--all",)])
def test_what_comes_next_is_a_call_that_is_accepted(
    verb: str, status: Status, tables: tuple[str, ...]
) -> None:
    if str(status.value) not in statuses(VERBS[verb].help):
        return
    if verb in ALWAYS_DONE and status is not Status.DONE:
        return
    names = {one.name for one in VERBS[verb].params}
    taken = tables if "tables" in names else ONE if "table" in names else ()
    for step in next_steps(verb, status, taken, Path("staging.toml")):
        if step.verb == "deploy":
            assert step.command == module.DEPLOY
            continue
        program, *arguments = shlex.split(step.command)
        assert program == "hintferry"
        assert step.why
        assert parsed(arguments) == step.verb


def test_a_call_that_resumes_has_its_options_again() -> None:
    (step,) = next_steps("verify", Status.UNFINISHED, ONE, options=["--consistency", "all"])
    assert step.command == "hintferry verify shop.orders --consistency all"


def test_differences_are_repaired_and_compared_again() -> None:
    first, second = next_steps("verify", Status.NEGATIVE, ONE)
    assert "--repair" in first.arguments
    assert second.arguments == ("shop.orders", "--consistency", "all")


def test_one_cutover_names_all_tables_that_are_ready() -> None:
    (step,) = next_steps("status", Status.DONE, ("shop.orders", "shop.visits"))
    assert step.command == "hintferry cutover shop.orders shop.visits --writes-stopped now"
    assert next_steps("status", Status.DONE) == []


def test_a_step_is_a_line_that_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    step = NextStep("pause", ("a.b", "--reason", "node 3 [down]"), "stop it")
    out = StringIO()
    tell([step], Console(file=out, width=20))
    assert out.getvalue() == "next: stop it:\n  hintferry pause a.b --reason 'node 3 [down]'\n"
    conclude(None, [step])
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", out.getvalue())
    conclude({"keys": 1}, [step])
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out) == {
        "version": 1,
        "keys": 1,
        "next_steps": [
            {"verb": "pause", "arguments": ["a.b", "--reason", "node 3 [down]"], "why": "stop it"}
        ],
    }
    assert json.loads(as_json({}, []))["next_steps"] == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_ends_in_the_one_place_that_knows(verb: str) -> None:
    path = VERBS[verb].callback.__module__.replace(".", "/")
    assert "conclude(" in (places.ROOT / "cli" / f"{path}.py").read_text()


def test_a_verb_says_it_as_text_and_as_data() -> None:
    call = ["size", "--writes-per-second", "9", "--row-bytes", "9", "--outage-hours", "1"]
    plain = CliRunner().invoke(app, call)
    assert plain.stderr.splitlines()[1] == "  hintferry cost"
    assert "next" not in plain.stdout
    told = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)
    assert (told["version"], told["next_steps"][0]["verb"]) == (1, "cost")


def test_several_tables_are_switched_and_one_that_fails_holds_no_other(desk: Desk) -> None:  # noqa: F811
    assert desk.run("pause", "shop.visits").exit_code == 0
    result = desk.run("resume", "shop", "--json")
    told = json.loads(result.stdout)
    assert [(one["table"], one["status"]) for one in told["tables"]] == [
        ("shop.orders", 2),
        ("shop.visits", 0),
    ]
    assert result.exit_code == Status.UNFINISHED
    assert "hintferry: shop.orders: shop.orders is not paused" in result.stderr
    paused = desk.run("pause", "shop")
    assert paused.stdout.count(": paused. ") == 2
    assert paused.stderr.endswith(
        f"  hintferry resume shop.orders shop.visits --config {desk.config}\n"
    )
