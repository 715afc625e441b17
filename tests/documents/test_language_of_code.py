"""The code keeps to the field's words, and its docstrings to short sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.documents.sentences import MOST_WORDS, too_long
from tests.documents.test_language import BANNED, INSTEAD
from tools import places

FOLDERS = (
    *("layers/hintferry/python/hintferry", "ops/hintferry_ops", "cli", "functions", "node"),
    *("infra", "sandbox", "tools", "bench", "docs/site"),
)
FILES = [one for folder in FOLDERS for one in sorted((places.ROOT / folder).rglob("*.py"))]
# Names in the kept figures of bench.
KEPT = ("gather", "gathered")
# Possessives without an owner, and questions that are no sentence.
VERBLESS = re.compile(r"(?:Of|Its|What|Whether|That|Those|As|How|Where|Which|From|Who|Why)\b")
# Of a field "whether" and "how many" are sentences enough, as its name is their subject.
NOUNLESS = re.compile(r"(?:Of|Its|That|Those|As|Which|From|By|With)\b", re.IGNORECASE)
# A drawing, a command or a table in a docstring.
APART = re.compile(r"^(?: {4}|[├│└]).*$", re.MULTILINE)


class Docstring(NamedTuple):
    """The text of a docstring, and the module, class, function or assignment that it is of."""

    owner: ast.AST
    text: str


def texts(source: str) -> Iterator[str]:
    """Yield the docstrings and the string literals of a file, each on one line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "" if node.value in KEPT else " ".join(node.value.split())


def docstrings(source: str) -> Iterator[Docstring]:
    """Yield the docstrings of a module, its classes and functions, and of what it assigns."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield Docstring(node, ast.get_docstring(node) or "")
            yield from _of_assignments(node.body)


def _of_assignments(body: list[ast.stmt]) -> Iterator[Docstring]:
    for before, after in pairwise(body):
        if not isinstance(before, ast.Assign | ast.AnnAssign) or not isinstance(after, ast.Expr):
            continue
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield Docstring(before, after.value.value)


def is_no_sentence(one: Docstring) -> bool:
    """Return whether its first words hide what it is about."""
    of_an_assignment = isinstance(one.owner, ast.Assign | ast.AnnAssign)
    return bool((NOUNLESS if of_an_assignment else VERBLESS).match(one.text))


def returns_nothing(one: Docstring) -> bool:
    """Return whether it says Return or Yield, of a function that gives nothing back."""
    owner = one.owner
    if not isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef) or owner.returns is None:
        return False
    given = ast.unparse(owner.returns)
    return given in ("None", "Never") and one.text.startswith(("Return ", "Yield "))


def named(file: Path) -> str:
    return str(file.relative_to(places.ROOT))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_says_nothing_for_which_the_glossary_has_a_word(file: Path) -> None:
    found = [word for text in texts(file.read_text()) for word in BANNED.findall(text)]
    assert found == [], INSTEAD


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_docstring_begins_with_a_sentence(file: Path) -> None:
    found = [one for one in docstrings(file.read_text()) if is_no_sentence(one)]
    assert [one.text for one in found] == []


@pytest.mark.parametrize("file", FILES, ids=named)
def test_no_sentence_of_a_docstring_is_long(file: Path) -> None:
    prose = (APART.sub("", one.text) for one in docstrings(file.read_text()))
    found = [sentence for text in prose for sentence in too_long(text)]
    assert found == [], f"split: {MOST_WORDS} words at most"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_no_docstring_says_return_where_nothing_is_returned(file: Path) -> None:
    found = [one for one in docstrings(file.read_text()) if returns_nothing(one)]
    assert [one.text for one in found] == []


SOURCE = '''"""What mends it."""

MOST = 3
"""Of a
time to live."""


class One:
    """One."""

    share: int
    """How many."""


def told(one) -> None:
    """Return one.

        a command that is longer than any sentence may be and yet it is none, for nobody reads it

    Take it.
    """
    return f"{one} is told"
'''


def test_words_and_docstrings_are_found() -> None:
    found = [word for text in texts(SOURCE) for word in BANNED.findall(text)]
    assert sorted(found) == ["is told", "mends", "time to live"]
    all_of_it = [*docstrings(SOURCE)]
    assert [one.text.split()[0] for one in all_of_it] == ["What", "Of", "One.", "How", "Return"]
    assert [one.text.split()[0] for one in all_of_it if is_no_sentence(one)] == ["What", "Of"]
    assert [one.text.split()[0] for one in all_of_it if returns_nothing(one)] == ["Return"]
    assert too_long(all_of_it[-1].text, 3) != []
    assert too_long(APART.sub("", all_of_it[-1].text), 3) == []
