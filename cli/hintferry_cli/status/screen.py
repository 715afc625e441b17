"""Show a whole migration on one screen: its sums, and a line a table, the worst first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from hintferry_cli.gate.overview import Tree, told_obstacle, worst_first
from hintferry_cli.gate.view import Standing
from hintferry_cli.spans import span

SIGNS = {
    Standing.SHUT.value: ("✗", "red"),
    Standing.REHEARSED.value: ("✗", "red"),
    Standing.FENCED.value: ("…", "yellow"),
    Standing.SOON.value: ("…", "yellow"),
    Standing.STOP.value: ("?", "magenta"),
    Standing.OPEN.value: ("✓", "green"),
    Standing.CUTOVER.value: ("✓", "green"),
}
"""The sign and colour of each standing."""

AROUND = 12
"""Lines of a screen that sums, headings and the next steps take."""

_NUMBERS = re.compile(r"[\d.,:]+")

NARROW = 120
"""Columns below which only table, state and reason are shown."""


class _Line(NamedTuple):
    sign: Text
    cells: tuple[str, ...]


def show(trees: Sequence[Tree], sums: Mapping[str, Any], out: Console) -> None:
    """Print the sums and the tables; a terminal gets no more lines than it has."""
    for text in told_sums(sums):
        out.print(Text(text), soft_wrap=not out.is_terminal)
    out.print()
    for line in lines(trees, out, out.height - AROUND if out.is_terminal else None):
        out.print(line, soft_wrap=True)


def told_sums(sums: Mapping[str, Any]) -> list[str]:
    """Return the sums in two lines: how far the tables are, and what is around them."""
    told = ", ".join(f"{count} {name}" for name, count in sums["standings"].items() if count)
    reasons = ", ".join(f"{name} {count}" for name, count in sums["parked"].items())
    around = [
        f"parked {sum(sums['parked'].values()):,}{f' ({reasons})' if reasons else ''}",
        f"on-failure bucket {sums['given_up']:,}",
        f"left for later {sums['open_items']:,}",
    ]
    for name, what in (("freshness", "slowest change"), ("watermark_age", "oldest watermark")):
        seconds = sums[f"{name}_seconds"]
        around += [] if seconds is None else [f"{what} {span(seconds)}"]
    return [f"{sums['tables']} tables: {told}", ", ".join(around)]


def lines(trees: Sequence[Tree], out: Console, most: int | None) -> Iterator[Text]:
    """Yield a line a table, or, where those are more than `most`, a line for tables alike."""
    wide = out.width >= NARROW or not out.is_terminal
    ordered = worst_first(trees)
    if most is None or len(ordered) <= max(most, 1):
        found = [_of_table(one, wide=wide) for one in ordered]
    else:
        groups: dict[tuple[str, str], list[Tree]] = {}
        for one in ordered:
            groups.setdefault(_alike(one), []).append(one)
        found = [_of_group(group, wide=wide) for group in groups.values()]
    titles = ("table", "state", *(("freshness", "behind", "parked") if wide else ()))
    found.insert(0, _Line(Text(" "), (*titles, "first in the way")))
    widths = [max(map(len, column)) for column in zip(*(one.cells for one in found), strict=True)]
    limit = out.width if out.is_terminal else None
    for number, line in enumerate(found):
        if most is not None and number > max(most, 1):
            yield Text(f"  and {len(found) - number} lines more: `hintferry status | less`")
            return
        yield _fitted(line, widths, limit)
    if len(found) - 1 < len(ordered):
        yield Text("  a line for each table: `hintferry status | less`")


def _fitted(line: _Line, widths: Sequence[int], limit: int | None) -> Text:
    *cells, last = line.cells
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    text = Text.assemble(line.sign, " ", "  ".join([*padded, last]))
    text.rstrip()
    if limit is not None:
        text.truncate(limit, overflow="ellipsis")
    return text


def _alike(tree: Tree) -> tuple[str, str]:
    """Return what tables have in common that need the same; numbers do not tell them apart."""
    return tree["standing"], _NUMBERS.sub("#", told_obstacle(tree))


def _of_table(tree: Tree, *, wide: bool) -> _Line:
    return _Line(
        Text(*SIGNS[tree["standing"]]),
        (
            tree["table"],
            tree["standing"],
            *(_measured([tree]) if wide else ()),
            told_obstacle(tree),
        ),
    )


def _of_group(trees: Sequence[Tree], *, wide: bool) -> _Line:
    if len(trees) == 1:
        return _of_table(trees[0], wide=wide)
    said = told_obstacle(trees[0])
    names = f"{trees[0]['table']} and {len(trees) - 1} more"
    return _Line(
        Text(*SIGNS[trees[0]["standing"]]),
        (names, trees[0]["standing"], *(_measured(trees) if wide else ()), said),
    )


def _measured(trees: Sequence[Tree]) -> tuple[str, str, str]:
    """Return freshness, distance and parked records; of several tables the worst."""
    fresh = [one["freshness_seconds"] for one in trees if one["freshness_seconds"] is not None]
    parked = max(sum(one["parked"].values()) for one in trees)
    return (
        span(max(fresh)) if fresh else "-",
        _distance(trees),
        f"{parked:,}" if parked else "-",
    )


def _distance(trees: Sequence[Tree]) -> str:
    """Return the age of the oldest watermark; with the stock connector the longest lag."""
    ages = [one["watermark"]["age_seconds"] for one in trees if one["watermark"]]
    if ages:
        return span(max(ages))
    lags = [one["lag"] for one in trees if one["lag"] is not None]
    return f"{max(lags):,} hints" if lags else "-"
