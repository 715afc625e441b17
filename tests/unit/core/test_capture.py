"""A table is captured where every node says so, and a pass counts for as long as it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hintferry.core.capture import STATE_AHEAD_S, STATE_HOLDS_S, gaps, proof, void
from hintferry.core.schema import TableId
from hintferry.testing.captures import ADDRESSES, VERSION, ScriptedCaptures, host_of

TABLE = TableId("shop", "Orders")
LAST = ADDRESSES[2]
HOST = host_of(LAST)
NOW = 1_764_000_000.0

Change = Callable[[ScriptedCaptures], object]


def captures() -> ScriptedCaptures:
    return ScriptedCaptures(lambda: NOW)


def other_node(said: ScriptedCaptures, **changes: object) -> None:
    said.nodes[2] = replace(said.nodes[2], **changes)  # type: ignore[arg-type]


def test_a_table_is_captured_where_every_node_says_so() -> None:
    seen = captures().witness(TABLE)
    assert gaps(seen) == []
    proved = proof(seen)
    assert proved is not None
    assert proved.since == {host_of(one): 1 for one in ADDRESSES}
    assert void(proved, seen) is None


GAPS: list[tuple[Change, str, str, bool]] = [
    (lambda said: said.age_s.pop(HOST), "told no state", "connector runs on 10.0.3.11", False),
    (
        lambda said: said.age_s.update({HOST: STATE_HOLDS_S + 1}),
        "told its last state 61 s ago",
        "connector runs",
        False,
    ),
    (
        lambda said: said.age_s.update({HOST: -STATE_AHEAD_S - 1}),
        "is from 6 s in the future",
        "set the clock of 10.0.3.11",
        False,
    ),
    (
        lambda said: said.captured_id.pop(HOST),
        "its cdc is off",
        'ALTER TABLE shop."Orders"',
        False,
    ),
    (lambda said: said.since.pop(HOST), "cannot capture the table: column c", "limits.md", False),
    (lambda said: said.captured_id.update({HOST: "id 0"}), "an earlier table", "restart", True),
    (lambda said: said.version.update({HOST: "old"}), "its connector does not have", "runs", True),
    (
        lambda said: other_node(said, schema_version="new"),
        "it does not have the same version of the schema as the other nodes",
        "describe",
        True,
    ),
    (lambda said: other_node(said, schema_version=None), "does not answer", "start it", False),
    # A new node at the address of an old one is another host.
    (lambda said: other_node(said, host_id="new"), "told no state", "connector runs", False),
]


def test_only_the_node_that_missed_a_change_of_the_schema_is_named() -> None:
    said = captures()
    other_node(said, schema_version="new")
    assert [gap.node for gap in gaps(said.witness(TABLE))] == [LAST]


def test_nodes_of_which_no_version_is_the_most_frequent_are_all_named() -> None:
    said = captures()
    for number, version in enumerate(("one", "two")):
        said.nodes[number] = replace(said.nodes[number], schema_version=version)
    assert [gap.node for gap in gaps(said.witness(TABLE))] == list(ADDRESSES)


@pytest.mark.parametrize(("change", "says", "fix", "passes"), GAPS)
def test_a_node_that_does_not_say_so_now_is_named(
    change: Change, says: str, fix: str, passes: bool
) -> None:
    said = captures()
    change(said)
    seen = said.witness(TABLE)
    assert proof(seen) is None
    gap = gaps(seen)[-1]
    assert str(gap).startswith("10.0.3.11: ")
    assert says in gap.why
    assert fix in gap.fix
    assert gap.passes is passes


def test_no_state_holds_at_its_limits() -> None:
    said = captures()
    said.age_s[HOST] = STATE_HOLDS_S
    assert gaps(said.witness(TABLE)) == []
    said.age_s[HOST] = -STATE_AHEAD_S
    assert gaps(said.witness(TABLE)) == []


def test_a_datacenter_without_nodes_captures_nothing() -> None:
    assert proof(ScriptedCaptures(lambda: NOW, ()).witness(TABLE)) is None


VOIDS: list[tuple[Change, str]] = [
    (lambda said: said.since.update({HOST: 2}), "10.0.3.11 lost its capture"),
    (lambda said: other_node(said, host_id=host_of("10.0.9.9")), "10.0.3.11 joined the cluster"),
    (lambda said: setattr(said, "shape", replace(said.shape, table_id="id 2")), "created again"),
    (lambda said: setattr(said, "shape", replace(said.shape, altered_us=2)), "was altered"),
]


@pytest.mark.parametrize(("change", "says"), VOIDS)
def test_a_pass_counts_only_while_what_it_walked_stays_captured(change: Change, says: str) -> None:
    said = captures()
    proved = proof(said.witness(TABLE))
    change(said)
    assert says in str(void(proved, said.witness(TABLE)))


def test_a_node_that_left_takes_nothing_away() -> None:
    said = captures()
    proved = proof(said.witness(TABLE))
    said.nodes.pop()
    assert void(proved, said.witness(TABLE)) is None


def test_a_pass_without_a_proof_does_not_count() -> None:
    assert "was not captured on every node" in str(void(None, captures().witness(TABLE)))


def test_the_stock_connector_tells_nothing_and_the_table_itself_still_counts() -> None:
    said = captures()
    said.stock = True
    seen = said.witness(TABLE)
    assert gaps(seen) == []
    proved = proof(seen)
    assert proved is not None
    assert void(proved, seen) is None
    said.shape = replace(said.shape, altered_us=2)
    assert "was altered" in str(void(proved, said.witness(TABLE)))
    assert all(node.schema_version == VERSION for node in seen.nodes)
