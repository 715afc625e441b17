"""Test which part of the house imports which, and how long a function may be."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.places import ROOT

ROOMS = {
    "hintferry": "layers/hintferry/python/hintferry",
    "hintferry_ops": "ops/hintferry_ops",
    "hintferry_cli": "cli/hintferry_cli",
    "keyspaces_local": "sandbox/keyspaces_local/src/keyspaces_local",
    "functions": "functions",
    "node": "node",
    "infra": "infra",
    "tools": "tools",
    "sandbox": "sandbox",
    "bench": "bench",
    "acceptance": "acceptance",
    "docs": "docs",
}
ARROWS: dict[str, set[str]] = {
    "hintferry": set(),
    "hintferry_ops": {"hintferry"},
    "hintferry_cli": {"hintferry", "hintferry_ops"},
    "keyspaces_local": set(),
    "functions": {"hintferry"},
    "tools": set(),
    "node": {"hintferry", "hintferry_ops", "tools"},
    "infra": {"hintferry", "hintferry_ops", "tools"},
    "sandbox": {"hintferry", "hintferry_cli", "hintferry_ops", "keyspaces_local", "node", "tools"},
    "acceptance": {
        "hintferry",
        "hintferry_cli",
        "hintferry_ops",
        "infra",
        "keyspaces_local",
        "node",
        "sandbox",
        "tools",
    },
    "bench": {"hintferry", "hintferry_cli", "hintferry_ops", "sandbox", "tools"},
    "docs": {"hintferry", "hintferry_cli", "hintferry_ops", "tools"},
}

LONGEST = 40
"""Lines of a function's body; of tests none: each tells one story."""


def files(room: str) -> Iterator[Path]:
    """The Python files of a room but for those of a room inside it."""
    inner = [ROOT / other for name, other in ROOMS.items() if name != room]
    home = ROOT / ROOMS[room]
    for path in sorted(home.rglob("*.py")):
        if not any(path.is_relative_to(other) for other in inner if other.is_relative_to(home)):
            yield path


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports, at its top or anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_arrow_between_rooms_is_in_the_table(room: str) -> None:
    names = {*ROOMS, "tests"} - {room}
    reached = {name: path for path in files(room) for name in imported(path) & names}
    unknown = {name: str(path) for name, path in reached.items() if name not in ARROWS[room]}
    assert unknown == {}
    assert set(reached) == ARROWS[room], "an arrow of the table is gone: take it out"


def lengths(path: Path) -> Iterator[tuple[str, int]]:
    """The lines of each function's body: a verb of the command has a long list of options."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_longer_than_a_screen(room: str) -> None:
    """Ruff bounds the branches and the statements; one statement may still be long."""
    found = [
        f"{path.relative_to(ROOT)}: {name} has {count} lines, split it by meaning"
        for path in files(room)
        for name, count in lengths(path)
        if count > LONGEST
    ]
    assert found == []


IMPORT_IN_TEXT = re.compile(
    rf"\bfrom ((?:{'|'.join(ROOMS)})(?:\.\w+)*) import (\w+(?: as \w+)?(?:, \w+(?: as \w+)?)*)"
)


def imports_in_texts() -> Iterator[tuple[Path, str, str]]:
    """Yield the file, module and name of each import in a script that a file holds as a text."""
    homes = ("tests", *ROOMS.values())
    for path in sorted({path for home in homes for path in (ROOT / home).rglob("*.py")}):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for module, names in IMPORT_IN_TEXT.findall(node.value):
                    for name in names.split(", "):
                        yield path, module, name.partition(" ")[0]


def test_scripts_in_texts_import_what_is_there() -> None:
    """No type checker reads them."""
    found = list(imports_in_texts())
    assert len(found) > 20
    missing = [
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path, module, name in found
        if not _is_there(module, name)
    ]
    assert missing == []


def _is_there(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name) or bool(
            importlib.import_module(f"{module}.{name}")
        )
    except ModuleNotFoundError:
        return False
