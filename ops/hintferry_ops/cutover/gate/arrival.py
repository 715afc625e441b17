"""Judge by the watermark whether everything that was written before the stop has arrived.

It stands in place of three samples: how far capture is, the lag of the topic, and a marker row.
"""

from __future__ import annotations

from hintferry.adapters.source.marker_watch import DRAW_EVERY_S
from hintferry.core.watermark import Progress
from hintferry_ops.cutover.gate import estimates, writers
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock, counted
from hintferry_ops.cutover.gate.facts import Arrival, Estimate, Facts


def conditions(facts: Facts) -> list[Condition]:
    """Return what must hold before all that was written before the stop counts as arrived."""
    if isinstance(facts.arrival, Estimate):
        return estimates.conditions(facts, facts.arrival)
    return [arrived(facts.arrival, writers.since(facts))]


def arrived(progress: Progress, since: float) -> Condition:
    """Require that every node has settled a marker that was drawn after `since`."""
    name = "all changes have arrived"
    if has_arrived(progress, since):
        upto = clock(progress.reached_at or since)
        return Condition(name, ConditionState.HOLDS, f"every change from before {upto}")
    if not progress.behind:
        return Condition(name, ConditionState.WAITS, "no marker was drawn since then")
    first = progress.behind[0]
    others = len(progress.behind) - 1
    more = f", and {counted(others, 'more node')}" if others else ""
    return Condition(name, ConditionState.WAITS, f"{first}{more}", first.fix)


def within_s(seen: Arrival) -> float:
    """Return how long it takes, in seconds, until what is in the log is known to have arrived."""
    if isinstance(seen, Estimate):
        return writers.REPORTS_LATE_S
    return DRAW_EVERY_S + (seen.took_s or 0.0)


def has_arrived(progress: Progress, since: float) -> bool:
    """Return whether a marker that was drawn after `since` is settled on every node."""
    return progress.reached_at is not None and progress.reached_at >= since
