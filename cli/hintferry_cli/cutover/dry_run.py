"""Print what a cutover would do, in order, with the time of each act; do none of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hintferry_cli.console import say
from hintferry_cli.gate import view
from hintferry_cli.gate.view import TableStatus
from hintferry_cli.spans import span
from hintferry_ops.cutover.acts import Act, Plan, plan
from hintferry_ops.cutover.cutover import Cutover


@dataclass(frozen=True, slots=True)
class DryRun:
    """Hold what was seen of each table, and the acts that a cutover of them would take."""

    seen: Sequence[TableStatus]
    plan: Plan

    @property
    def acts(self) -> list[Act]:
        """Return all acts in order."""
        return [*self.plan.before, *self.plan.held]


def planned(joint: Cutover) -> DryRun:
    """Look at every table, once its marker has arrived, and plan. Raises HintferryError."""
    joint.check_kinds()
    began = time.perf_counter()
    fenced = [one for one in Cutover.of(joint.keepers).keepers if one.table in joint.fences]
    read_s = (time.perf_counter() - began) / len(joint.keepers)
    checked = joint.measure()
    seen = [view.status_from_gate(*one) for one in checked] + view.read_statuses(fenced)
    left_s = max((one.fence_left_s for one in seen), default=0.0)
    return DryRun(seen, plan(checked, read_s, left_s))


def as_tree(found: DryRun) -> dict[str, Any]:
    """Return the acts, times in seconds."""
    return {
        "tables": [view.as_tree(one) for one in view.worst_first(found.seen)],
        "acts": [asdict(one) for one in found.acts],
        "expected_downtime_seconds": round(found.plan.expected_s, 1),
        "most_downtime_seconds": round(found.plan.most_s, 1),
    }


def show(found: DryRun, out: Console) -> None:
    """Print one line for each act, and below it the reason."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    for number, one in enumerate(found.acts, 1):
        text = Text.assemble(one.what, "\n", (one.why, "dim"))
        grid.add_row(Text(f"{number}."), Text(_time(one)), text)
    out.print(grid)
    say(
        out,
        f"downtime to expect: {span(found.plan.expected_s)}, at most {span(found.plan.most_s)}."
        " Nothing was done.",
    )


def _time(one: Act) -> str:
    if one.expected_s is None:
        return "you" if one.yours else "not measured"
    most = "" if one.most_s in (None, one.expected_s) else f"\nat most {span(one.most_s or 0.0)}"
    return f"{'you, ' if one.yours else ''}{span(one.expected_s)}{most}"
