"""The command as a person meets it: help, wrong calls, exit statuses, errors, colours, terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hintferry.adapters.config.places import PLACES
from hintferry_cli.app import app
from hintferry_cli.replay import view
from hintferry_cli.replay.tally import Tally
from tests.cli.conftest import Deployment
from tools import places

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "command", [[str(places.COMMAND)], [sys.executable, "-m", "hintferry_cli"]]
)
def test_the_command_runs_as_a_program_and_as_a_module(command: list[str]) -> None:
    search = os.pathsep.join(sys.path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": search, "AWS_DEFAULT_REGION": "x"}
    done = subprocess.run(
        [*command, "replay"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("hintferry: give --parked-queue-url (or HINTFERRY_PARKED_QUEUE_URL)")


def test_the_examples_of_the_help_and_of_the_documents_are_accepted(
    deployment: Deployment,
) -> None:
    text = CliRunner().invoke(app, ["replay", "--help"]).stdout
    text += (places.ROOT / "docs" / "how-to" / "replay.md").read_text()
    examples = re.findall(r"^ *hintferry replay *([^#\n]*)", text, re.MULTILINE)
    assert len(examples) == 3 + 4
    for example in examples:
        assert deployment.run(*example.split()).exit_code == 0, example


def test_the_result_shown_in_the_documents_is_what_is_shown() -> None:
    tally, out = Tally(), StringIO()
    for _ in range(12):
        tally.sent("schema")
    for _ in range(3):
        tally.left("stuck")
    view.show(tally, Console(file=out), Console(file=out), dry_run=False)
    shown = "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
    assert f"```\n{shown}```" in (places.ROOT / "docs" / "how-to" / "replay.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--reason", "shema"], "choose from undecodable"),
        (["orders"], "write shop.orders"),
        ([".orders"], ".orders is not a table of"),
        (["--rate", "0"], "--rate"),
        (["--rate", "fast"], "--rate"),
        (["--nonsense"], "--nonsense"),
        (["--bucket", "no-such-bucket"], "check --bucket"),
        (
            ["--parked-queue-url", "https://sqs.eu-west-1.amazonaws.com/1/none"],
            "--parked-queue-url",
        ),
        (
            ["--replay-queue-url", "https://sqs.eu-west-1.amazonaws.com/1/none"],
            "--replay-queue-url",
        ),
    ],
)
def test_a_wrong_call_does_nothing_and_says_what_to_fix(
    arguments: list[str], says: str, deployment: Deployment
) -> None:
    body = deployment.park()
    result = deployment.run(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert deployment.taken(deployment.parked_url) == [body]


@pytest.mark.parametrize("variable", [place.variable for place in PLACES])
def test_a_place_that_is_not_known_is_asked_for(
    variable: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(variable)
    result = deployment.run("--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert f"(or {variable})" in result.stderr


def test_debug_shows_the_stack_trace(deployment: Deployment) -> None:
    result = CliRunner().invoke(app, ["--debug", "replay", "--reason", "shema"])
    assert type(result.exception).__name__ == "ConfigurationError"


def test_without_a_region_the_variable_is_named(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    result = deployment.run()
    assert result.exit_code == 2
    assert "AWS_DEFAULT_REGION" in result.stderr


def test_an_empty_queue_is_said_to_be_empty(deployment: Deployment) -> None:
    result = deployment.run()
    assert (result.exit_code, result.stdout) == (
        0,
        "Nothing to replay: the parked queue and the on-failure bucket are empty.\n",
    )


def steps(tally: Tally) -> list[None]:
    for _ in range(3):
        tally.sent("schema")
    return [None]


def test_a_terminal_gets_a_bar_and_anything_else_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "PLAIN_EVERY_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    shown = []
    for is_terminal in (True, False):
        tally, out = Tally(), StringIO()
        console = Console(file=out, force_terminal=is_terminal, width=100)
        view.follow(iter(steps(tally)), tally, 3, console)
        shown.append(out.getvalue())
    assert "━" in shown[0]
    assert "\x1b[" in shown[0]
    assert shown[1] == "3 of about 3: sent 3, left 0, failed 0\n"


def test_no_colour_is_used_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    tally.failed("schema", "[red]why[/red]")
    coloured = []
    for wanted in (False, True):
        if wanted:
            monkeypatch.setenv("NO_COLOR", "1")
        out = StringIO()
        console = Console(file=out, force_terminal=True, width=100)
        view.show(tally, console, console, dry_run=False)
        coloured.append("\x1b[31m" in out.getvalue())
        assert "[red]why[/red]" in out.getvalue()
    assert coloured == [True, False]
