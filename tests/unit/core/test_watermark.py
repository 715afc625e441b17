"""The low watermark: the least of all nodes, of rows that this very capture wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hintferry.core.capture import Witness
from hintferry.core.schema import TableId
from hintferry.core.watermark import NodeMark, Watermark, behind, low_watermark
from hintferry.testing.captures import ADDRESSES, ScriptedCaptures, host_of

TABLE = TableId("shop", "orders")
HOSTS = [host_of(one) for one in ADDRESSES]
SEEN = ScriptedCaptures(lambda: 100.0).witness(TABLE)
MARKS = {host: NodeMark(7 + place, 1, 90.0 + place) for place, host in enumerate(HOSTS)}


def marks(**changes: object) -> dict[str, NodeMark]:
    """The second node wrote something else."""
    return {**MARKS, HOSTS[1]: replace(MARKS[HOSTS[1]], **changes)}  # type: ignore[arg-type]


def test_the_lowest_number_of_all_nodes_counts() -> None:
    assert low_watermark(SEEN, MARKS) == Watermark(7, 90.0, ADDRESSES[0])
    assert low_watermark(SEEN, marks(number=3)) == Watermark(3, 91.0, ADDRESSES[1])
    assert behind(SEEN, MARKS, 7) == []
    assert [gap.node for gap in behind(SEEN, MARKS, 9)] == list(ADDRESSES[:2])


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({host: MARKS[host] for host in HOSTS[::2]}, "has read no marker of the table yet"),
        (marks(number=None, since=None, waits="1 segment is set aside"), "1 segment is set aside"),
        (marks(number=None, since=None), "from before a hole in its capture"),
        (marks(since=2), "from before a hole in its capture"),
        (marks(since=None), "from before a hole in its capture"),
    ],
)
def test_a_node_that_has_no_row_of_this_capture_holds_back_all(
    found: dict[str, NodeMark], says: str
) -> None:
    assert low_watermark(SEEN, found) is None
    (gap,) = behind(SEEN, found, 1)
    assert (gap.node, says in gap.why) == (ADDRESSES[1], True), gap
    assert gap.fix


def test_a_node_that_waits_says_why() -> None:
    (gap,) = behind(SEEN, marks(number=3, waits="partition 2 is at 5 of 9"), 7)
    assert str(gap) == "10.0.2.11: partition 2 is at 5 of 9"
    assert behind(SEEN, marks(waits="of marker 12"), 7) == [], "it is only behind a newer one"
    (gap,) = behind(SEEN, marks(number=3), 7)
    assert gap.why == "has not settled marker 7 yet"


def test_a_row_of_a_node_that_does_not_capture_now_says_nothing() -> None:
    said = ScriptedCaptures(lambda: 100.0)
    said.since.pop(HOSTS[2])
    assert low_watermark(said.witness(TABLE), MARKS) is None
    assert [gap.node for gap in behind(said.witness(TABLE), MARKS, 1)] == [ADDRESSES[2]]


def test_a_connector_from_before_watermarks_is_to_be_upgraded() -> None:
    said = ScriptedCaptures(lambda: 100.0)
    said.old = {HOSTS[1]}
    (gap,) = behind(said.witness(TABLE), {host: MARKS[host] for host in HOSTS[::2]}, 7)
    assert str(gap) == "10.0.2.11: its connector is older than watermarks"
    assert "upgrade 10.0.2.11" in gap.fix


@pytest.mark.parametrize("written", [None, NodeMark(3, 1, 90.0, "partition 2 is at 5 of 9")])
def test_a_connector_that_may_not_write_its_watermark_is_named(written: NodeMark | None) -> None:
    said, host = ScriptedCaptures(lambda: 100.0), HOSTS[1]
    said.settled = {host: 7}
    found = {one: mark for one, mark in MARKS.items() if one != host}
    if written is not None:
        found[host] = written
    (gap,) = behind(said.witness(TABLE), found, 7)
    assert str(gap) == ("10.0.2.11: has settled marker 7, but could not write hintferry.watermarks")
    assert "GRANT MODIFY ON TABLE hintferry.watermarks TO" in gap.fix
    assert low_watermark(said.witness(TABLE), found) in (None, Watermark(3, 90.0, ADDRESSES[1]))


def test_a_row_of_a_node_that_left_the_datacenter_is_not_counted() -> None:
    gone = {**MARKS, "host of another": NodeMark(1, 1, 0.0)}
    assert low_watermark(SEEN, gone) == Watermark(7, 90.0, ADDRESSES[0])
    assert behind(SEEN, gone, 7) == []


def test_without_nodes_there_is_no_watermark() -> None:
    assert low_watermark(Witness(TABLE, 0.0, (), {}, SEEN.shape), MARKS) is None
