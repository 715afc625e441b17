"""Judge what waits: queues and bucket."""

from __future__ import annotations

from hintferry_ops.cutover.gate.condition import Condition, ConditionState, counted
from hintferry_ops.cutover.gate.facts import Facts

QUIET_S = 70.0
"""Seconds that the replay queue must read empty: SQS counts are approximate."""


def parked(facts: Facts) -> Condition:
    name = "nothing parked"
    if not facts.parked:
        return Condition(name, ConditionState.HOLDS, "no record of this table is parked")
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


def replay_queue(facts: Facts) -> Condition:
    name = "replay queue empty"
    if facts.waiting or facts.quiet_since is None:
        return Condition(
            name,
            ConditionState.WAITS,
            f"{counted(facts.waiting, 'message')} in it, all tables together",
            "if it does not empty: read the log of the replay function",
        )
    quiet_s = facts.now - facts.quiet_since
    if quiet_s < QUIET_S:
        return Condition(name, ConditionState.WAITS, f"empty for {quiet_s:.0f} s of {QUIET_S:.0f}")
    return Condition(name, ConditionState.HOLDS, f"empty at every check for {quiet_s:.0f} s")
