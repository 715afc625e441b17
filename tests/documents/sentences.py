"""The sentences of a text, and how many words they have: rule 8 of plain English is a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_WORDS = 25
# No sentences: blocks of code, comments, tables, headings.
_APART = re.compile(
    r"^ *```.*?^ *```[ \t]*$|<!--.*?-->|^ *\|[^\n]*$|^#[^\n]*$", re.MULTILINE | re.DOTALL
)
_ITEM = re.compile(r"^[ ]*(?:[-*+]|\d+\.)[ ]+", re.MULTILINE)
_END = re.compile(r"(?<=[.!?])[\"*)_]*\s+(?=[\"*(_A-Z\d`])")


def too_long(text: str, most: int = MOST_WORDS) -> list[str]:
    """Return the sentences of Markdown that have more words than `most`."""
    return [one for one in sentences(text) if words(one) > most]


def sentences(text: str) -> Iterator[str]:
    """Yield each sentence, without what marks it up; a piece of code is one word."""
    for paragraph in re.split(r"\n\s*\n", _ITEM.sub("\n\n", _APART.sub("\n\n", text))):
        plain = re.sub(r"`[^`]+`", "`code`", paragraph)
        plain = re.sub(r"!?\[([^\[\]]*)\]\([^)]*\)", r"\1", plain)
        plain = " ".join(re.sub(r"<[^>]*>", "", plain).split())
        yield from filter(None, _END.split(plain))


def words(sentence: str) -> int:
    """Return how many words a sentence has; a dash or another sign is none."""
    return sum(bool(re.search(r"\w", one)) for one in sentence.split())
