"""Tell whether a table is captured: what the connector of each node says of it, now and since when.

A connector tells a state again and again: the tables that it captures, by name and id. `since` is a
token of continuity: as long as it stays the same, that node has hinted every write of the table.
It is compared for equality only, never with a clock. All times are epoch seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hintferry.core.cql_text import identifier
from hintferry.core.schema import TableId

STATE_HOLDS_S = 60.0
"""A connector that has told nothing for longer may capture nothing any more."""

STATE_AHEAD_S = 5.0
"""A state from later than this tells that a clock is wrong."""


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The table that has the name now, by its id, and when it was last altered (microseconds).

    A table that was dropped and created again has another id. Each ALTER moves the other. Nothing
    else shows that a column was dropped and added again, or that capture was off for an instant.
    """

    table_id: str
    altered_us: int


@dataclass(frozen=True, slots=True)
class CapturedTable:
    """One table by the report of a connector; without `since` it does not capture it, and says why.

    `newest` is the time of the latest write of the table that it hinted, where it tells it.
    `knows_markers`: it settles markers, as connectors from before watermarks do not. `settled`: the
    number of the last marker that it settled with this `since`.
    """

    table_id: str
    since: int | None
    why: str
    newest: float | None = None
    knows_markers: bool = True
    settled: int | None = None


@dataclass(frozen=True, slots=True)
class CaptureState:
    """The report of a node's connector at `at`. A table that is not listed is not captured."""

    at: float
    schema_version: str
    tables: Mapping[TableId, CapturedTable]


@dataclass(frozen=True, slots=True)
class NodeState:
    """The answer of a node of the source; without `schema_version` it did not answer.

    `truncated_at`: when it truncated the table, if ever.
    """

    node: str
    host_id: str
    schema_version: str | None
    truncated_at: float | None


@dataclass(frozen=True, slots=True)
class Proof:
    """The facts that make a pass count: the table that it walked, and `since` of each node by host
    id.
    """

    shape: TableVersion
    since: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Witness:
    """The facts of a table's capture at `now`: nodes of the datacenter, states by host id.

    `states` is None where the stock connector captures, which reports none.
    """

    table: TableId
    now: float
    nodes: Sequence[NodeState]
    states: Mapping[str, CaptureState] | None
    shape: TableVersion

    def said(self, node: NodeState) -> CapturedTable | None:
        """Return the latest report of the node's connector about the table."""
        state = (self.states or {}).get(node.host_id)
        return None if state is None else state.tables.get(self.table)


@dataclass(frozen=True, slots=True)
class Gap:
    """The reason why a node does not count as one that captures the table, and what to do about it.

    With `passes` it is likely to end by itself within seconds. With `lasts` it ends only when a
    person does something. With neither, the connector may be just starting.
    """

    node: str
    why: str
    fix: str
    passes: bool = False
    lasts: bool = False

    def __str__(self) -> str:
        return f"{self.node}: {self.why}"


def gaps(seen: Witness) -> list[Gap]:
    """One for each node that does not capture the table for sure."""
    if seen.states is None:
        return []
    return [gap for node in seen.nodes if (gap := _gap(seen, node)) is not None]


def proof(seen: Witness) -> Proof | None:
    """Return the proof that a pass which begins now records.

    None where a node does not capture the table.
    """
    if not seen.nodes or gaps(seen):
        return None
    said = ((node.host_id, seen.said(node)) for node in seen.nodes)
    since = {host: one.since for host, one in said if one is not None and one.since is not None}
    return Proof(seen.shape, since)


def void(proved: Proof | None, seen: Witness) -> str | None:
    """Return the reason why a pass with this proof does not count any more, or None.

    `gaps` names a node that is not known to capture now.
    """
    if proved is None:
        return "the table was not captured on every node when it began"
    if proved.shape.table_id != seen.shape.table_id:
        return "the table was dropped and created again since"
    if proved.shape.altered_us != seen.shape.altered_us:
        return "the table was altered since"
    return None if seen.states is None else next(_breaks(proved, seen), None)


def newest(seen: Witness) -> tuple[float, str] | None:
    """The latest write of the table that is known to have been hinted, and by which node."""
    said = ((seen.said(node), node.node) for node in seen.nodes)
    times = [(one.newest, node) for one, node in said if one is not None and one.newest is not None]
    return max(times, default=None)


def _breaks(proved: Proof, seen: Witness) -> Iterator[str]:
    for node in seen.nodes:
        before, said = proved.since.get(node.host_id), seen.said(node)
        if before is None:
            yield f"{node.node} joined the cluster since"
        elif said is not None and said.since is not None and said.since != before:
            yield f"{node.node} lost its capture of the table for a time since"


def _gap(seen: Witness, node: NodeState) -> Gap | None:
    state = (seen.states or {}).get(node.host_id)
    if node.schema_version is None:
        return Gap(node.node, "does not answer", "start it, or remove it from the cluster")
    runs = f"see that the connector runs on {node.node} (`cdcguard.pyz status`)"
    if state is None:
        why = "its connector has told no state"
        return Gap(node.node, why, f"{runs} and that it may write hintferry.captures")
    age_s = seen.now - state.at
    if age_s > STATE_HOLDS_S:
        return Gap(node.node, f"its connector told its last state {age_s:,.0f} s ago", runs)
    if age_s < -STATE_AHEAD_S:
        why = f"its state is from {-age_s:,.0f} s in the future"
        return Gap(node.node, why, f"set the clock of {node.node}, or that of this machine")
    if node.schema_version not in _agreed(seen.nodes):
        why = "it does not have the same version of the schema as the other nodes yet"
        return Gap(node.node, why, "if it stays so: `nodetool describecluster`", passes=True)
    if state.schema_version != node.schema_version:
        why = "its connector does not have the same version of the schema as the node yet"
        return Gap(node.node, why, f"if it stays so: {runs}", passes=True)
    return _table_gap(seen, node.node, state.tables.get(seen.table))


def _agreed(nodes: Sequence[NodeState]) -> set[str]:
    """Return the version that most nodes have; none where two are as frequent."""
    counts = Counter(node.schema_version for node in nodes if node.schema_version)
    most = [version for version, count in counts.items() if count == max(counts.values())]
    return set(most) if len(most) == 1 else set()


def _table_gap(seen: Witness, node: str, said: CapturedTable | None) -> Gap | None:
    if said is None:
        name = ".".join(map(identifier, seen.table))
        return Gap(
            node,
            "the table is not captured there: its cdc is off",
            f"run on the source: ALTER TABLE {name} WITH cdc = true",
            lasts=True,
        )
    if said.since is None:
        return Gap(
            node,
            f"its connector cannot capture the table: {said.why}",
            "change what it names, or see docs/reference/limits.md",
            lasts=True,
        )
    if said.table_id != seen.shape.table_id:
        why = "its connector captures an earlier table of that name"
        return Gap(node, why, "if it stays so: restart the connector there", passes=True)
    return None
