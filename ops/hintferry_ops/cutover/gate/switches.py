"""Condition: no operator has paused the table; what is set of its pace is shown."""

from __future__ import annotations

from hintferry.core.switches import ALL, pause_of, rates_of
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gate.facts import Facts

LONG_PAUSE_S = 12 * 3600
"""Half of the day after which the event source gives hints up into the bucket."""


def goes_on(facts: Facts) -> Condition:
    name, found = "not paused", pause_of(facts.switches, facts.table)
    if found is None:
        return Condition(name, ConditionState.HOLDS, _throttled(facts))
    switch, pause = found
    hours = int((facts.now - pause.at) // 3600)
    is_long = facts.now - pause.at > LONG_PAUSE_S
    late = f"; after {hours} h: 24 h after its begin hints go to the bucket" if is_long else ""
    option = "--all" if switch == ALL else switch
    return Condition(name, ConditionState.FAILS, f"{pause}{late}", f"`hintferry resume {option}`")


def _throttled(facts: Facts) -> str:
    bounds = [
        f"{rates} (all tables)" if name == ALL else str(rates)
        for name, rates in rates_of(facts.switches, facts.table)
    ]
    return f"throttled: {'; '.join(bounds)}" if bounds else "nobody paused or throttled it"
