"""The parts that every page shares: head, tables, and the words of docs/reference/words.toml."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from tools import places

HOME = places.ROOT / "docs" / "reference"
HINT = "*Hint* means a change hint: a record that says that a key may have changed."
_MADE = "<!-- Made from the code by `make docs`: change the code or words.toml, not this page. -->"

Line = Sequence[str]


class WordsMissing(Exception):
    """A name has no words, or words have no name."""


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((HOME / "words.toml").read_text())


def words_for(section: str, names: Iterable[str]) -> dict[str, str]:
    """Return the words of these names; WordsMissing unless they are all that the section has."""
    words, wanted = _words()[section], list(dict.fromkeys(names))
    if set(words) != set(wanted):
        missing, extra = sorted({*wanted} - {*words}), sorted({*words} - {*wanted})
        raise WordsMissing(
            f"words.toml: [{section}] lacks {missing}, and has {extra}, which the code has not"
        )
    return {name: words[name] for name in wanted}


def head(title: str, *sentences: str) -> list[str]:
    """Return the first lines of a page."""
    return [f"# {title}", "", _MADE, "", *sentences]


def table(head: Line, rows: Iterable[Line]) -> Iterator[str]:
    """Yield the lines of a table, after an empty one."""
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
