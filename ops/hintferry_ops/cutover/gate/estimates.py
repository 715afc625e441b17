"""Judge by samples what has arrived: all that the stock connector allows.

Metrics of the nodes and of the topic are minutes late, and a marker row travels by a topic of its
own. With our own capture one watermark stands in place of the three: `gate/arrival.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.capture import Witness
from hintferry_ops.cutover.gate import writers
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock, counted, listed
from hintferry_ops.cutover.gate.facts import Estimate, Facts, NodeReport

REPORT_HOLDS_S = 300.0
"""An older report says nothing about a node any more."""


def conditions(facts: Facts, seen: Estimate) -> list[Condition]:
    """Return what must hold before all that was written before the stop counts as arrived."""
    since = writers.since(facts)
    caught_up = hinted(facts.capture, seen.reports, since, facts.now)
    return [caught_up, lag(facts, seen), marker(seen, since)]


def hinted(capture: Witness, said: Sequence[NodeReport], since: float, now: float) -> Condition:
    """Require that every node has sent the hints of what was written before `since`."""
    name = "capture has caught up"
    reports = _reports(capture, said, now)
    silent = [one.node for one in capture.nodes if one.node not in reports]
    if silent or not reports:
        return Condition(
            name,
            ConditionState.FAILS,
            f"{listed(silent) or 'no node'}: no report of cdcguard for {REPORT_HOLDS_S:.0f} s",
            "check that cdcguard and the CloudWatch agent run on each node",
        )
    for one in reports.values():
        if one.set_aside:
            return Condition(
                name,
                ConditionState.FAILS,
                f"{one.node} has {one.set_aside} unread commit log segments set aside",
                f"run `cdcguard.pyz give-back` on {one.node}",
            )
    due = since + writers.LOG_SYNC_S
    late = [
        name for name, one in reports.items() if one.hinted_upto is None or one.hinted_upto < due
    ]
    if late:
        return Condition(
            name,
            ConditionState.WAITS,
            f"{listed(late)}: capture is not confirmed up to {clock(since)}",
            "if this lasts: hintferry.markers must be replicated to every node, and its"
            " connector must run (`cdcguard.pyz status`)",
        )
    return Condition(
        name,
        ConditionState.HOLDS,
        f"{counted(len(reports), 'node')}: captured up to {clock(since)}",
    )


def lag(facts: Facts, seen: Estimate) -> Condition:
    name, lag = "topic settled", seen.lag
    if lag is None:
        return Condition(
            name,
            ConditionState.FAILS,
            "MSK reports no consumer lag for the table's topic",
            "check that its event source mapping is enabled. MSK reports no lag before the first"
            " hint: update a row of the table",
        )
    if lag.records:
        return Condition(
            name, ConditionState.WAITS, f"{counted(lag.records, 'record')} not yet applied"
        )
    if facts.confirmations.stopped_at is not None and not _is_after(lag.at, seen.hinted_since):
        return Condition(
            name, ConditionState.WAITS, f"lag was zero at {clock(lag.at)}, before capture caught up"
        )
    return Condition(name, ConditionState.HOLDS, f"lag was zero at {clock(lag.at)}")


def _is_after(at: float, since: float | None) -> bool:
    return since is not None and at >= since


def marker(seen: Estimate, since: float) -> Condition:
    name = "marker row on the target"
    if seen.marker_at is None or seen.marker_at < since:
        return Condition(
            name,
            ConditionState.WAITS,
            "no marker row written since then is on the target",
            "if this lasts: check that the topic of hintferry.markers exists, and its mapping is"
            " enabled",
        )
    return Condition(
        name, ConditionState.HOLDS, f"the marker row of {clock(seen.marker_at)} is on the target"
    )


def _reports(capture: Witness, said: Sequence[NodeReport], now: float) -> dict[str, NodeReport]:
    """Return the latest report of each node of the datacenter, by its address.

    It is matched by the host id; by the address only where the guard does not know its host id.
    """
    fresh = [one for one in said if now - one.at < REPORT_HOLDS_S]
    by_host = {one.host_id or one.node: one for one in fresh}
    found = {node.node: by_host.get(node.host_id, by_host.get(node.node)) for node in capture.nodes}
    return {name: one for name, one in found.items() if one is not None}
