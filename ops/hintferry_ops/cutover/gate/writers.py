"""Judge the stop of the writers; from then on everything must arrive."""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.capture import newest
from hintferry.core.passes import last_backfill
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock
from hintferry_ops.cutover.gate.facts import Confirmations, Facts

NAME = "writers stopped"

LOG_SYNC_S = 10.0
"""After this time, in seconds, a node has synced its log, whatever its settings."""

REPORTS_LATE_S = 120.0
"""The longest delay of a metric from a node or from Kafka, in seconds."""

AFTER_STOP_S = 1.0
"""Seconds that the writers' clocks may be ahead of the operator's."""


def since(facts: Facts) -> float:
    """Return the time up to which writes must have arrived; without a stop, a while ago."""
    return due(facts.confirmations, facts.watched_since, facts.now)


def due(confirmations: Confirmations, watched_since: float, now: float) -> float:
    """Return the same before all facts are known."""
    if confirmations.stopped_at is None:
        return now - REPORTS_LATE_S - LOG_SYNC_S
    return max(confirmations.stopped_at, watched_since)


def stopped(facts: Facts) -> Condition:
    name, stopped_at = NAME, facts.confirmations.stopped_at
    if stopped_at is None:
        return Condition(
            name,
            ConditionState.ASKS,
            "have all applications stopped writing the table?",
            "when every other condition holds, stop the writers, then add --writes-stopped now",
        )
    if stopped_at > facts.now:
        return Condition(
            name,
            ConditionState.FAILS,
            f"{clock(stopped_at)} is in the future",
            "give the moment at which the last writer stopped",
        )
    untrue = _why_no_stop(facts, stopped_at)
    if untrue is not None:
        return Condition(
            name,
            ConditionState.FAILS,
            f"not stopped since {clock(stopped_at)}: {untrue}",
            "stop every writer, then pass the time after that, or --writes-stopped now",
        )
    return Condition(name, ConditionState.HOLDS, f"since {clock(stopped_at)}, as you stated")


def begin_of_downtime(facts: Facts, stated: Sequence[float]) -> float | None:
    """Return the first of these stops (epoch s) after which nothing shows that a writer went on."""
    return min((one for one in stated if _why_no_stop(facts, one) is None), default=None)


def _why_no_stop(facts: Facts, stopped_at: float) -> str | None:
    """Return the sign that the writers had not stopped then, or None."""
    latest = newest(facts.capture)
    if latest is not None and latest[0] > stopped_at + AFTER_STOP_S:
        return f"{latest[1]} captured a write of {clock(latest[0])}"
    backfill = last_backfill(facts.passes)
    if backfill is not None and stopped_at < backfill.began:
        return f"the last backfill began {clock(backfill.began)}"
    return None
