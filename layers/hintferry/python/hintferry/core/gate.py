"""The gate of cut-over: whether a table can be handed over, and for each reason why not, the mend.

Conditions are judged in the order in which a person deals with them. What nobody can tell by
looking is asked, and what is not told never counts as well. All times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from hintferry.core.facts import Facts
from hintferry.core.limits import CUT_OVER_WAIT_S, SECOND_LOOK_AFTER_S
from hintferry.core.passes import Pass, Verb
from hintferry.core.verdict import UNEQUAL

QUIET_S = 70.0
"""So long the replay queue must be empty at every look: its counts are approximate."""

LOG_SYNC_S = 10.0
"""What a node has written is in its synced log after this, whatever its settings."""

REPORT_HOLDS_S = 300.0
"""An older report says nothing about a node any more."""

PASS_HOLDS_S = 7 * 24 * 3600.0
"""As far back as the reports of the nodes are looked through for losses."""

REPORTS_LATE_S = 120.0
"""How long a figure may take from a node, or from Kafka, to whoever looks."""

LATE_WRITES_S = float(SECOND_LOOK_AFTER_S)
"""After this no write of ours can still arrive that was under way."""


class State(Enum):
    """How a condition stands."""

    HOLDS = "holds"
    WAITS = "waits"
    """Not yet: it comes about by itself."""

    FAILS = "fails"
    ASKS = "asks"
    """Only a person knows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, how it stands and why; `mend`: what to type or to do about it."""

    name: str
    state: State
    reason: str
    mend: str = ""


def is_open(conditions: Sequence[Condition]) -> bool:
    """Whether the table can be cut over."""
    return all(one.state is State.HOLDS for one in conditions)


def comes_by_itself(conditions: Sequence[Condition]) -> bool:
    """Whether waiting is all that is needed."""
    return all(one.state in (State.HOLDS, State.WAITS) for one in conditions)


def gate(facts: Facts) -> list[Condition]:
    """Every condition, in order."""
    return [
        _stopped(facts),
        _nodes(facts),
        _lag(facts),
        _parked(facts),
        _given_up(facts),
        _replay_queue(facts),
        _marker(facts),
        _pass(facts),
        _pass_after_stop(facts),
    ]


def expected_downtime_s(facts: Facts) -> float:
    """From the stop of the writers to the hand-over, at most, as things stand."""
    passed = 0.0
    if _pass_after_stop(facts).state is not State.HOLDS:
        last = next((one for one in facts.passes if one.verb is Verb.VERIFY), None)
        passed = LATE_WRITES_S + (last.ended - last.began if last else 0.0)
    return LOG_SYNC_S + REPORTS_LATE_S + QUIET_S + passed + CUT_OVER_WAIT_S


def _since(facts: Facts) -> float:
    """What has to be through: before the stop is known, what was written a while ago."""
    if facts.answers.stopped_at is None:
        return facts.now - REPORTS_LATE_S - LOG_SYNC_S
    return facts.answers.stopped_at


def _stopped(facts: Facts) -> Condition:
    name, stopped_at = "writers stopped", facts.answers.stopped_at
    if stopped_at is None:
        return Condition(
            name,
            State.ASKS,
            "has everybody stopped writing the table?",
            "stop the writers when nothing else is open, then add --writes-stopped now",
        )
    if stopped_at > facts.now:
        return Condition(
            name,
            State.FAILS,
            f"{_clock(stopped_at)} is yet to come",
            "give the moment at which the last writer stopped",
        )
    return Condition(name, State.HOLDS, f"since {_clock(stopped_at)}, as you say")


def all_hinted(facts: Facts) -> bool:
    """Whether every node is known to have hinted what was written before the stop."""
    return _nodes(facts).state is State.HOLDS


def _nodes(facts: Facts) -> Condition:
    name = "nodes have hinted everything"
    reports = [one for one in facts.reports if facts.now - one.at < REPORT_HOLDS_S]
    if len(reports) < len(facts.nodes) or not reports:
        return Condition(
            name,
            State.FAILS,
            f"{len(reports)} of {len(facts.nodes)} nodes report",
            "see that cdcguard and the CloudWatch agent run on each node",
        )
    for one in reports:
        if one.set_aside:
            return Condition(
                name,
                State.FAILS,
                f"{one.node} has {one.set_aside} unread segments set aside",
                f"run `cdcguard.py give-back` on {one.node}",
            )
    due = _since(facts) + LOG_SYNC_S
    late = [one.node for one in reports if one.hinted_upto is None or one.hinted_upto < due]
    if late:
        return Condition(
            name,
            State.WAITS,
            f"{_listed(late)}: not yet known to have hinted all that was written by"
            f" {_clock(_since(facts))}",
            "if it does not come: hintferry.markers must be replicated to every node, and its"
            " connector must run (`cdcguard.py status`)",
        )
    return Condition(name, State.HOLDS, f"{_counted(len(reports), 'node')}, all read")


def _lag(facts: Facts) -> Condition:
    name, lag = "topic settled", facts.lag
    if lag is None:
        return Condition(
            name,
            State.FAILS,
            "no lag is known of the table's topic",
            "see that its event source mapping is enabled; MSK tells none before the first hint, so"
            " update a row of the table",
        )
    if lag.records:
        return Condition(name, State.WAITS, f"{_counted(lag.records, 'record')} to go")
    if facts.answers.stopped_at is not None and not _is_after(lag.at, facts.hinted_since):
        return Condition(name, State.WAITS, f"lag zero at {_clock(lag.at)}, before the last hint")
    return Condition(name, State.HOLDS, f"lag zero at {_clock(lag.at)}")


def _is_after(at: float, since: float | None) -> bool:
    return since is not None and at >= since


def _parked(facts: Facts) -> Condition:
    name = "nothing parked"
    if not facts.parked:
        return Condition(name, State.HOLDS, "no record of this table is parked")
    by_reason = ", ".join(f"{reason} {count}" for reason, count in sorted(facts.parked.items()))
    return Condition(
        name,
        State.FAILS,
        f"{_counted(sum(facts.parked.values()), 'record')} parked: {by_reason}",
        f"mend the cause, then `hintferry replay --table {facts.table}`",
    )


def _given_up(facts: Facts) -> Condition:
    name = "nothing given up"
    if not facts.given_up:
        return Condition(name, State.HOLDS, "no payload lies in the bucket")
    return Condition(
        name,
        State.FAILS,
        f"{_counted(facts.given_up, 'payload')} in the bucket",
        f"`hintferry replay --table {facts.table} --reason given_up`",
    )


def _replay_queue(facts: Facts) -> Condition:
    name = "replay queue empty"
    if facts.waiting or facts.quiet_since is None:
        return Condition(
            name,
            State.WAITS,
            f"{_counted(facts.waiting, 'message')} in it, of any table",
            "if it does not empty: see the log of the replay function",
        )
    quiet_s = facts.now - facts.quiet_since
    if quiet_s < QUIET_S:
        return Condition(name, State.WAITS, f"for {quiet_s:.0f} s of {QUIET_S:.0f}")
    return Condition(name, State.HOLDS, f"at every look for {quiet_s:.0f} s")


def _marker(facts: Facts) -> Condition:
    name = "marker row through"
    if facts.marker_at is None or facts.marker_at < _since(facts):
        return Condition(
            name,
            State.WAITS,
            "no marker row written since has reached the target",
            "if it does not come: see that the topic of hintferry.markers is there and is read",
        )
    return Condition(name, State.HOLDS, f"that of {_clock(facts.marker_at)} is on the target")


def _pass(facts: Facts) -> Condition:
    name = "clean pass"
    backfill = _last_backfill(facts)
    if backfill is None:
        return Condition(
            name, State.FAILS, "no backfill is recorded", f"`hintferry backfill {facts.table}`"
        )
    if not backfill.is_clean:
        return Condition(
            name,
            State.FAILS,
            "the last backfill left keys unwritten",
            f"mend the cause, then `hintferry backfill {facts.table}`",
        )
    found = clean_pass(facts)
    if found is None:
        verify = f"`hintferry verify {facts.table} --consistency all`"
        last = _last_verify(facts, backfill)
        if last is not None and not last.is_clean:
            verify = f"`hintferry verify {facts.table} --repair`, then {verify}"
        return Condition(name, State.FAILS, _why_no_pass(facts, backfill), verify)
    how = "every replica asked" if found.at_all else "after the repair"
    return Condition(name, State.HOLDS, f"begun {_clock(found.began)}, {how}")


def clean_pass(facts: Facts) -> Pass | None:
    """The latest pass that proves both sides equal, as far as one can, or None."""
    backfill = _last_backfill(facts)
    if backfill is None or not backfill.is_clean:
        return None
    repaired_at = facts.answers.repaired_at
    for one in facts.passes:
        if one.verb is not Verb.VERIFY:
            continue
        if not one.is_clean:
            return None
        is_whole = one.at_all or (repaired_at is not None and one.began > repaired_at)
        is_late = one.began > backfill.ended + LATE_WRITES_S
        if is_whole and is_late and facts.now - one.began < PASS_HOLDS_S:
            return one
    return None


def _last_backfill(facts: Facts) -> Pass | None:
    fillings = [one for one in facts.passes if one.verb is Verb.BACKFILL]
    return max(fillings, key=lambda one: one.ended, default=None)


def _last_verify(facts: Facts, backfill: Pass) -> Pass | None:
    last = next((one for one in facts.passes if one.verb is Verb.VERIFY), None)
    return None if last is None or last.began < backfill.ended else last


def _why_no_pass(facts: Facts, backfill: Pass) -> str:
    last = _last_verify(facts, backfill)
    if last is None:
        return "no pass since the backfill"
    if not last.is_clean:
        unequal = {name: last.sums.get(name, 0) for name in UNEQUAL}
        found = ", ".join(f"{count} {name}" for name, count in unequal.items() if count)
        return f"the last pass is not clean ({found or 'the fence was taken back since'})"
    if last.began <= backfill.ended + LATE_WRITES_S:
        return "the last pass began while writes of the backfill could still arrive"
    if facts.now - last.began >= PASS_HOLDS_S:
        return f"the last pass began {_clock(last.began)}: too long ago"
    return "the last pass asked a quorum only, and may have missed what one replica alone holds"


def _pass_after_stop(facts: Facts) -> Condition:
    """A pass that ran beside the writers is enough unless something escapes hints."""
    name = "nothing escaped the hints"
    found = clean_pass(facts)
    if found is None:
        return Condition(name, State.FAILS, "no clean pass", "as above")
    stopped_at = facts.answers.stopped_at
    if stopped_at is not None and found.began > stopped_at + LATE_WRITES_S:
        return Condition(name, State.HOLDS, "the clean pass began after the writers stopped")
    verify = f"`hintferry verify {facts.table} --consistency all`"
    known = next(_escaped(facts, found.began), None)
    if known is not None:
        return Condition(name, State.FAILS, known, verify)
    after = f"{LATE_WRITES_S:.0f} s after the writers stopped: {verify}"
    if facts.has_unhinted:
        return Condition(
            name,
            State.WAITS if stopped_at is None else State.FAILS,
            "the stock connector sends no hint of its static columns or counters",
            after,
        )
    if not facts.answers.writers_at_quorum:
        asked = (
            "does every writer write at a quorum of this datacenter, and did hand-off reach every"
            " node that was down since?"
        )
        return Condition(name, State.ASKS, asked, f"if so add --writers-at-quorum; if not, {after}")
    return Condition(name, State.HOLDS, f"since the clean pass of {_clock(found.began)}")


def _escaped(facts: Facts, since: float) -> Iterator[str]:
    """What is known to have changed rows without a hint since the pass began, or may have."""
    for report in facts.reports:
        if report.lost_at is not None and report.lost_at > since:
            yield f"{report.node} lost hints at {_clock(report.lost_at)}"
    for node in facts.nodes:
        if not node.answers:
            yield f"{node.node} does not answer, and may have truncated the table"
        elif node.truncated_at is not None and node.truncated_at > since:
            yield f"{node.node} truncated the table at {_clock(node.truncated_at)}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(names[:3])
    return some if len(names) <= 3 else f"{some} and {len(names) - 3} more"
