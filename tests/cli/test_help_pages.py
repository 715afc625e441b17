"""Test the help as a person reads it, and that nothing that is printed is read as markup."""

from __future__ import annotations

import ast
import re
from io import StringIO
from typing import Any

import pytest
import typer
from rich.console import Console
from rich.markup import render
from typer.testing import CliRunner

from hintferry_cli import app as application
from hintferry_cli.app import app
from hintferry_cli.console import console, say
from hintferry_cli.help_pages import as_markup
from tools import places

COMMAND: Any = typer.main.get_command(app)
VERBS: dict[str, Any] = COMMAND.commands
WIDE = {"COLUMNS": "400"}
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf"
HOSTILE = (SECRET, "[bold]x[/bold]", "map<text, [int]>", ":smile: :x: 10:20:30", "\\[a] [/]", ":")


def shown(*arguments: str, columns: str = "400") -> str:
    return CliRunner().invoke(app, [*arguments], env={"COLUMNS": columns}).stdout


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_text_of_the_help_is_shown_as_it_is_written(verb: str) -> None:
    page = " ".join(re.sub("[│╭╰─╮╯]", " ", shown(verb, "--help")).split())
    texts = [*VERBS[verb].help.split("\n\n"), *(one.help or "" for one in VERBS[verb].params)]
    for text in texts:
        assert " ".join(text.split()) in page


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_read_as_markup_or_as_an_emoji(text: str) -> None:
    assert render(as_markup(text)).plain == text
    out = StringIO()
    say(Console(file=out, width=10), text)
    assert out.getvalue() == text + "\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_console_of_the_command_prints_text(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console().print(text, soft_wrap=True)
    assert capsys.readouterr().out == text + "\n"


def calls(name: str) -> set[str]:
    """The files of the command that call a function of this name."""
    home = places.ROOT / "cli" / "hintferry_cli"
    return {
        str(path.relative_to(home))
        for path in home.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == name
    }


def test_one_place_makes_the_consoles() -> None:
    assert calls("Console") == {"console.py"}


@pytest.mark.parametrize("verb", ["", *sorted(VERBS)])
def test_the_help_names_no_type_of_the_programs_own(verb: str) -> None:
    page = shown(*([verb] if verb else []), "--help")
    assert not re.search(r"<\w+( range)?>|\blist\[", page), page


@pytest.mark.parametrize("columns", ["40", "60", "100"])
def test_the_help_fits_a_narrow_terminal(columns: str) -> None:
    for verb in VERBS:
        page = shown(verb, "--help", columns=columns)
        assert max(map(len, page.splitlines())) <= int(columns), verb


def test_the_short_forms_of_help_and_version_are_taken() -> None:
    for verb in ("", *VERBS):
        arguments = [verb] if verb else []
        assert shown(*arguments, "-h") == shown(*arguments, "--help") != ""
    assert shown("-V") == shown("--version") != ""


def test_the_verbs_stand_in_the_order_of_a_migration() -> None:
    panels = re.findall(r"^╭─ ([A-Z][\w ]+?) ─", shown("--help"), re.MULTILINE)
    assert panels == ["Options", "Plan", "Migrate", "Cut over", "Operate"]
    assert list(VERBS) == [verb.__name__ for _, _, verb in application.VERBS]
    assert list(VERBS).index("backfill") < list(VERBS).index("cutover")
