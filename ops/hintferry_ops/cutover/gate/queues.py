"""Judge what waits: queues and bucket."""

from __future__ import annotations

from collections import Counter

from hintferry.adapters.aws.replay_queue import SHARED_WITHIN_S
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.open_item import PARKED
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock, counted
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.cutover.gate.passes import LATE_WRITES_S, clean_pass

IN_FLIGHT = "in flight"
"""The reason of parked messages that a `hintferry replay` holds: their tables are not known."""

LEFT_S = float(SECOND_LOOK_AFTER_S + SHARED_WITHIN_S)
"""Seconds until the second look of a range delete that was the last write."""

OVERDUE_S = 3600.0
"""Seconds after which an open item needs a person: a side is away, or its message is lost."""


def parked(facts: Facts) -> Condition:
    name = "nothing parked"
    if not facts.parked:
        return Condition(name, ConditionState.HOLDS, "no record of this table is parked")
    if facts.parked.keys() == {IN_FLIGHT}:
        return Condition(
            name,
            ConditionState.WAITS,
            f"{counted(facts.parked[IN_FLIGHT], 'parked record')} in flight, of whatever table",
            "wait until the `hintferry replay` that holds them has ended",
        )
    by_reason = ", ".join(f"{reason} {count}" for reason, count in sorted(facts.parked.items()))
    return Condition(
        name,
        ConditionState.FAILS,
        f"{counted(sum(facts.parked.values()), 'record')} parked: {by_reason}",
        f"fix the cause, then run `hintferry replay {facts.table}`",
    )


def given_up(facts: Facts) -> Condition:
    name = "on-failure bucket empty"
    if not facts.given_up:
        return Condition(
            name, ConditionState.HOLDS, "no batch that an event source gave up is in the bucket"
        )
    return Condition(
        name,
        ConditionState.FAILS,
        f"{counted(facts.given_up, 'payload')} in the on-failure bucket",
        f"run `hintferry replay {facts.table} --reason given_up`",
    )


def open_items(facts: Facts) -> Condition:
    """Require that no message of the table waits: each has a row until it is settled."""
    name = "nothing left for later"
    found = [one for one in facts.open_items if one.due >= _compared_since(facts)]
    if not found:
        return Condition(name, ConditionState.HOLDS, "no open item of this table")
    reasons = sorted(Counter(one.reason for one in found).items())
    what = f"{counted(len(found), 'open item')}: " + ", ".join(f"{r} {n}" for r, n in reasons)
    oldest = min(one.due for one in found)
    if all(one.reason == PARKED for one in found):
        fix = f"fix the cause, then run `hintferry replay {facts.table}`"
        return Condition(name, ConditionState.FAILS, what, fix)
    if facts.now - oldest <= OVERDUE_S:
        return Condition(
            name, ConditionState.WAITS, what, "if this lasts: read the log of the replay function"
        )
    return Condition(
        name,
        ConditionState.FAILS,
        f"{what}; the oldest was due {clock(oldest)}",
        "read the log of the replay function; if the queues are empty, the message is lost: run"
        f" `hintferry verify {facts.table} --repair`, then `hintferry verify {facts.table}"
        " --consistency all`",
    )


def _compared_since(facts: Facts) -> float:
    """Return the time from which on items count: a later clean pass has compared older keys."""
    found = clean_pass(facts)
    return 0.0 if found is None else found.began - LATE_WRITES_S
