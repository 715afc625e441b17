"""Write a tree of facts as a page: one file, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hintferry.core.tokens import LOWEST, WIDTH_OF_RING
from hintferry_cli import __version__
from hintferry_cli.assess.assessment import Fit, sums_of
from hintferry_cli.assess.view import NONE_FOUND, cost, effort, nodes, times
from hintferry_cli.spans import span

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
    _write(
        path,
        "pass.html.j2",
        one=tree,
        names=names,
        cells=[_cell(number, ranges) for number in range(CELLS)],
        listed=listed[:MOST_ROWS],
        unlisted=max(0, len(listed) - MOST_ROWS),
        done=sum(one["state"] == "done" for one in ranges),
    )


def write_migration(path: Path, tables: Sequence[dict[str, Any]]) -> None:
    """Write the page of all tables: how far each is on its way to the cutover."""
    _write(path, "migration.html.j2", tables=tables)


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
    _write(path, "assessment.html.j2", one=tree, once=once, month=month, parts=parts, none=none)


def _write(path: Path, template: str, **values: Any) -> None:
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"moment": _moment, "span": span, "number": _number, "commands": _commands}
    path.write_text(pages.get_template(template).render(version=__version__, **values))


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


def _number(value: float) -> str:
    return f"{value:,}"
