"""Test what every verb has: examples that are accepted, --json, exit statuses, plain errors."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hintferry.adapters.config.places import PLACES
from hintferry_cli.app import app
from hintferry_cli.exits import Status
from tools import places

COMMAND: Any = typer.main.get_command(app)
VERBS: dict[str, Any] = COMMAND.commands


def examples(text: str) -> Iterator[list[str]]:
    """The calls in lines that begin with `hintferry`, without what a shell does with them."""
    for line in re.findall(r"^ *hintferry ([a-z-][^\n]*)", text, re.MULTILINE):
        yield shlex.split(re.split(r" [>|]| #", line)[0], comments=True)


def parsed(arguments: list[str]) -> str:
    """The verb, once its options and arguments are taken as it would take them."""
    before = [one for one in arguments[:1] if one.startswith("-")]
    verb, *rest = arguments[len(before) :]
    with COMMAND.make_context("hintferry", [*before, verb]) as context:
        VERBS[verb].make_context(verb, rest, parent=context)
    return verb


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_help_has_examples_that_are_accepted_and_the_exit_statuses(verb: str) -> None:
    text = VERBS[verb].help or ""
    found = list(examples(text))
    assert len(found) >= 2
    for example in found:
        assert parsed(example) == verb, example
    assert "Exit status: 0" in text
    # The same numbers for every verb; only `size` and `prices` ask nobody.
    numbers = re.findall(r"(?:Exit status: |; )(\d) ", text)
    assert numbers == sorted(numbers)
    assert set(numbers) <= {str(one.value) for one in Status}
    assert {"2", "3"} - set(numbers) == ({"3"} if verb in ("size", "prices") else set())


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_result_is_given_as_json_too(verb: str) -> None:
    assert "--json" in [name for one in VERBS[verb].params for name in one.opts]


def call(verb: Any) -> list[str]:
    """A call whose configuration does not exist, with what the verb must be given."""
    given: list[str] = []
    for one in verb.params:
        if one.required and one.param_type_name == "argument":
            given.append("shop.orders")
        elif one.required:
            given += [one.opts[0], "127.0.0.1"]
        elif one.opts[0] in [place.option for place in PLACES]:
            given += [one.opts[0], "x"]
    return [*given, "--config", "no-such.toml"]


CONFIGURED = sorted(
    name
    for name in VERBS.keys() - {"init", "replay"}
    if "--config" in [option for one in VERBS[name].params for option in one.opts]
)
"""`init` writes it, and `replay` needs it only where the places are not given."""


@pytest.mark.parametrize("verb", CONFIGURED)
def test_an_error_is_one_sentence_and_its_trace_is_for_debug(verb: str) -> None:
    runner, arguments = CliRunner(), call(VERBS[verb])
    plain = runner.invoke(app, [verb, *arguments])
    assert (plain.exit_code, plain.stdout) == (2, "")
    (line,) = plain.stderr.splitlines()
    assert line.startswith("hintferry: no-such.toml does not exist; ")
    debug = runner.invoke(app, ["--debug", verb, *arguments])
    assert type(debug.exception).__name__ == "ConfigurationError"


@pytest.mark.parametrize("verb", ["", *sorted(VERBS)])
def test_the_help_of_a_pipe_or_without_colour_has_no_escapes(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*([verb] if verb else []), "--help"]
    assert "\x1b[" not in CliRunner().invoke(app, arguments).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = CliRunner().invoke(app, arguments, color=True).stdout
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown), shown


@pytest.mark.slow
def test_a_shell_completes_verbs_and_options(tmp_path: Path) -> None:
    """In a real bash, with the script that the command prints for it."""
    script = f"""
        export PATH={places.COMMAND.parent}:$PATH
        source <(_HINTFERRY_COMPLETE=source_bash hintferry)
        complete -p hintferry
        for words in "hintferry pre" "hintferry preflight --on"; do
            COMP_WORDS=($words); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
            _hintferry_completion hintferry
            echo "= ${{COMPREPLY[*]}}"
        done
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    registered, verbs, options = done.stdout.splitlines()
    assert registered.endswith("hintferry")
    assert (verbs, options) == ("= preflight", "= --only")
