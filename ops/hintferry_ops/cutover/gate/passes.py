"""Judge passes: one proves both sides equal, and no write was left uncaptured since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hintferry.core.capture import void
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.passes import PASS_HOLDS_S, Pass, Verb, last_backfill
from hintferry.core.verdict import UNEQUAL
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock
from hintferry_ops.cutover.gate.facts import Confirmations, Estimate, Facts

AFTER_STOP = "no uncaptured writes"
"""The condition that a pass after the stop makes hold in any case."""

LATE_WRITES_S = float(SECOND_LOOK_AFTER_S)
"""Seconds after which no write of Hintferry can still arrive that was under way."""


def clean(facts: Facts) -> Condition:
    name = "clean verify pass"
    backfill = last_backfill(facts.passes)
    if backfill is None:
        return Condition(
            name,
            ConditionState.FAILS,
            "no backfill of the table is recorded",
            f"run `hintferry backfill {facts.table}`",
        )
    if not backfill.is_clean:
        return Condition(
            name,
            ConditionState.FAILS,
            "the last backfill did not write every key",
            f"fix the cause, then run `hintferry backfill {facts.table}`",
        )
    found = clean_pass(facts)
    if found is None:
        verify = f"run `hintferry verify {facts.table} --consistency all`"
        last = _last_verify(facts, backfill)
        if last is not None and not last.is_clean:
            verify = f"run `hintferry verify {facts.table} --repair`, then {verify}"
        return Condition(name, ConditionState.FAILS, _why_no_pass(facts, backfill), verify)
    how = "at consistency all" if found.at_all else "after the full repair"
    return Condition(name, ConditionState.HOLDS, f"begun {clock(found.began)}, {how}")


def after_stop(facts: Facts) -> Condition:
    """Accept a pass that ran beside the writers, unless a write may be uncaptured."""
    name = AFTER_STOP
    found = clean_pass(facts)
    if found is None:
        return Condition(
            name,
            ConditionState.FAILS,
            "there is no clean verify pass yet",
            "fix *clean pass* first",
        )
    stopped_at = facts.confirmations.stopped_at
    if stopped_at is not None and found.began > stopped_at + LATE_WRITES_S:
        return Condition(
            name, ConditionState.HOLDS, "the clean verify pass began after the writers stopped"
        )
    verify = f"run `hintferry verify {facts.table} --consistency all`"
    known = next(_escaped(facts, found.began), None)
    if known is not None:
        return Condition(name, ConditionState.FAILS, known, verify)
    after = f"{LATE_WRITES_S:.0f} s after the writers stopped, {verify}"
    if facts.has_unhinted:
        return Condition(
            name,
            ConditionState.WAITS if stopped_at is None else ConditionState.FAILS,
            "the stock connector sends no hint for the table's static columns or counters",
            after,
        )
    if not facts.confirmations.writers_at_quorum:
        asked = (
            "does every writer write at LOCAL_QUORUM, EACH_QUORUM or ALL in source.datacenter"
            " (QUORUM only where that is the only datacenter), and did hinted handoff complete to"
            " every node that was down since?"
        )
        return Condition(
            name, ConditionState.ASKS, asked, f"if yes, add --writers-at-quorum; if no, {after}"
        )
    return Condition(
        name, ConditionState.HOLDS, f"none since the clean verify pass of {clock(found.began)}"
    )


def clean_pass(facts: Facts) -> Pass | None:
    """The latest pass that proves both sides equal, as far as one can, or None."""
    backfill = last_backfill(facts.passes)
    if backfill is None or not backfill.is_clean:
        return None
    for one in facts.passes:
        if one.verb is not Verb.VERIFY:
            continue
        if not one.is_clean:
            return None
        if _why_not(facts, backfill, one) is None:
            return one
    return None


def _why_not(facts: Facts, backfill: Pass, one: Pass) -> str | None:
    """Return why a clean pass does not count, or None."""
    if one.began > facts.now:
        return f"the last verify pass began in the future ({clock(one.began)}): a clock was wrong"
    if one.began <= backfill.ended + LATE_WRITES_S:
        return "the last verify pass began before the last writes of the backfill had arrived"
    if facts.now - one.began >= PASS_HOLDS_S:
        return f"the last pass began {clock(one.began)}: over 7 days ago"
    broken = void(one.proof, facts.capture)
    if broken is not None:
        return f"the last pass does not count: {broken}"
    if _is_whole(one, facts.confirmations):
        return None
    return "the last pass read at a quorum, and may have missed rows that only one replica holds"


def _is_whole(one: Pass, confirmations: Confirmations) -> bool:
    """Return whether the pass saw rows that only one replica held."""
    return one.at_all or (
        confirmations.repaired_at is not None and one.began > confirmations.repaired_at
    )


def losses_since(passes: Sequence[Pass], confirmations: Confirmations, now: float) -> float:
    """Return the earliest time at which a loss voids the clean pass: the start of that pass."""
    earliest = now
    for one in passes:
        if one.verb is Verb.VERIFY and not one.is_clean:
            break
        if one.verb is Verb.VERIFY and _is_whole(one, confirmations):
            earliest = min(earliest, one.began)
    return max(earliest, now - PASS_HOLDS_S)


def _last_verify(facts: Facts, backfill: Pass) -> Pass | None:
    last = next((one for one in facts.passes if one.verb is Verb.VERIFY), None)
    return None if last is None or last.began < backfill.ended else last


def _why_no_pass(facts: Facts, backfill: Pass) -> str:
    last = _last_verify(facts, backfill)
    if last is None:
        return "no verify pass since the backfill"
    if last.is_fence:
        return f"change hints were skipped until {clock(last.began)}, while the table was cut over"
    if not last.is_clean:
        unequal = {name: last.sums.get(name, 0) for name in UNEQUAL}
        found = ", ".join(f"{count} {name}" for name, count in unequal.items() if count)
        if last.is_validation:
            return f"validation found a key that is not equal ({found}) at {clock(last.began)}"
        return f"the last verify pass found differences ({found})"
    reason = _why_not(facts, backfill, last)
    assert reason is not None, "else it counts"
    return reason


def _escaped(facts: Facts, since: float) -> Iterator[str]:
    """Yield why rows changed without a hint since the pass began, or may have."""
    # A loss moves `since` of our own capture, so the pass does not count: `void`.
    reports = facts.arrival.reports if isinstance(facts.arrival, Estimate) else ()
    for report in reports:
        if report.lost_at is not None and report.lost_at > since:
            yield f"{report.node} lost change hints at {clock(report.lost_at)}"
    for node in facts.capture.nodes:
        if node.schema_version is None:
            yield f"{node.node} does not answer, so it may have truncated the table"
        elif node.truncated_at is not None and node.truncated_at > since:
            yield f"{node.node} truncated the table at {clock(node.truncated_at)}"
