"""The code keeps to the field's words too: docstrings and texts, by folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.test_language import INSTEAD, banned
from tools import places

FOLDERS = ("cli", "functions", "node")
NO_VERB = re.compile(r"(?:Of|Its|What|Whether|That|Those|How|Whom|Whose|Likewise)\b")
"""First words of a noun phrase whose noun is missing: a docstring begins with an imperative."""


def sources(folder: str) -> list[Path]:
    """The Python files of a folder."""
    return sorted((places.ROOT / folder).rglob("*.py"))


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring of a module, a class or a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield getattr(node, "lineno", 1), text


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string literal; docstrings are literals as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def places_of(path: Path, found: Iterator[tuple[int, str]]) -> list[str]:
    return [f"{path.relative_to(places.ROOT)}:{line}: {text}" for line, text in found]


def verbless(tree: ast.AST) -> Iterator[tuple[int, str]]:
    return ((line, text[:40]) for line, text in docstrings(tree) if NO_VERB.match(text))


def old_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    return ((line, word) for line, text in texts(tree) for word in banned(text))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_has_a_word_for_which_the_glossary_has_a_better_one(folder: str) -> None:
    found = [one for path in sources(folder) for one in places_of(path, old_words(parsed(path)))]
    assert found == [], INSTEAD


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_begin_with_what_they_do(folder: str) -> None:
    found = [one for path in sources(folder) for one in places_of(path, verbless(parsed(path)))]
    assert found == []


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


def test_a_text_without_a_verb_or_with_an_old_word_is_found() -> None:
    tree = ast.parse('def f():\n    """Of a table."""\n    raise ValueError(f"mend {f} anew")')
    assert list(verbless(tree)) == [(1, "Of a table.")]
    assert list(old_words(tree)) == [(3, "mend"), (3, "anew")]
    assert [*sources("cli"), *sources("node"), *sources("functions")] != []
