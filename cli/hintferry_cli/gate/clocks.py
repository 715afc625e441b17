"""Say for `status` how far the clocks are apart: this machine's, and those in CloudWatch."""

from __future__ import annotations

from typing import Any

from hintferry.core.clock_offset import Offsets
from hintferry.core.limits import CLOCK_MARGIN_S
from hintferry_ops.cutover.cloudwatch import CLOCK_OF_FUNCTIONS, CLOCK_OF_NODES, CloudWatchMetrics


def as_tree(offsets: Offsets, metrics: CloudWatchMetrics) -> dict[str, Any]:
    """Return the offsets from the target's clock in milliseconds, or None where one is unknown.

    This machine's offset is a range. Those of the functions and of the source's nodes are the
    worst of the last minutes.
    """
    seen = offsets.target
    return {
        "machine_ms": None if seen is None else [seen.least_us / 1000, seen.most_us / 1000],
        "is_vague": offsets.is_vague,
        "functions_ms": metrics.clock_of(CLOCK_OF_FUNCTIONS),
        "nodes_ms": metrics.clock_of(CLOCK_OF_NODES),
    }


def told(tree: dict[str, Any]) -> str:
    """Return the offsets as one line for a person."""
    parts = [_machine(tree)]
    for whose in ("functions", "nodes"):
        off = tree[f"{whose}_ms"]
        parts.append(f"{whose} unknown" if off is None else f"{whose} {off:.0f} ms")
    text = f"clocks, from the target's: {', '.join(parts)}"
    if tree["is_vague"]:
        text += f"; an offset over {1000 * CLOCK_MARGIN_S:.0f} ms would not be noticed"
    return text


def _machine(tree: dict[str, Any]) -> str:
    if tree["machine_ms"] is None:
        return "this machine unknown (the target did not return its time)"
    least, most = tree["machine_ms"]
    return f"this machine {(least + most) / 2:+.0f} ms (give or take {(most - least) / 2:.0f})"
