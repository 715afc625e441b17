"""The code keeps to the field's words, and its docstrings to sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.test_language import BANNED, INSTEAD
from tools import places

FOLDERS = ("layers/hintferry/python/hintferry", "ops/hintferry_ops", "cli", "functions", "node")
FILES = [one for folder in FOLDERS for one in sorted((places.ROOT / folder).rglob("*.py"))]
VERBLESS = re.compile(r"(?:Of|Its|What|Whether|That|Those|As|How|Where|Which|From)\b")


def texts(source: str) -> Iterator[str]:
    """Yield the docstrings and the string literals of a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def docstrings(source: str) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield ast.get_docstring(node) or ""


def named(file: Path) -> str:
    return str(file.relative_to(places.ROOT))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_says_nothing_for_which_the_glossary_has_a_word(file: Path) -> None:
    found = [word for text in texts(file.read_text()) for word in BANNED.findall(text)]
    assert found == [], INSTEAD


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_docstring_begins_with_a_sentence(file: Path) -> None:
    assert [text for text in docstrings(file.read_text()) if VERBLESS.match(text)] == []


def test_words_and_docstrings_are_found() -> None:
    source = (
        '"""What mends it."""\n\ndef told(one):\n    """Of one."""\n    return f"{one} is told"\n'
    )
    assert [word for text in texts(source) for word in BANNED.findall(text)] == ["mends", "is told"]
    assert [text for text in docstrings(source) if VERBLESS.match(text)] == [
        "What mends it.",
        "Of one.",
    ]
