"""Judge whether a table can be cut over, and give the fix for each condition that fails.

Conditions are judged in the order in which a person deals with them. The operator confirms what
Hintferry cannot observe; until then the condition does not hold. All times are epoch seconds.
"""

from __future__ import annotations

from hintferry.core.passes import Verb
from hintferry_ops.cutover.gate import (
    arrival,
    capture,
    estimates,
    passes,
    queues,
    switches,
    writers,
)
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gate.facts import Estimate, Facts


def gate(facts: Facts) -> list[Condition]:
    """Return every condition, in order."""
    return [
        writers.stopped(facts),
        switches.goes_on(facts),
        capture.captured(facts),
        *arrival.conditions(facts),
        queues.parked(facts),
        queues.given_up(facts),
        queues.open_items(facts),
        passes.clean(facts),
        passes.after_stop(facts),
    ]


def around(facts: Facts) -> list[Condition]:
    """Return the conditions that need neither side, in order."""
    seen = facts.arrival
    lag = [estimates.lag(facts, seen)] if isinstance(seen, Estimate) else []
    return [*lag, queues.parked(facts), queues.given_up(facts)]


def expected_downtime_s(facts: Facts) -> float:
    """Return the longest downtime, in seconds: from the writers' stop to the cutover."""
    passed = 0.0
    if passes.after_stop(facts).state is not ConditionState.HOLDS:
        swept = (one for one in facts.passes if one.verb is Verb.VERIFY and not one.is_fence)
        last = next(swept, None)
        passed = passes.LATE_WRITES_S + (last.ended - last.began if last else 0.0)
    arrives = arrival.within_s(facts.arrival)
    return writers.LOG_SYNC_S + arrives + queues.LEFT_S + passed + facts.wait.most_s
