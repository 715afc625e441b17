"""Make the page of a migration: a file to share, or what `hintferry status --serve` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from hintferry.core.verdict import UNEQUAL
from hintferry_cli.gate.overview import Tree, obstacle, sums, told_obstacle, way, worst_first
from hintferry_cli.gate.view import told_wait
from hintferry_cli.next_steps import NextStep
from hintferry_cli.pages.page import render
from hintferry_cli.spans import span
from hintferry_cli.status.history import ALL, History, Point

COUNTED = tuple(one for one in UNEQUAL if one != "parked")
"""The counts of a verify pass that the page lists beside the equal keys."""

DRAWN = 40
"""The most points that one line is drawn through."""


class Series(NamedTuple):
    """Values over time as lines in a box of 100 by 20; there is a gap where none is known."""

    lines: Sequence[str]
    least: float
    most: float
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Row:
    """One table as the page shows it. `stale_s`: the age of what is shown, if a side is away."""

    tree: Tree
    way: Sequence[Any]
    said: str
    fix: str
    wait: str
    behind: float
    stale_s: float | None
    age: Series
    fresh: Series
    changes: Sequence[tuple[float, str]]

    @property
    def anchor(self) -> str:
        """Return the id of its details."""
        return f"table-{self.tree['table']}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Name a thing that does not answer, and say what that means for the page."""

    name: str
    reason: str
    what: str


@dataclass(frozen=True, slots=True)
class Live:
    """Hold what a served page has beside the last look: how often it looks, and what failed."""

    every_s: float | None = None
    history: History = field(default_factory=History)
    fault: str | None = None
    at: float | None = None


def migration_page(
    tree: Mapping[str, Any], steps: Sequence[NextStep], live: Live | None = None
) -> str:
    """Return the page of what `hintferry status --json` prints; an empty tree: not looked yet."""
    live = live or Live()
    found = tree.get("tables", [])
    seen = max((one["seen"] for one in found), default=None)
    at = live.at or seen
    rows = [_row(one, live.history, at) for one in worst_first(found)]
    shown, told = [one.tree for one in rows], tree.get("sums")
    totals = None if told is None else sums(shown, told["parked_of_no_table"])
    worst = live.history.points(ALL)
    top = max([_top(worst, 1), _top(worst, 2)])
    return render(
        "migration.html.j2",
        sums=totals,
        seen=seen,
        validation=tree.get("validation"),
        rows=rows,
        faults=list(_faults(found, live, seen)),
        steps=[(why, [one.command for one in alike]) for why, alike in _by_why(steps)],
        verified=list(_verified(rows)),
        counted=COUNTED,
        parked_of=_parked_of(rows, totals),
        every_s=live.every_s,
        fault=live.fault,
        worst={"age": series(worst, 1, top), "fresh": series(worst, 2, top), "top": top},
    )


def _by_why(steps: Sequence[NextStep]) -> Iterator[tuple[str, Iterator[NextStep]]]:
    return groupby(steps, lambda one: one.why)


def _row(tree: Tree, history: History, at: float | None) -> Row:
    last, name = history.last(tree), tree["table"]
    is_stale = not tree["answered"] and last is not tree
    # What is in the way now, and not what was then.
    first = obstacle(tree)
    mark = last["watermark"]
    points = history.points(name)
    return Row(
        last,
        way(last),
        told_obstacle(tree),
        "" if first is None else first["fix"],
        told_wait(last["wait"]) if last["wait"] else "",
        mark["age_seconds"] if mark else last["lag"] if last["lag"] is not None else -1,
        max(0.0, (at or tree["seen"]) - last["seen"]) if is_stale else None,
        series(points, 1, _top(points, 1)),
        series(points, 2, _top(points, 2)),
        history.changes(name),
    )


def _faults(trees: Sequence[Tree], live: Live, seen: float | None) -> Iterator[Fault]:
    """Yield a fault of the whole look, and each that keeps tables from being checked."""
    if live.fault is not None:
        what = "Nothing was seen before." if seen is None else "What follows was seen before that"
        age = "" if seen is None or live.at is None else f", {span(live.at - seen)} ago."
        yield Fault("the tables can be looked at", live.fault, f"{what}{age}")
    away: dict[str, list[Tree]] = {}
    for tree in trees:
        first = obstacle(tree)
        if not tree["answered"] and first is not None:
            away.setdefault(first["name"], []).append(tree)
    for name, found in away.items():
        first = obstacle(found[0])
        reason = "" if first is None else first["reason"]
        kept = sum(live.history.last(one) is not one for one in found)
        what = f"Of {len(found)} of {len(trees)} tables nothing new is known."
        yield Fault(name, reason, f"{what} {kept} are shown as they were seen last.")


def _verified(rows: Sequence[Row]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the last verify pass of each table that has one, those with differences first."""
    last = [
        (row.tree["table"], one)
        for row in rows
        if (one := next((p for p in row.tree["passes"] if p["verb"] == "verify"), None))
    ]
    yield from sorted(last, key=lambda one: (one[1]["clean"], one[0]))


def _parked_of(
    rows: Sequence[Row], totals: Mapping[str, Any] | None
) -> dict[str, list[tuple[str, int]]]:
    """Return which tables have records parked, by reason, and how many."""
    unknown = {} if totals is None else totals["parked_of_no_table"]
    found: dict[str, list[tuple[str, int]]] = {}
    for reason in {} if totals is None else totals["parked"]:
        counts = [
            (row.tree["table"], row.tree["parked"].get(reason, 0) - unknown.get(reason, 0))
            for row in rows
        ]
        found[reason] = sorted((one for one in counts if one[1] > 0), key=lambda one: -one[1])
    return found


def _top(points: Sequence[Point], place: int) -> float:
    """Return the highest value, and never 0: a line lies on the ground then."""
    return max((one[place] or 0.0 for one in points), default=0.0) or 1.0


def series(points: Sequence[Point], place: int, top: float) -> Series:
    """Return one value of each point as lines below `top`; `place`: where in the point it is."""
    drawn = list(_thinned(points, place))
    values = [value for _, value in drawn if value is not None]
    if len(values) < 2:
        return Series((), 0.0, 0.0, 0.0, 0.0)
    begin, end = drawn[0][0], drawn[-1][0]
    wide = (end - begin) or 1.0
    lines: list[list[str]] = [[]]
    for at, value in drawn:
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{100 * (at - begin) / wide:.0f},{19.5 - 19 * value / top:.1f}")
    joined = [" ".join(line) for line in lines if line]
    return Series(joined, min(values), max(values), begin, end)


def _thinned(points: Sequence[Point], place: int) -> Iterator[tuple[float, float | None]]:
    """Yield times and values; of too many neighbours the highest value, so that no peak is lost."""
    step = -(-len(points) // DRAWN) or 1
    for first in range(0, len(points), step):
        part = points[first : first + step]
        known = [value for one in part if (value := one[place]) is not None]
        yield part[-1].at, max(known, default=None)
