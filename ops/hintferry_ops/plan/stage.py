"""Judge which stage a table has reached, by what stands in tables that exist already.

Nothing is kept of a plan: the nodes' captures, the recorded passes and the fence say it all.
"""

from __future__ import annotations

from enum import Enum

from hintferry.core.passes import Verb, last_backfill
from hintferry.ports import Fence
from hintferry_ops.cutover.gate import arrival, capture, passes, queues, switches
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.cutover.gate.fence import fence_left_s


class Stage(Enum):
    """The stages of a table, in order."""

    LISTED = "listed"
    """It is in migration.toml, and a node does not capture it for sure."""

    CAPTURED = "captured"
    BACKFILLED = "backfilled"
    VERIFIED = "verified"
    READY = "ready"
    """Only the stop of its writers is missing, and what a person has to confirm."""

    CUT_OVER = "cut over"

    @property
    def number(self) -> int:
        """Return its place in the order, from 0 on."""
        return list(Stage).index(self)


class Act(Enum):
    """Name what leads a table to its next stage."""

    BACKFILL = "backfill"
    VERIFY = "verify"
    REPAIR = "verify --repair"
    WAIT = "wait"
    """Time alone, or a person, brings the next stage."""


def stage_of(facts: Facts | None, fence: Fence | None, now: float) -> Stage | None:
    """Return the stage of a table; None where a side is away, so that nobody knows.

    `fence`: the fence of the table, if one stands. `facts` is None behind a fence. `now`: epoch
    seconds.
    """
    if fence is not None and fence.is_rehearsal:
        # Behind it change hints were skipped: no verify pass counts any more.
        return Stage.BACKFILLED
    if fence is not None:
        return Stage.READY if fence_left_s(fence, now) else Stage.CUT_OVER
    if facts is None:
        return None
    backfill = last_backfill(facts.passes)
    if backfill is not None and backfill.is_clean:
        if not _is_compared(facts):
            return Stage.BACKFILLED
        return Stage.VERIFIED if in_the_way(facts) else Stage.READY
    return Stage.CAPTURED if _holds(capture.captured(facts)) else Stage.LISTED


def act_of(facts: Facts) -> Act:
    """Return what leads a table without a fence to its next stage."""
    backfill = last_backfill(facts.passes)
    if backfill is None or not backfill.is_clean:
        return Act.BACKFILL
    if _is_compared(facts):
        return Act.WAIT
    last = next((one for one in facts.passes if one.verb is Verb.VERIFY), None)
    is_real = last is not None and not last.is_fence and last.began > backfill.ended
    return Act.REPAIR if last is not None and is_real and not last.is_clean else Act.VERIFY


def in_the_way(facts: Facts) -> list[Condition]:
    """Return what a compared table still needs, beside the stop of its writers."""
    found = [
        switches.goes_on(facts),
        capture.captured(facts),
        *arrival.conditions(facts),
        queues.parked(facts),
        queues.given_up(facts),
        queues.open_items(facts),
    ]
    return [one for one in found if not _holds(one)]


def _is_compared(facts: Facts) -> bool:
    """Return whether a clean verify pass counts, and no write has escaped capture since."""
    if not _holds(passes.clean(facts)):
        return False
    return passes.after_stop(facts).state is not ConditionState.FAILS


def _holds(condition: Condition) -> bool:
    return condition.state is ConditionState.HOLDS
