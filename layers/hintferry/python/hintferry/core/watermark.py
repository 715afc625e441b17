"""Tell how far a table's changes have arrived: the low watermark of all nodes of the datacenter.

A *marker* is a number of a table. Each node's connector writes the highest one before which all
that the node logged has arrived. `since` ties that to a capture without a hole, as in
`core/capture.py`: a mark from before a hole says nothing. Numbers decide, never clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hintferry.core.capture import CapturedTable, Gap, NodeState, Witness


@dataclass(frozen=True, slots=True)
class NodeMark:
    """The latest report of a node's connector about a table's markers.

    `number`: the highest marker that is settled there; None where none is. `drawn_at`: when that
    was drawn, a label in epoch seconds. `waits`: why the newest marker is not settled yet.
    """

    number: int | None
    since: int | None
    drawn_at: float | None
    waits: str | None = None


Marks = Mapping[str, NodeMark]
"""The marks of a table by host id."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The low watermark: all that was acknowledged before this number was drawn has arrived.

    `held_by` is the address of the node that holds it back.
    """

    number: int
    drawn_at: float | None
    held_by: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a table, as one who draws markers sees it. Times are epoch seconds.

    `reached_at`: the moment, by the caller's clock, before the newest marker was drawn that every
    node has settled. `behind`: the nodes that have not settled the marker that is waited for.
    """

    low: Watermark | None
    behind: Sequence[Gap]
    reached_at: float | None
    took_s: float | None
    """How long that marker took, at most."""


def low_watermark(seen: Witness, marks: Marks) -> Watermark | None:
    """Return the lowest number over all nodes; None where a node has none that counts."""
    found = []
    for node in seen.nodes:
        mark = _counted(seen, node, marks)
        if mark is None or mark.number is None:
            return None
        found.append(Watermark(mark.number, mark.drawn_at, node.node))
    return min(found, key=lambda one: one.number, default=None)


def behind(seen: Witness, marks: Marks, number: int) -> list[Gap]:
    """Return one gap for each node that has not settled the marker of this number, and why."""
    return [gap for node in seen.nodes if (gap := _gap(seen, node, marks, number)) is not None]


def _counted(seen: Witness, node: NodeState, marks: Marks) -> NodeMark | None:
    said, mark = seen.said(node), marks.get(node.host_id)
    if said is None or said.since is None or mark is None or mark.since != said.since:
        return None
    return mark


def _unwritten(captured: CapturedTable | None, said: NodeMark | None) -> int | None:
    """Return the number that the connector's state holds, but not yet its row of the watermarks."""
    settled = None if captured is None else captured.settled
    written = None if said is None else said.number
    return settled if settled is not None and (written is None or written < settled) else None


def _gap(seen: Witness, node: NodeState, marks: Marks, number: int) -> Gap | None:
    mark = _counted(seen, node, marks)
    if mark is not None and mark.number is not None and mark.number >= number:
        return None
    runs = f"see that the connector runs on {node.node} (`cdcguard.pyz status`)"
    captured, said = seen.said(node), marks.get(node.host_id)
    if captured is not None and captured.since is not None and not captured.knows_markers:
        why = "its connector is older than watermarks"
        return Gap(node.node, why, f"upgrade {node.node}: docs/how-to/upgrade.md")
    unwritten = _unwritten(captured, said)
    if unwritten is not None:
        why = f"has settled marker {unwritten}, but could not write hintferry.watermarks"
        grant = "GRANT MODIFY ON TABLE hintferry.watermarks TO the role of its connector"
        return Gap(node.node, why, f"if this lasts: run on the source: {grant}; or see its log")
    if said is None:
        return Gap(
            node.node,
            "has read no marker of the table yet",
            "if this lasts: hintferry.markers must have cdc, and a replica on every node",
        )
    if said.waits is not None:
        return Gap(node.node, said.waits, f"if this lasts: {runs}")
    if mark is None:
        why = "its watermark is from before a hole in its capture"
        return Gap(node.node, why, f"the next marker ends this; if it lasts: {runs}")
    return Gap(node.node, f"has not settled marker {number} yet", f"if this lasts: {runs}")
