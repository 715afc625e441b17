"""Make a page of a tree of facts: one file, nothing fetched, light and dark."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hintferry.core.tokens import LOWEST, WIDTH_OF_RING
from hintferry_cli import __version__
from hintferry_cli.assess.assessment import Fit, sums_of
from hintferry_cli.assess.view import NONE_FOUND, cost, effort, nodes, times
from hintferry_cli.options import TO_STDOUT
from hintferry_cli.spans import span

_HERE = Path(__file__).parent
_STYLE = (_HERE / "style.css").read_text()
_SCRIPT = (_HERE / "migration.js").read_text()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)};"
    " connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy of every page: only our own style and script, by their hashes."""

CELLS = 96
"""How many pieces the ring is drawn in."""

MOST_ROWS = 200
"""The most ranges that are listed one by one."""

_NO_KEYS = ("hinted", "read_units", "write_units")
"""Names of sums that do not count keys."""

_FOUND = ("missing", "different", "extra", "unread", "parked")


def write_pass(path: Path, tree: dict[str, Any]) -> None:
    """Write the page of one pass over one table."""
    ranges = tree["ranges"]
    listed = [one for one in ranges if one["state"] != "done" or _found(one)]
    names = [name for name in tree["sums"] if name not in _NO_KEYS]
    page = render(
        "pass.html.j2",
        one=tree,
        names=names,
        cells=[_cell(number, ranges) for number in range(CELLS)],
        listed=listed[:MOST_ROWS],
        unlisted=max(0, len(listed) - MOST_ROWS),
        done=sum(one["state"] == "done" for one in ranges),
    )
    write_to(path, page)


def render(template: str, **values: Any) -> str:
    """Return a page; nothing in it is fetched, and no script but ours runs."""
    return (
        _pages()
        .get_template(template)
        .render(
            version=__version__,
            policy=POLICY,
            style=Markup(_STYLE),
            script=Markup(_SCRIPT),
            **values,
        )
    )


def write_assessment(path: Path, tree: dict[str, Any]) -> None:
    """Write the page of an assessment."""
    once, month = sums_of(tree["cost"]) if tree["cost"] else (0.0, 0.0)
    parts = (
        ("Effort", effort(tree)),
        ("Cost, USD", cost(tree)),
        ("Time", times(tree)),
        ("Capture, each node", nodes(tree)),
    )
    none = NONE_FOUND[tree["fit"] == Fit.NOT_KNOWN.value].capitalize()
    page = render("assessment.html.j2", one=tree, once=once, month=month, parts=parts, none=none)
    write_to(path, page)


def write_to(path: Path, page: str) -> None:
    """Write a page into a file, or print it where the path is TO_STDOUT."""
    if path == TO_STDOUT:
        sys.stdout.write(page)
    else:
        path.write_text(page)


@cache
def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "moment": _moment,
        "iso": _iso,
        "hour": _hour,
        "span": span,
        "number": _number,
        "commands": _commands,
        "sentence": _sentence,
    }
    return pages


def _cell(number: int, ranges: Sequence[dict[str, Any]]) -> str:
    """Return the worst state in one piece of the ring."""
    begin = LOWEST + WIDTH_OF_RING * number // CELLS
    end = LOWEST + WIDTH_OF_RING * (number + 1) // CELLS
    inside = [one for one in ranges if one["after"] < end and one["upto"] > begin]
    for state in ("failed", "left"):
        if any(one["state"] == state for one in inside):
            return state
    return "found" if any(_found(one) for one in inside) else "clean"


def _found(one: dict[str, Any]) -> bool:
    return any(one.get(name) for name in _FOUND)


def _commands(text: str) -> Markup:
    """Format text between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    typed = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(chain.from_iterable(zip_longest(parts[::2], typed, fillvalue="")))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hour(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _number(value: float) -> str:
    return f"{value:,}"
