"""Test that the documents' links lead somewhere and their commands are accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.site.build import pages
from tests.cli.test_every_verb import VERBS, examples, parsed
from tools import places

DOCUMENTS = pages()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")


def named(path: Path) -> str:
    return str(path.relative_to(places.ROOT))


def prose(page: Path) -> str:
    """The page without its blocks, in which a bracket is no link and `#` no heading."""
    return FENCE.sub("", page.read_text())


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings)


def commands(page: Path) -> Iterator[str]:
    """The lines of its blocks of commands."""
    for kind, body in FENCE.findall(page.read_text()):
        if kind in ("", "bash"):
            yield from body.splitlines()


def test_the_pages_are_all_found() -> None:
    names = set(map(named, DOCUMENTS))
    assert {"README.md", "CONTRIBUTING.md", "docs/tutorial.md", "docs/faq.md"} <= names


@pytest.mark.parametrize("page", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page)):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.resolve()), f"{target}#{anchor}"


def test_the_commands_are_accepted() -> None:
    lines = "\n".join(line for page in DOCUMENTS for line in commands(page))
    with_verb = [one for one in examples(lines) if one[1:] or one[0] in VERBS]
    assert {parsed(one) for one in with_verb} == set(VERBS)


@pytest.mark.parametrize("page", DOCUMENTS, ids=named)
def test_what_is_called_is_there(page: Path) -> None:
    """Modules that Python runs, targets of make."""
    for line in commands(page):
        for module in re.findall(r"\bpython3? -m ([\w.]+)", line):
            assert find_spec(module), line
        for target in re.findall(r"^make ([a-z]+)", line):
            assert re.search(rf"^{target}:", (places.ROOT / "Makefile").read_text(), re.M), line


TEXTS = [*DOCUMENTS, *(places.ROOT / "cli").rglob("*.py")]


@pytest.mark.parametrize("text", TEXTS, ids=named)
def test_a_command_within_a_sentence_has_its_verb_and_its_options(text: Path) -> None:
    for verb, rest in re.findall(r"`hintferry ([a-z]+)( [^`]*)?`", text.read_text()):
        known = {"--help", *(name for one in VERBS[verb].params for name in one.opts)}
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in known, f"hintferry {verb}{rest}"
