"""Sum up all tables of a migration: how many are how far, and which needs a person first. Pure.

A tree is one table's, as `view.as_tree` gives it; times are epoch seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hintferry.core.passes import Verb
from hintferry_cli.gate import view
from hintferry_cli.gate.view import Standing
from hintferry_ops.cutover.gate.condition import ConditionState
from hintferry_ops.plan.stage import Stage

Tree = Mapping[str, Any]

WORST_FIRST = (
    Standing.SHUT,
    Standing.REHEARSED,
    Standing.FENCED,
    Standing.SOON,
    Standing.STOP,
    Standing.OPEN,
    Standing.CUTOVER,
)
_PLACE = {standing.value: place for place, standing in enumerate(WORST_FIRST)}

STATES_FIRST = (ConditionState.FAILS, ConditionState.WAITS, ConditionState.ASKS)
"""The states of a condition that does not hold, in the order in which they matter."""

FIRST = ("captured on every node", "clean verify pass")
"""The conditions that a backfill or a verify pass brings about."""

STAGES = tuple(one for one in Stage if one is not Stage.LISTED)
"""The stages that are shown: every table of migration.toml is listed."""


class Step(NamedTuple):
    """One stage of a table. `at`: when it was reached, where that is known."""

    name: str
    is_done: bool
    at: float | None


def worst_first(trees: Sequence[Tree]) -> list[Tree]:
    """Return the tables so that those which need a person come first, and else by name."""
    return sorted(trees, key=lambda one: (_PLACE[one["standing"]], one["table"]))


def obstacle(tree: Tree) -> Mapping[str, Any] | None:
    """Return the condition to deal with first; None where all hold, and behind the fence.

    What a table needs for its next stage comes before what a record of no known table holds up.
    """
    for state in STATES_FIRST:
        found: list[Mapping[str, Any]]
        found = [one for one in tree["conditions"] if one["state"] == state.value]
        if found:
            return min(found, key=lambda one: one["name"] not in FIRST)
    return None


def told_obstacle(tree: Tree) -> str:
    """Return what stands in a table's way, as one line."""
    if tree["to_undo"]:
        return view.standing(tree).partition(": ")[2]
    if tree["fenced"] and not tree["cut_over"]:
        return view.standing(tree).partition(", ")[2]
    found = obstacle(tree)
    return "" if found is None else f"{found['name']}: {found['reason']}"


def way(tree: Tree) -> list[Step]:
    """Return the stages of a table, and when it reached them; none where nobody knows its stage."""
    if tree["stage"] is None:
        return []
    place = Stage(tree["stage"]).number
    last = {one["verb"]: one["began"] + one["seconds"] for one in reversed(tree["passes"])}
    ats = {
        Stage.BACKFILLED: last.get(Verb.BACKFILL.value),
        Stage.VERIFIED: last.get(Verb.VERIFY.value),
        Stage.CUT_OVER: tree["cut_over_at"],
    }
    return [
        Step(one.value, one.number <= place, ats.get(one) if one.number <= place else None)
        for one in STAGES
    ]


def sums(trees: Sequence[Tree], unknown: Mapping[str, int]) -> dict[str, Any]:
    """Return the sums over all tables.

    `unknown`: the parked records of no known table, by reason; each table counts those too.
    """
    parked: Counter[str] = Counter(unknown)
    for tree in trees:
        for reason, count in tree["parked"].items():
            parked[reason] += max(0, count - unknown.get(reason, 0))
    standings = Counter(one["standing"] for one in trees)
    marks = [one["watermark"]["age_seconds"] for one in trees if one["watermark"]]
    return {
        "tables": len(trees),
        "standings": {one.value: standings[one.value] for one in WORST_FIRST},
        "stages": {one.value: _count(trees, one) for one in STAGES},
        "parked": dict(sorted(parked.items())),
        "parked_of_no_table": dict(unknown),
        "given_up": max((one["given_up"] or 0 for one in trees), default=0),
        "open_items": sum(one["open_items"] or 0 for one in trees),
        "freshness_seconds": _most(one["freshness_seconds"] for one in trees),
        "watermark_age_seconds": _most(marks),
        "expected_downtime_seconds": _most(one["expected_downtime_seconds"] for one in trees),
    }


def _count(trees: Sequence[Tree], stage: Stage) -> int:
    """Return how many tables have reached a stage, or a later one."""
    reached = (Stage(one["stage"]).number for one in trees if one["stage"] is not None)
    return sum(number >= stage.number for number in reached)


def _most(values: Any) -> float | None:
    return max((one for one in values if one is not None), default=None)
