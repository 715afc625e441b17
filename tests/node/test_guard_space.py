"""Space: figures, the emergency that keeps writes going, and what is cleaned away when."""

import json
from pathlib import Path

import pytest

from node.cdcguard.commands import give_back
from node.cdcguard.progress import CaptureOffset, read_offsets
from node.cdcguard.settings import GuardError
from node.cdcguard.space import NEVER
from tests.node.guarded import MIB, MadeNode, numbers


@pytest.fixture
def node(tmp_path: Path) -> MadeNode:
    return MadeNode(tmp_path)


def closed(node: MadeNode, *segments: int) -> None:
    for number in segments:
        node.segment(number, f"{MIB}\nCOMPLETED")


def test_free_space_and_the_time_until_it_is_full(node: MadeNode) -> None:
    closed(node, *range(1, 11))
    first = node.run()
    assert first["CdcFreePercent"] == 75.0
    assert first["CdcSecondsToFull"] == NEVER
    closed(node, *range(11, 13))
    second = node.run(20)
    # 2 MiB in 20 s, and 28 MiB left.
    assert second["CdcSecondsToFull"] == pytest.approx(280, abs=1)
    assert second["CdcOutageSecondsLeft"] == pytest.approx(280, abs=1)


def test_the_outage_that_is_left_is_told_while_all_is_read(node: MadeNode) -> None:
    """The connector keeps up, so cdc_raw does not grow, but its segments' numbers count up."""
    node.segment(100, "10", in_commitlog=True)
    node.run()
    for path in node.cdc_raw.iterdir():
        path.unlink()
    node.segment(110, "10", in_commitlog=True)
    metrics = node.run(100)
    assert metrics["CdcSecondsToFull"] == NEVER
    assert metrics["CdcOutageSecondsLeft"] == pytest.approx(390, abs=1)


def test_unread_bytes_are_those_behind_the_last_hint(node: MadeNode) -> None:
    node.offset(shop_orders="7:1000", shop_readings="6:500")
    node.segment(7, "4096\nCOMPLETED")
    node.segment(8, "512", in_commitlog=True)
    assert node.run()["UnreadBytes"] == 4096 - 1000 + 512


def test_the_oldest_closed_segment_tells_its_age(node: MadeNode) -> None:
    node.segment(7, "4096\nCOMPLETED", age=90)
    node.segment(8, "4096\nCOMPLETED", age=20)
    metrics = node.run()
    assert (metrics["OldestSegmentSeconds"], metrics["ClosedSegments"]) == (90, 2)


def test_before_it_is_full_the_newest_closed_segments_are_set_aside_aloud(node: MadeNode) -> None:
    closed(node, *range(1, 37))
    node.segment(37, "100", in_commitlog=True)
    metrics = node.run()
    # Not quite 3 MiB were left, a tenth is wanted: twice that is made. What is in use stays.
    assert node.set_aside() == [31, 32, 33, 34, 35, 36]
    assert node.in_cdc_raw() == [*range(1, 31), 37]
    assert metrics["SetAsideSegments"] == 6
    assert metrics["TablesToSweep"] == 2
    assert "cdc_raw is nearly full" in node.said
    assert "sweep shop.orders, shop.readings" in node.said


def test_nothing_is_set_aside_while_there_is_room(node: MadeNode) -> None:
    closed(node, *range(1, 36))
    assert node.run()["SetAsideSegments"] == 0
    assert len(node.in_cdc_raw()) == 35


def test_fast_growth_is_met_before_the_last_tenth(node: MadeNode) -> None:
    """9 MiB a pass: with 13 left the next but one would find it full."""
    closed(node, *range(1, 19))
    node.run()
    closed(node, *range(19, 28))
    assert node.run(15)["SetAsideSegments"] > 0


def test_a_full_cdc_raw_without_a_closed_segment_is_said(node: MadeNode) -> None:
    for number in range(1, 40):
        node.segment(number, None, in_commitlog=True)
    assert node.run()["SetAsideSegments"] == 0
    assert "raise cdc_total_space" in node.said


def test_the_oldest_closed_segment_is_not_set_aside(node: MadeNode) -> None:
    """Capture may be reading it."""
    closed(node, 1, 2)
    for number in range(3, 40):
        node.segment(number, None, in_commitlog=True)
    node.run()
    assert node.set_aside() == [2]


def test_what_was_set_aside_is_given_back_and_read_from_before_it(
    node: MadeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    closed(node, *range(1, 37))
    node.run()
    aside = node.set_aside()
    for number in range(1, aside[0]):
        for path in node.cdc_raw.glob(f"*-{number}[._]*"):
            path.unlink()
    node.offset(shop_orders="40:1000", shop_readings="3:500")
    node.world.running = 0
    assert give_back(node.settings, node.world) == 0
    assert node.in_cdc_raw() == aside
    assert node.set_aside() == []
    assert read_offsets(node.settings.offsets) == {"shop.readings": CaptureOffset(3, 500)}
    assert "systemctl start" in capsys.readouterr().out


def test_nothing_is_given_back_while_the_connector_runs_or_into_a_full_directory(
    node: MadeNode,
) -> None:
    closed(node, *range(1, 38))
    node.run()
    with pytest.raises(GuardError, match="Stop the connector first"):
        give_back(node.settings, node.world)
    node.world.running = 0
    with pytest.raises(GuardError, match="no room"):
        give_back(node.settings, node.world)
    assert len(node.set_aside()) == 6


def test_a_full_volume_costs_what_is_set_aside_and_never_what_cassandra_holds(
    node: MadeNode,
) -> None:
    aside = node.relocated / "set-aside"
    aside.mkdir()
    node.segment(5, f"{MIB}\nCOMPLETED", where=aside)
    node.segment(6, f"{MIB}\nCOMPLETED", in_commitlog=True)
    node.segment(7, f"{MIB}\nCOMPLETED")
    node.segment(8, f"{MIB}\nCOMPLETED")
    node.world.volume = node.settings.volume_reserve - 2 * MIB
    assert node.run()["SegmentsDeleted"] == 2
    assert (node.set_aside(), node.in_cdc_raw()) == ([], [6, 8])
    assert "deleted to keep the node going" in json.dumps(node.state["to_sweep"])


def test_the_archive_is_cleaned_by_age(node: MadeNode) -> None:
    archive = node.relocated / "archive"
    node.offset(shop_orders="20:1")
    node.segment(1, f"{MIB}\nCOMPLETED", where=archive, age=3599)
    node.segment(2, f"{MIB}\nCOMPLETED", where=archive, age=3601)
    assert node.run()["ArchiveBytes"] == MIB
    assert [path.name for path in sorted(archive.iterdir())] == [
        "CommitLog-7-1.log", "CommitLog-7-1_cdc.idx",
    ]  # fmt: skip


def test_the_archive_is_cleaned_by_size_the_oldest_first(node: MadeNode) -> None:
    """It may hold 5 MiB."""
    archive = node.relocated / "archive"
    node.offset(shop_orders="20:1")
    for number in range(1, 9):
        node.segment(number, f"{MIB}\nCOMPLETED", where=archive, age=10)
    node.run()
    assert numbers(archive) == [4, 5, 6, 7, 8]


def test_the_archive_keeps_what_may_be_unread(node: MadeNode) -> None:
    """Not closed; still in cdc_raw too; behind the last hint that was sent."""
    archive = node.relocated / "archive"
    node.offset(shop_orders="20:1")
    node.segment(3, f"{MIB}", where=archive, age=4000)
    node.segment(4, f"{MIB}\nCOMPLETED", where=archive, age=4000)
    node.segment(4, f"{MIB}\nCOMPLETED")
    node.segment(21, f"{MIB}\nCOMPLETED", where=archive, age=4000)
    node.run()
    assert numbers(archive) == [3, 4, 21]


def test_without_offsets_the_archive_is_kept(node: MadeNode) -> None:
    archive = node.relocated / "archive"
    node.segment(1, f"{MIB}\nCOMPLETED", where=archive, age=4000)
    node.run()
    assert numbers(archive) == [1]
