"""Judge capture: every node captures the table."""

from __future__ import annotations

from hintferry.core.capture import gaps
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, counted
from hintferry_ops.cutover.gate.facts import Facts


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
