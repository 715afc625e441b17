"""Segments that a crash left open are closed, by the one rule, and nothing in use is touched."""

from pathlib import Path

import pytest

from tests.node.guarded import MIB, MadeNode


@pytest.fixture
def node(tmp_path: Path) -> MadeNode:
    return MadeNode(tmp_path)


def test_a_segment_left_open_by_a_crash_is_closed_and_said(node: MadeNode) -> None:
    stuck = node.segment(7, "4096")
    node.segment(9, "100", in_commitlog=True)
    assert node.run()["StuckSegmentsMended"] == 1
    assert stuck.read_text() == "4096\nCOMPLETED"
    assert "CommitLog-7-7_cdc.idx open; it is closed now" in node.said
    assert node.run(15)["StuckSegmentsMended"] == 0


@pytest.mark.parametrize("broken", ["", "\n", "40?6"])
def test_an_index_cut_short_by_the_crash_lets_the_whole_log_be_read(
    node: MadeNode, broken: str
) -> None:
    stuck = node.segment(7, broken)
    node.segment(9, "100", in_commitlog=True)
    node.run()
    assert stuck.read_text() == f"{MIB}\nCOMPLETED"


def test_what_cassandra_still_holds_is_not_touched(node: MadeNode) -> None:
    """By name, and by its link: a log under another name in the commit-log directory."""
    held = node.segment(7, "4096", in_commitlog=True)
    renamed = node.segment(8, "4096", in_commitlog=True)
    (node.commitlog / "CommitLog-7-8.log").rename(node.commitlog / "CommitLog-7-8.log.old")
    node.segment(9, "100", in_commitlog=True)
    assert node.run()["StuckSegmentsMended"] == 0
    assert (held.read_text(), renamed.read_text()) == ("4096", "4096")


def test_the_newest_segment_is_not_touched(node: MadeNode) -> None:
    newest = node.segment(7, "4096")
    node.segment(9, None, in_commitlog=True)
    assert node.run()["StuckSegmentsMended"] == 0
    assert newest.read_text() == "4096"


def test_nothing_is_touched_while_the_commit_log_directory_holds_no_log(node: MadeNode) -> None:
    """Then the node is down, or its log lies elsewhere: who knows what it holds."""
    stuck = node.segment(7, "4096")
    node.segment(9, "100")
    assert node.run()["StuckSegmentsMended"] == 0
    assert stuck.read_text() == "4096"


def test_a_closed_segment_is_left_as_it_is(node: MadeNode) -> None:
    closed = node.segment(7, "4096\nCOMPLETED")
    node.segment(9, "100", in_commitlog=True)
    assert node.run()["StuckSegmentsMended"] == 0
    assert closed.read_text() == "4096\nCOMPLETED"


def test_logs_that_a_crash_left_without_index_are_counted(node: MadeNode) -> None:
    node.segment(6, None)
    node.segment(7, None, in_commitlog=True)
    node.segment(9, "100", in_commitlog=True)
    node.segment(10, None, in_commitlog=True)
    assert node.run()["OrphanSegments"] == 1
    assert "CommitLog-7-6.log has no index" in node.said


def test_segments_of_3_11_have_no_version_in_their_names(node: MadeNode) -> None:
    log = node.cdc_raw / "CommitLog-6-7.log"
    log.write_bytes(b"x" * 100)
    assert node.run()["CdcUsedBytes"] == 100


def lone_index(node: MadeNode) -> Path:
    idx = node.segment(7, "4096\nCOMPLETED")
    idx.with_name("CommitLog-7-7.log").unlink()
    node.segment(9, "100", in_commitlog=True)
    return idx


@pytest.mark.parametrize("where", ["archive", "error"])
def test_an_index_whose_log_was_moved_follows_it(node: MadeNode, where: str) -> None:
    """Not at once: capture may be just about to move it."""
    idx = lone_index(node)
    node.segment(7, None, where=node.relocated / where)
    node.run()
    assert idx.exists()
    told = node.losses
    node.run(15)
    assert not idx.exists()
    assert (node.relocated / where / idx.name).read_text() == "4096\nCOMPLETED"
    assert node.losses == told


def test_an_index_whose_log_is_nowhere_is_a_loss_and_deleted(node: MadeNode) -> None:
    idx = lone_index(node)
    node.run()
    assert (idx.exists(), node.losses) == (True, 0)
    assert node.run(15)["TablesToSweep"] == 2
    told = node.losses
    assert (idx.exists(), told > 0) == (False, True)
    assert "its log is gone" in node.said
    node.run(15)
    assert node.losses == told


def test_an_index_whose_log_cassandra_still_has_is_left(node: MadeNode) -> None:
    idx = lone_index(node)
    (node.commitlog / "CommitLog-7-7.log").touch()
    for _ in range(3):
        node.run(15)
    assert (idx.exists(), node.losses) == (True, 0)
