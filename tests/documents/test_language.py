"""The documents keep to the field's words: one word for one thing (docs/glossary.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site.build import pages
from tests.documents.sentences import MOST_WORDS, sentences, too_long
from tools import places

INSTEAD = {
    r"anew": "again",
    r"of late": "recently",
    r"whoever": "the person who, a role that",
    r"mend(?:s|ed|ing)?": "fix (a cause), repair (data)",
    r"time-outs?": "timeout",
    r"times? to live": "TTL",
    r"cut-overs?": "cutover (noun), cut over (verb)",
    r"hand-off": "hinted handoff",
    r"change logs?": "commit log, cdc_raw",
    r"superfluous": "extra",
    r"gather(?:s|ed|ing)?": "batch, linger",
    r"(?:is|are) told(?! apart)": "who says it, in the active voice",
    r"is seen to": "who sees it, in the active voice",
}
BANNED = re.compile(rf"\b(?:{'|'.join(INSTEAD)})\b", re.IGNORECASE)
# Code keeps its names, and so do the addresses of pages.
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|\]\([^)]*\)|\w+=\"[^\"]*\"", re.MULTILINE | re.DOTALL)
# The glossary says what a word replaces.
WRITTEN = [one for one in pages() if one.name != "glossary.md"]


def banned(text: str) -> list[str]:
    """Return the words of a page that have a better one."""
    return BANNED.findall(CODE.sub("", text))


def first_hint(text: str) -> str | None:
    """Return the first line of a page that uses the word *hint*; headings and code apart."""
    prose = re.sub(r"^#.*$|hinted handoff", "", CODE.sub("", text), flags=re.MULTILINE)
    lines = (line for line in prose.splitlines() if re.search(r"\bhint(s|ed)?\b", line, re.I))
    return next(lines, None)


def named(page: Path) -> str:
    return str(page.relative_to(places.ROOT))


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_a_page_says_nothing_for_which_the_glossary_has_a_word(page: Path) -> None:
    assert banned(page.read_text()) == [], INSTEAD


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_a_page_says_change_hint_where_it_first_uses_the_word(page: Path) -> None:
    """Readers know Cassandra, where a hint is something else."""
    line = first_hint(page.read_text())
    assert line is None or "change hint" in line.lower()


@pytest.mark.parametrize("page", pages(), ids=named)
def test_no_sentence_of_a_page_is_long(page: Path) -> None:
    assert too_long(page.read_text()) == [], f"split: {MOST_WORDS} words at most"


def test_sentences_are_found_in_paragraphs_and_items_and_not_in_code_or_tables() -> None:
    text = (
        "# A heading. It is none\n\nFirst,\nover `two. Lines`. *Second* [of it](a.md).\n"
        "- An item. (Its end.)\n\n| a table. Of cells |\n```\ncode. More\n```\n<!-- A. B. -->\n"
    )
    assert list(sentences(text)) == [
        "First, over `code`.", "*Second* of it.", "An item.", "(Its end.)",
    ]  # fmt: skip
    assert too_long("a " * 25 + "– b.") == ["a " * 25 + "– b."]
    assert too_long("a " * 24 + "– b. `Then`.") == []


def test_the_first_hint_is_the_first_in_prose() -> None:
    assert first_hint("# Hints\n`hint`\nhinted handoff\nA hint.\n") == "A hint."
    assert first_hint("hintferry") is None


def test_words_are_found_in_sentences_and_not_in_code() -> None:
    found = banned("The row is read Anew after a\ntime-out; `mend` it.\n```\nhand-off\n```\n")
    assert found == ["Anew", "time-out"]
    assert banned("[why](0005-whose-failure-a-time-out-is.md) amended") == []
