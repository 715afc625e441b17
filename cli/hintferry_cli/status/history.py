"""Remember how the tables went while a page was served; bounded, and gone with its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

ALL = "*"
"""The name under which the worst of all tables is kept."""

MOST_POINTS = 120
"""Points that are kept of a table. When they are full, every other one goes, so that they always
reach back to the beginning."""

MOST_CHANGES = 20
"""Changes of a table's state that are kept; the oldest go."""


class Point(NamedTuple):
    """One look at a table: at `at` (epoch s), the age of its watermark and its freshness (s)."""

    at: float
    age_s: float | None
    freshness_s: float | None


class History:
    """Keep how each table went, by its name."""

    def __init__(self) -> None:
        self._points: dict[str, list[Point]] = {}
        self._changes: dict[str, list[tuple[float, str]]] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        self._looks, self._stride = 0, 1

    def add(self, trees: Sequence[Mapping[str, Any]]) -> None:
        """Remember one look at all tables."""
        keeps = self._looks % self._stride == 0
        self._looks += 1
        points = {}
        for tree in trees:
            name = tree["table"]
            if not tree["answered"]:
                continue
            self._last[name] = tree
            changes = self._changes.setdefault(name, [])
            if not changes or changes[-1][1] != tree["standing"]:
                changes.append((tree["seen"], tree["standing"]))
                del changes[:-MOST_CHANGES]
            mark = tree["watermark"]
            age_s = None if mark is None else mark["age_seconds"]
            points[name] = Point(tree["seen"], age_s, tree["freshness_seconds"])
        if keeps and points:
            points[ALL] = _worst(list(points.values()))
            for name, point in points.items():
                self._points.setdefault(name, []).append(point)
        if any(len(one) >= MOST_POINTS for one in self._points.values()):
            self._stride *= 2
            self._points = {name: points[1::2] for name, points in self._points.items()}

    def points(self, table: str) -> list[Point]:
        """Return the looks at a table, the oldest first."""
        return self._points.get(table, [])

    def changes(self, table: str) -> list[tuple[float, str]]:
        """Return since when a table was in which state, the oldest first."""
        return self._changes.get(table, [])

    def last(self, tree: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the tree of a table, or the last one to which both sides answered."""
        return tree if tree["answered"] else self._last.get(tree["table"], tree)


def _worst(points: Sequence[Point]) -> Point:
    ages = [one.age_s for one in points if one.age_s is not None]
    took = [one.freshness_s for one in points if one.freshness_s is not None]
    latest = max(one.at for one in points)
    return Point(latest, max(ages, default=None), max(took, default=None))
