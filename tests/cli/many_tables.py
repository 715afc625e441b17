"""A migration of many tables in every state, as one look at its gates shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.gate.overview import sums
from hintferry_cli.gate.view import TableStatus, as_tree, status_from_gate
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.facts import Confirmations, Facts
from tests.unit.ops import test_gate as gates

UNKNOWN = {"undecodable": 2}
"""Parked records of no known table, which each table counts too."""

_RUNS = Confirmations(writers_at_quorum=False)


def facts_of(number: int, name: TableId, age_s: float = 0.0) -> Facts:
    """The facts of a table without a fence, by its number."""
    low = replace(gates.LOW, drawn_at=gates.NOW - 3 - age_s - number % 7)
    facts = replace(
        gates.OPEN,
        table=name,
        confirmations=_RUNS,
        parked=dict(UNKNOWN),
        **gates.progress(low=low, reached_at=gates.NOW - 1, took_s=0.2 + number % 5 / 10),
    )
    kind = number % 10
    if kind == 0:
        return replace(facts, passes=[])
    if kind == 1:
        return replace(facts, passes=[gates.FILLED])
    if kind == 2:
        found = {"equal": 9_000, "missing": 40 + number, "different": 3, "extra": 0, "unread": 0}
        return replace(facts, passes=gates.passes(is_clean=False, sums=found))
    if kind == 3:
        return replace(facts, parked={"schema": 3, **UNKNOWN}, open_items=_items(name, number))
    if kind == 4:
        return replace(facts, capture=gates.third(schema_version=None))
    return replace(facts, parked={})


def _items(name: TableId, count: int) -> list[OpenItem]:
    return [OpenItem(str(name), b"%d" % one, gates.NOW, "repair") for one in range(count)]


def statuses(count: int, age_s: float = 0.0) -> list[TableStatus]:
    """Tables in every state, the cut over ones last."""
    found = []
    for number in range(count):
        name = TableId("shop" if number % 2 else "back_office", f"table_{number:03}")
        if number % 10 == 9:
            fence = Fence(gates.NOW - (9_000 if number % 20 == 9 else 20), gates.NOW - 9_100)
            backfill = Pass(name, Verb.BACKFILL, gates.NOW - 9e4, gates.NOW - 8e4, False, True, {})
            found.append(TableStatus(name, gates.NOW, fence, passes=[backfill]))
        else:
            facts = facts_of(number, name, age_s)
            found.append(status_from_gate(facts, gate(facts)))
    return found


def whole(found: Sequence[TableStatus]) -> dict[str, Any]:
    """The tree of these tables, as `hintferry status --json` prints it."""
    trees = [as_tree(one) for one in found]
    clocks = {"machine_ms": None, "is_vague": False, "functions_ms": None, "nodes_ms": None}
    checked = {"one_in": 100, "hours": 24, "validated": 9_000, "diverged": 1, "unvalidated": 0}
    return {
        "tables": trees,
        "clocks": clocks,
        "validation": checked,
        "sums": sums(trees, UNKNOWN),
    }
