"""How a table stands: for a terminal, and as one tree for programs and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hintferry.core.facts import Facts
from hintferry.core.gate import Condition, State, comes_by_itself, expected_downtime_s, is_open
from hintferry.core.passes import Pass
from hintferry_cli.spans import span


class Standing(Enum):
    """A table's way to the cut-over."""

    CUT_OVER = "cut over"
    OPEN = "can be cut over"
    SOON = "only time is needed"
    STOP = "the writers may stop"
    SHUT = "not yet"


_SIGNS = {
    State.HOLDS: ("✓", "green"),
    State.WAITS: ("…", "yellow"),
    State.FAILS: ("✗", "red"),
    State.ASKS: ("?", "magenta"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One table as it was seen once."""

    facts: Facts
    conditions: Sequence[Condition]
    is_fenced: bool

    @property
    def standing(self) -> Standing:
        """Where it stands on its way."""
        if self.is_fenced:
            return Standing.CUT_OVER
        if is_open(self.conditions):
            return Standing.OPEN
        if comes_by_itself(self.conditions):
            return Standing.SOON
        is_running = self.facts.answers.stopped_at is None
        if is_running and all(one.state is not State.FAILS for one in self.conditions):
            return Standing.STOP
        return Standing.SHUT


def show(tree: dict[str, Any], out: Console) -> None:
    """The verdict, and how each condition stands; `tree` is that of `as_tree`."""
    out.print(f"[bold]{escape(tree['table'])}[/bold]: {tree['standing']}", highlight=False)
    if tree["cut_over"]:
        return
    grid = Table.grid(padding=(0, 2))
    for one in tree["conditions"]:
        sign, color = _SIGNS[State(one["state"])]
        is_open = one["mend"] and State(one["state"]) is not State.HOLDS
        mend = f"\n→ {one['mend']}" if is_open else ""
        grid.add_row(f"[{color}]{sign}[/{color}]", one["name"], escape(one["reason"] + mend))
    out.print(grid)
    out.print(
        f"downtime to expect: at most {span(tree['expected_downtime_seconds'])}", highlight=False
    )


def open_points(look: Look) -> list[str]:
    """What does not hold, a line each."""
    return [f"{one.name}: {one.reason}" for one in look.conditions if one.state is not State.HOLDS]


def as_tree(look: Look) -> dict[str, Any]:
    """Everything that was seen; moments are epoch seconds."""
    facts = look.facts
    return {
        "seen": round(facts.now, 3),
        "table": str(facts.table),
        "standing": look.standing.value,
        "open": look.standing is Standing.OPEN,
        "cut_over": look.is_fenced,
        "expected_downtime_seconds": round(expected_downtime_s(facts)),
        "freshness_seconds": facts.marker_took_s and round(facts.marker_took_s, 2),
        "lag": None if facts.lag is None else facts.lag.records,
        "parked": dict(facts.parked),
        "given_up": facts.given_up,
        "replay_queue": facts.waiting,
        "conditions": [
            {"name": one.name, "state": one.state.value, "reason": one.reason, "mend": one.mend}
            for one in look.conditions
        ],
        "passes": [_pass(one) for one in facts.passes],
    }


def _pass(one: Pass) -> dict[str, Any]:
    return {
        "verb": one.verb.value,
        "began": one.began,
        "seconds": round(one.ended - one.began, 1),
        "consistency": "all" if one.at_all else "local_quorum",
        "clean": one.is_clean,
        "sums": dict(one.sums),
    }
