"""The gate of cut-over: whether a table can be handed over, and for each reason why not, the mend.

Conditions are judged in the order in which a person deals with them. What nobody can tell by
looking is asked, and what is not told never counts as well. All times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from hintferry.core.capture import gaps, newest, void
from hintferry.core.facts import Answers, Facts, Fence, NodeReport
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

PASSES_OF_S = 30 * 24 * 3600.0
"""Verify passes that began earlier are not looked at."""

REPORTS_LATE_S = 120.0
"""How long a figure may take from a node, or from Kafka, to whoever looks."""

AFTER_STOP_S = 1.0
"""So much the clocks of writers may be ahead of the one that told the stop."""

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
        _captured(facts),
        _nodes(facts),
        *around(facts),
        _marker(facts),
        _pass(facts),
        _pass_after_stop(facts),
    ]


def around(facts: Facts) -> list[Condition]:
    """Those conditions for which neither side is asked, in order."""
    return [_lag(facts), _parked(facts), _given_up(facts), _replay_queue(facts)]


def fence_left_s(fence: Fence, now: float) -> float:
    """How long something older than the fence can still write; 0 when nothing can."""
    return max(0.0, cut_over_at(fence) - now)


def cut_over_at(fence: Fence) -> float:
    """When nothing older than the fence can write any more."""
    return fence.set_at + CUT_OVER_WAIT_S


def downtime(fence: Fence) -> float | None:
    """Seconds from the stop of the writers to the cut-over, where the stop is known.

    However often a cut-over was interrupted: what was later is the application's own time.
    """
    return None if fence.stopped_at is None else cut_over_at(fence) - fence.stopped_at


def expected_downtime_s(facts: Facts) -> float:
    """From the stop of the writers to the hand-over, at most, as things stand."""
    passed = 0.0
    if _pass_after_stop(facts).state is not State.HOLDS:
        passes = (one for one in facts.passes if one.verb is Verb.VERIFY and not one.is_fence)
        last = next(passes, None)
        passed = LATE_WRITES_S + (last.ended - last.began if last else 0.0)
    return LOG_SYNC_S + REPORTS_LATE_S + QUIET_S + passed + CUT_OVER_WAIT_S


def _since(facts: Facts) -> float:
    """What has to be through: before the stop is known, what was written a while ago."""
    if facts.answers.stopped_at is None:
        return facts.now - REPORTS_LATE_S - LOG_SYNC_S
    return max(facts.answers.stopped_at, facts.watched_since)


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
            f"{clock(stopped_at)} is yet to come",
            "give the moment at which the last writer stopped",
        )
    untrue = _why_no_stop(facts, stopped_at)
    if untrue is not None:
        return Condition(
            name,
            State.FAILS,
            f"not since {clock(stopped_at)}: {untrue}",
            "stop every writer, then give the moment after that, or --writes-stopped now",
        )
    return Condition(name, State.HOLDS, f"since {clock(stopped_at)}, as you say")


def _why_no_stop(facts: Facts, stopped_at: float) -> str | None:
    """What shows that the writers had not stopped then, or None."""
    latest = newest(facts.capture)
    if latest is not None and latest[0] > stopped_at + AFTER_STOP_S:
        return f"{latest[1]} hinted a write of {clock(latest[0])}"
    backfill = _last_backfill(facts)
    if backfill is not None and stopped_at < backfill.began:
        return f"the last backfill began {clock(backfill.began)}"
    return None


def _captured(facts: Facts) -> Condition:
    """Positive proof: each connector says that it captures this very table."""
    name, seen = "captured on every node", facts.capture
    if seen.states is None:
        unknown = "not known: the stock connector does not say what it captures"
        return Condition(name, State.HOLDS, unknown)
    if not seen.nodes:
        return Condition(
            name,
            State.FAILS,
            "the datacenter has no node",
            "correct source.datacenter in migration.toml",
        )
    found = gaps(seen)
    if found:
        first = next((gap for gap in found if not gap.passes), found[0])
        more = f", and {_counted(len(found) - 1, 'more node')}" if len(found) > 1 else ""
        state = State.WAITS if all(gap.passes for gap in found) else State.FAILS
        return Condition(name, state, f"{first}{more}", first.mend)
    return Condition(name, State.HOLDS, f"{_counted(len(seen.nodes), 'connector')} say so")


def all_hinted(facts: Facts) -> bool:
    """Whether every node is known to have hinted what was written before the stop."""
    return _nodes(facts).state is State.HOLDS


def _nodes(facts: Facts) -> Condition:
    name = "nodes have hinted everything"
    reports = _reports(facts)
    silent = [one.node for one in facts.capture.nodes if one.node not in reports]
    if silent or not reports:
        return Condition(
            name,
            State.FAILS,
            f"{_listed(silent) or 'no node'}: no report of its guard",
            "see that cdcguard and the CloudWatch agent run on each node",
        )
    for one in reports.values():
        if one.set_aside:
            return Condition(
                name,
                State.FAILS,
                f"{one.node} has {one.set_aside} unread segments set aside",
                f"run `cdcguard.pyz give-back` on {one.node}",
            )
    due = _since(facts) + LOG_SYNC_S
    late = [
        name for name, one in reports.items() if one.hinted_upto is None or one.hinted_upto < due
    ]
    if late:
        return Condition(
            name,
            State.WAITS,
            f"{_listed(late)}: not yet known to have hinted all that was written by"
            f" {clock(_since(facts))}",
            "if it does not come: hintferry.markers must be replicated to every node, and its"
            " connector must run (`cdcguard.pyz status`)",
        )
    return Condition(name, State.HOLDS, f"{_counted(len(reports), 'node')}, all read")


def _reports(facts: Facts) -> dict[str, NodeReport]:
    """The latest report of each node of the datacenter, by its address.

    It is matched by the host id; by the address only where the guard does not know its host id.
    """
    fresh = [one for one in facts.reports if facts.now - one.at < REPORT_HOLDS_S]
    by_host = {one.host_id or one.node: one for one in fresh}
    found = {
        node.node: by_host.get(node.host_id, by_host.get(node.node)) for node in facts.capture.nodes
    }
    return {name: one for name, one in found.items() if one is not None}


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
        return Condition(name, State.WAITS, f"lag zero at {clock(lag.at)}, before the last hint")
    return Condition(name, State.HOLDS, f"lag zero at {clock(lag.at)}")


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
    return Condition(name, State.HOLDS, f"that of {clock(facts.marker_at)} is on the target")


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
    return Condition(name, State.HOLDS, f"begun {clock(found.began)}, {how}")


def clean_pass(facts: Facts) -> Pass | None:
    """The latest pass that proves both sides equal, as far as one can, or None."""
    backfill = _last_backfill(facts)
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
    """Why a clean pass does not count, or None."""
    if one.began > facts.now:
        return f"the last pass began {clock(one.began)}, by a clock that was wrong"
    if one.began <= backfill.ended + LATE_WRITES_S:
        return "the last pass began while writes of the backfill could still arrive"
    if facts.now - one.began >= PASS_HOLDS_S:
        return f"the last pass began {clock(one.began)}: too long ago"
    broken = void(one.proof, facts.capture)
    if broken is not None:
        return f"the last pass does not count: {broken}"
    if _is_whole(one, facts.answers):
        return None
    return "the last pass asked a quorum only, and may have missed what one replica alone holds"


def _is_whole(one: Pass, answers: Answers) -> bool:
    """Whether it saw what one replica alone held."""
    return one.at_all or (answers.repaired_at is not None and one.began > answers.repaired_at)


def losses_since(passes: Sequence[Pass], answers: Answers, now: float) -> float:
    """From when on a loss takes the clean pass away: the begin of the earliest that may be it."""
    earliest = now
    for one in passes:
        if one.verb is Verb.VERIFY and not one.is_clean:
            break
        if one.verb is Verb.VERIFY and _is_whole(one, answers):
            earliest = min(earliest, one.began)
    return max(earliest, now - PASS_HOLDS_S)


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
    if last.is_fence:
        return f"hints were skipped behind a fence until {clock(last.began)}"
    if not last.is_clean:
        unequal = {name: last.sums.get(name, 0) for name in UNEQUAL}
        found = ", ".join(f"{count} {name}" for name, count in unequal.items() if count)
        return f"the last pass is not clean ({found})"
    reason = _why_not(facts, backfill, last)
    assert reason is not None, "else it counts"
    return reason


def _pass_after_stop(facts: Facts) -> Condition:
    """A pass that ran beside the writers is enough unless something escapes hints."""
    name = "nothing escaped the hints"
    found = clean_pass(facts)
    if found is None:
        return Condition(name, State.FAILS, "there is no clean pass yet", "see *clean pass* first")
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
    return Condition(name, State.HOLDS, f"since the clean pass of {clock(found.began)}")


def _escaped(facts: Facts, since: float) -> Iterator[str]:
    """What is known to have changed rows without a hint since the pass began, or may have."""
    for report in facts.reports:
        if report.lost_at is not None and report.lost_at > since:
            yield f"{report.node} lost hints at {clock(report.lost_at)}"
    for node in facts.capture.nodes:
        if node.schema_version is None:
            yield f"{node.node} does not answer, and may have truncated the table"
        elif node.truncated_at is not None and node.truncated_at > since:
            yield f"{node.node} truncated the table at {clock(node.truncated_at)}"


def clock(at: float) -> str:
    """A moment for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(names[:3])
    return some if len(names) <= 3 else f"{some} and {len(names) - 3} more"
