"""Show the status of a table: for a terminal, and as one tree for programs and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from math import ceil
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hintferry.core.passes import PASSES_OF_S, Pass
from hintferry.core.schema import TableId
from hintferry.core.switches import pause_of
from hintferry.core.watermark import Progress
from hintferry.ports import Fence
from hintferry_cli.console import say
from hintferry_cli.spans import span
from hintferry_ops.cutover.gate import expected_downtime_s
from hintferry_ops.cutover.gate.condition import (
    Condition,
    ConditionState,
    clock,
    comes_by_itself,
    is_open,
)
from hintferry_ops.cutover.gate.facts import Estimate, Facts
from hintferry_ops.cutover.gate.fence import Wait, cutover_at, fence_left_s, rehearsal_stands
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from hintferry_ops.plan.stage import Stage, stage_of


class Standing(Enum):
    """The stage of a table on its way to the cutover."""

    CUTOVER = "cut over"
    FENCED = "fence set"
    """A write of Hintferry may still be in flight, or a table of the group has no fence: the
    application must not write yet.
    """

    REHEARSED = "rehearsal's fence"
    """A rehearsal that was killed has left it: the table, or one of its group, is not cut over."""

    OPEN = "can be cut over"
    SOON = "only time is needed"
    STOP = "the writers may stop"
    SHUT = "not yet"


_SIGNS = {
    ConditionState.HOLDS: ("✓", "green"),
    ConditionState.WAITS: ("…", "yellow"),
    ConditionState.FAILS: ("✗", "red"),
    ConditionState.ASKS: ("?", "magenta"),
}


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The result of one check of a table. Behind its fence nothing else is checked."""

    table: TableId
    now: float
    fence: Fence | None
    facts: Facts | None = None
    conditions: Sequence[Condition] = ()
    passes: Sequence[Pass] = ()
    fellows: Mapping[TableId, Fence | None] = field(default_factory=dict)
    """The fences of the other tables of its group; read only behind its own fence."""

    @property
    def fences(self) -> list[Fence]:
        """Return the fences that the application waits for: its own, and those of its group."""
        return [one for one in (self.fence, *self.fellows.values()) if one is not None]

    @property
    def fence_left_s(self) -> float:
        """Return for how many seconds the application must not write yet."""
        return max((fence_left_s(one, self.now) for one in self.fences), default=0.0)

    @property
    def unfenced(self) -> list[TableId]:
        """Return the tables of its group that have no fence, though it has one."""
        return [table for table, fence in self.fellows.items() if fence is None]

    @property
    def to_undo(self) -> list[TableId]:
        """Return the tables of its group, if a rehearsal has left the fence of one of them."""
        is_left = any(one.is_rehearsal for one in self.fences)
        return [self.table, *self.fellows] if is_left else []

    @property
    def is_seen(self) -> bool:
        """Return False if a side did not answer; then only what needs neither was checked."""
        return self.fence is not None or self.facts is not None

    @property
    def stage(self) -> Stage | None:
        """Return the stage of the table; None where a side is away."""
        # A group is cut over as one.
        if self.to_undo:
            return Stage.BACKFILLED
        is_half = self.standing is Standing.FENCED
        return Stage.READY if is_half else stage_of(self.facts, self.fence, self.now)

    @property
    def standing(self) -> Standing:
        """Return how far the table is on its way."""
        if self.to_undo:
            return Standing.REHEARSED
        if self.fence is not None:
            is_half = self.fence_left_s or self.unfenced
            return Standing.FENCED if is_half else Standing.CUTOVER
        if is_open(self.conditions):
            return Standing.OPEN
        if comes_by_itself(self.conditions):
            return Standing.SOON
        is_running = self.facts is not None and self.facts.confirmations.stopped_at is None
        if is_running and all(one.state is not ConditionState.FAILS for one in self.conditions):
            return Standing.STOP
        return Standing.SHUT


Fences = dict[TableId, Fence | None]
"""The fences that one look has read, so that it reads each once."""


def read_statuses(keepers: Sequence[Gatekeeper]) -> list[TableStatus]:
    """Check each table once. Raises HintferryError."""
    known: Fences = {}
    return [read_fenced(one, known) or status_from_gate(*one.check()) for one in keepers]


def read_fenced(keeper: Gatekeeper, known: Fences) -> TableStatus | None:
    """Return the status of a table behind its fence, which needs no source; None without one.

    Raises SideFault.
    """
    fence = _fence(keeper, keeper.table, known)
    if fence is None:
        return None
    fellows = {one: _fence(keeper, one, known) for one in keeper.fellows}
    now = keeper.clock.now()
    passes = keeper.passes.of(keeper.table, now - PASSES_OF_S)
    return TableStatus(keeper.table, now, fence, passes=passes, fellows=fellows)


def _fence(keeper: Gatekeeper, table: TableId, known: Fences) -> Fence | None:
    if table not in known:
        known[table] = keeper.fences.standing(table)
    return known[table]


def status_from_gate(facts: Facts, conditions: Sequence[Condition]) -> TableStatus:
    """Return the status of a table without a fence."""
    return TableStatus(facts.table, facts.now, None, facts, conditions, facts.passes)


def show(tree: Mapping[str, Any], out: Console) -> None:
    """Show the verdict and each condition; `tree` is that of `as_tree`."""
    out.print(Text.assemble((tree["table"], "bold"), f": {standing(tree)}"))
    if tree["fenced"]:
        return
    grid = Table.grid(padding=(0, 2))
    for one in tree["conditions"]:
        sign, color = _SIGNS[ConditionState(one["state"])]
        is_open = one["fix"] and ConditionState(one["state"]) is not ConditionState.HOLDS
        fix = f"\n→ {one['fix']}" if is_open else ""
        grid.add_row(Text(sign, style=color), Text(one["name"]), Text(one["reason"] + fix))
    out.print(grid)
    if tree["watermark"] is not None:
        say(out, told_watermark(tree["watermark"]))
    if tree["expected_downtime_seconds"] is not None:
        downtime = span(tree["expected_downtime_seconds"])
        say(out, f"downtime to expect: at most {downtime}")
    if tree["wait"] is not None:
        say(out, told_wait(tree["wait"]))


def told_wait(tree: dict[str, Any]) -> str:
    """Return how long the application waits behind the fence, and why."""
    least, most = (span(tree[name]) for name in ("least_seconds", "most_seconds"))
    how_long = f"{least}, or up to {most}" if tree["short"] else most
    return f"wait behind the fence: {how_long}; {tree['why']}"


def told_watermark(tree: dict[str, Any]) -> str:
    """Return up to when all changes are on Keyspaces, and who holds that back."""
    if tree["before"] is None:
        return f"watermark: {tree['number']}"
    text = (
        f"watermark: every change from before {clock(tree['before'])} is on Keyspaces, or parked"
        f" ({span(tree['age_seconds'])} ago)"
    )
    waits = "; ".join(f"{one['node']}: {one['reason']}" for one in tree["waits"])
    return f"{text}; {waits}" if waits else text


def open_points(status: TableStatus) -> list[str]:
    """Return a line for each condition that does not hold."""
    return [
        f"{one.name}: {one.reason}"
        for one in status.conditions
        if one.state is not ConditionState.HOLDS
    ]


_WORST = (ConditionState.FAILS, ConditionState.ASKS, ConditionState.WAITS, ConditionState.HOLDS)


def worst_first(statuses: Sequence[TableStatus]) -> list[TableStatus]:
    """Return the tables in the order in which a person deals with them."""

    def rank(status: TableStatus) -> tuple[int, int]:
        if status.fence is not None:
            return len(_WORST), 0
        states = [one.state for one in status.conditions]
        worst = min(map(_WORST.index, states), default=0)
        return worst, -states.count(_WORST[worst])

    return sorted(statuses, key=rank)


def as_tree(status: TableStatus) -> dict[str, Any]:
    """Return all that was seen; times are epoch seconds."""
    return {
        "seen": round(status.now, 3),
        "table": str(status.table),
        "answered": status.is_seen,
        "stage": None if status.stage is None else status.stage.value,
        "standing": status.standing.value,
        "open": status.standing is Standing.OPEN,
        "fenced": status.fence is not None,
        "fence_left_seconds": round(status.fence_left_s, 1),
        "without_fence": list(map(str, status.unfenced)),
        "to_undo": list(map(str, status.to_undo)),
        "cut_over": status.standing is Standing.CUTOVER,
        "cut_over_at": _cutover_at(status),
        **_seen(status.facts),
        "conditions": [
            {"name": one.name, "state": one.state.value, "reason": one.reason, "fix": one.fix}
            for one in status.conditions
        ],
        "passes": [_pass(one) for one in status.passes if not one.is_fence],
    }


def _cutover_at(status: TableStatus) -> float | None:
    """Return when the table was cut over, in epoch seconds; None before, or if unknown."""
    if status.standing is not Standing.CUTOVER or not all(one.set_at for one in status.fences):
        return None
    return max(map(cutover_at, status.fences))


def _seen(facts: Facts | None) -> dict[str, Any]:
    """Return the measured values; none of a table behind its fence."""
    took_s = None if facts is None else facts.arrival.took_s
    return {
        "paused": _paused(facts),
        "expected_downtime_seconds": None if facts is None else ceil(expected_downtime_s(facts)),
        "wait": None if facts is None else _wait(facts.wait),
        "freshness_seconds": took_s and round(took_s, 2),
        "watermark": _watermark(facts),
        "lag": _lag(facts),
        "parked": {} if facts is None else dict(facts.parked),
        "given_up": None if facts is None else facts.given_up,
        "open_items": None if facts is None else len(facts.open_items),
    }


def _wait(wait: Wait) -> dict[str, Any]:
    """Return the wait behind the fence; it is never longer than `most_seconds`."""
    return {
        "short": wait.is_short,
        "least_seconds": round(wait.least_s, 1),
        "most_seconds": round(wait.most_s, 1),
        "why": wait.why,
    }


def _watermark(facts: Facts | None) -> dict[str, Any] | None:
    """Return up to when all has arrived; None with the stock connector, or if no node has said."""
    if facts is None or not isinstance(facts.arrival, Progress) or facts.arrival.low is None:
        return None
    low, progress = facts.arrival.low, facts.arrival
    at = facts.now if low.drawn_at is None else low.drawn_at
    return {
        "number": low.number,
        "before": low.drawn_at,
        "age_seconds": round(max(0.0, facts.now - at), 1),
        "held_by": low.held_by,
        "waits": [{"node": one.node, "reason": one.why, "fix": one.fix} for one in progress.behind],
    }


def _lag(facts: Facts | None) -> int | None:
    """Return the records that are not settled, as the brokers say of the stock connector."""
    if facts is None or not isinstance(facts.arrival, Estimate) or facts.arrival.lag is None:
        return None
    return facts.arrival.lag.records


def _paused(facts: Facts | None) -> dict[str, Any] | None:
    """Return since when, by whom and why the table is paused; None where it is not."""
    found = None if facts is None else pause_of(facts.switches, facts.table)
    return None if found is None else asdict(found[1])


def standing(tree: Mapping[str, Any]) -> str:
    """Return the verdict in words; `tree` is that of `as_tree`."""
    if tree["cut_over_at"]:
        return f"cut over since {clock(tree['cut_over_at'])}"
    if not tree["fenced"]:
        return str(tree["standing"])
    if tree["to_undo"]:
        return rehearsal_stands(tree["to_undo"])
    unfenced = tree["without_fence"]
    if unfenced:
        has = "has" if len(unfenced) == 1 else "have"
        why = f"{', '.join(unfenced)} of its group {has} none"
    else:
        why = f"{span(tree['fence_left_seconds'])} left"
    return f"fence set, {why}: the application must not write Keyspaces yet"


def _pass(one: Pass) -> dict[str, Any]:
    return {
        "verb": one.verb.value,
        "began": one.began,
        "seconds": round(one.ended - one.began, 1),
        "consistency": "all" if one.at_all else "local_quorum",
        "clean": one.is_clean,
        "sums": dict(one.sums),
    }
