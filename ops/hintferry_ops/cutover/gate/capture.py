"""Judge capture: every node captures the table, and capture has caught up."""

from __future__ import annotations

from hintferry.core.capture import gaps
from hintferry_ops.cutover.gate import writers
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, clock, counted, listed
from hintferry_ops.cutover.gate.facts import Facts, NodeReport

REPORT_HOLDS_S = 300.0
"""An older report says nothing about a node any more."""


def captured(facts: Facts) -> Condition:
    """Require proof: each connector says that it captures this very table."""
    name, seen = "captured on every node", facts.capture
    if seen.states is None:
        unknown = "unknown: the stock connector does not report what it captures"
        return Condition(name, ConditionState.HOLDS, unknown)
    if not seen.nodes:
        return Condition(
            name,
            ConditionState.FAILS,
            "the source datacenter has no node",
            "correct source.datacenter in migration.toml",
        )
    found = gaps(seen)
    if found:
        first = next((gap for gap in found if not gap.passes), found[0])
        more = f", and {counted(len(found) - 1, 'more node')}" if len(found) > 1 else ""
        state = ConditionState.WAITS if all(gap.passes for gap in found) else ConditionState.FAILS
        return Condition(name, state, f"{first}{more}", first.fix)
    return Condition(
        name, ConditionState.HOLDS, f"captured by {counted(len(seen.nodes), 'connector')}"
    )


def all_hinted(facts: Facts) -> bool:
    """Return whether every node has captured what was written before the stop."""
    return hinted(facts).state is ConditionState.HOLDS


def hinted(facts: Facts) -> Condition:
    name = "capture has caught up"
    reports = _reports(facts)
    silent = [one.node for one in facts.capture.nodes if one.node not in reports]
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
    due = writers.since(facts) + writers.LOG_SYNC_S
    late = [
        name for name, one in reports.items() if one.hinted_upto is None or one.hinted_upto < due
    ]
    if late:
        return Condition(
            name,
            ConditionState.WAITS,
            f"{listed(late)}: capture is not confirmed up to {clock(writers.since(facts))}",
            "if this lasts: hintferry.markers must be replicated to every node, and its"
            " connector must run (`cdcguard.pyz status`)",
        )
    return Condition(
        name,
        ConditionState.HOLDS,
        f"{counted(len(reports), 'node')}: captured up to {clock(writers.since(facts))}",
    )


def _reports(facts: Facts) -> dict[str, NodeReport]:
    """Return the latest report of each node of the datacenter, by its address.

    It is matched by the host id; by the address only where the guard does not know its host id.
    """
    fresh = [one for one in facts.reports if facts.now - one.at < REPORT_HOLDS_S]
    by_host = {one.host_id or one.node: one for one in fresh}
    found = {
        node.node: by_host.get(node.host_id, by_host.get(node.node)) for node in facts.capture.nodes
    }
    return {name: one for name, one in found.items() if one is not None}
