"""Test the state of our connector: the tables that it captures, and how far it has sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hintferry_ops.monitoring.node_metrics import METRICS
from node.cdcguard import space
from node.cdcguard.commands import give_back, status
from node.cdcguard.metrics import emf_metric
from node.cdcguard.settings import load_settings
from node.cdcguard.world import HOST_ID as ID_IN_NODETOOL
from tests.node.guarded import HOST_ID, MIB, START, MadeNode, numbers


@pytest.fixture
def node(tmp_path: Path) -> MadeNode:
    return MadeNode(tmp_path)


def test_a_table_that_is_not_captured_is_counted_and_said_with_the_reason(
    node: MadeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.capture(shop_orders="column c: type x is not understood", shop_readings=None)
    assert node.run()["TablesNotCaptured"] == 1
    assert "CRITICAL: shop.orders is not captured: column c: type x" in node.said
    assert status(node.settings, node.world) == 1
    said = capsys.readouterr().out
    assert "not captured    shop.orders (column c: type x is not understood)" in said


def test_a_table_that_the_connector_does_not_list_is_not_captured(node: MadeNode) -> None:
    node.capture(shop_orders=None, shop_other=None)
    assert node.run()["TablesNotCaptured"] == 1
    assert "shop.readings is not captured: it has cdc = false, or does not exist" in node.said


def test_a_state_of_long_ago_says_nothing_of_any_table(node: MadeNode) -> None:
    node.capture(shop_orders=None, shop_readings=None)
    assert node.run(60)["TablesNotCaptured"] == 0
    assert node.run(1)["TablesNotCaptured"] == 2
    assert "the connector last knew its node's schema 61 s ago" in node.said


def test_the_stock_connector_tells_nothing(node: MadeNode) -> None:
    assert node.run()["TablesNotCaptured"] == 0


def test_lost_capture_alarms_within_a_minute() -> None:
    """A pass each 15 s, then the agent, then the alarm: CloudWatch must keep it by the second."""
    _, _, alarm = METRICS["TablesNotCaptured"]
    assert alarm == (">", 0, 30)
    assert emf_metric("TablesNotCaptured")["StorageResolution"] == 1
    assert "StorageResolution" not in emf_metric("CaptureUp")


def test_one_table_that_goes_on_does_not_hide_that_another_is_stuck(node: MadeNode) -> None:
    """The oldest hint that was not acknowledged counts, whatever its table."""
    node.offset(shop_orders="1:900")
    node.capture("1:400", shop_orders=None, shop_readings=None)
    node.segment(1, "900", in_commitlog=True)
    metrics = node.run()
    assert metrics["UnreadBytes"] == 500
    node.capture("1:900", shop_orders=None, shop_readings=None)
    metrics = node.run(15)
    assert metrics["UnreadBytes"] == 0


def test_before_anything_was_sent_nothing_is(node: MadeNode) -> None:
    node.capture(None, shop_orders=None)
    node.segment(1, "900", in_commitlog=True)
    metrics = node.run()
    assert (metrics["HintedUpTo"], metrics["UnreadBytes"]) == (0, 900)


def test_what_was_acknowledged_is_what_moves(node: MadeNode) -> None:
    for number in range(1, 6):
        node.segment(number, f"{MIB}\nCOMPLETED")
    node.capture("1:1", shop_orders=None)
    node.run()
    node.capture("1:2", shop_orders=None)
    assert node.run(300)["CaptureStuck"] == 0
    assert node.run(300)["CaptureStuck"] == 1


def test_the_archive_keeps_what_was_not_acknowledged(node: MadeNode) -> None:
    archive = node.relocated / "archive"
    node.offset(shop_orders="9:1")
    node.capture("4:1", shop_orders=None)
    for number in (4, 5):
        node.segment(number, f"{MIB}\nCOMPLETED", where=archive, age=4000)
    node.run()
    assert numbers(archive) == [5]


def test_what_is_given_back_is_read_again(node: MadeNode) -> None:
    for number in range(1, 37):
        node.segment(number, f"{MIB}\nCOMPLETED")
    node.capture("40:7", shop_orders=None)
    node.run()
    first = node.set_aside()[0]
    for number in range(1, first):
        for path in node.cdc_raw.glob(f"*-{number}[._]*"):
            path.unlink()
    node.world.running = 0
    assert give_back(node.settings, node.world) == 0
    state = json.loads((node.offsets / "capture_state.json").read_text())
    assert state["acknowledged"] == {"segment": first, "position": 0}
    assert state["tables"][0]["since"] == 1


def test_a_report_names_the_node_and_its_host_id(node: MadeNode) -> None:
    node.capture(shop_orders=None)
    node.run()
    assert node.world.sent[-1]["node"] == f"10.0.1.11 {HOST_ID}"


def test_with_the_stock_connector_nodetool_tells_the_host_id(node: MadeNode) -> None:
    node.run()
    assert node.world.sent[-1]["node"] == "10.0.1.11"
    node.world.nodetools_id = HOST_ID
    node.run(299)
    assert node.world.sent[-1]["node"] == "10.0.1.11"
    node.run(1)
    assert node.world.sent[-1]["node"] == f"10.0.1.11 {HOST_ID}"
    node.world.nodetools_id = ""
    node.run(300)
    assert node.world.sent[-1]["node"] == f"10.0.1.11 {HOST_ID}"


def test_the_host_id_is_found_in_what_nodetool_says() -> None:
    said = f"ID                     : {HOST_ID}\nGossip active          : true\n"
    found = ID_IN_NODETOOL.search(said)
    assert found is not None
    assert found.group(1) == HOST_ID


def test_the_oldest_watermark_of_a_table_to_migrate_is_told(node: MadeNode) -> None:
    drawn = {"shop_orders": START - 310, "shop_readings": START - 40, "shop_other": START - 9_000}
    node.capture(shop_orders=None, shop_readings=None, shop_other=None, drawn=drawn)
    assert node.run()["WatermarkAge"] == 310
    node.capture(shop_orders=None, drawn={"shop_orders": START + 1})
    assert node.run()["WatermarkAge"] == 0, "a clock that is ahead tells of no age"


def test_with_the_stock_connector_no_watermark_is_old(node: MadeNode) -> None:
    assert node.run()["WatermarkAge"] == 0


def test_each_loss_is_told_to_the_connector_also_of_a_table_that_is_listed(
    node: MadeNode,
) -> None:
    node.run()
    told = [node.losses]
    for number in (1, 2):
        node.segment(number, f"{MIB}\nCOMPLETED", where=node.relocated / "error")
        node.run()
        told.append(node.losses)
        assert node.run()["TablesToSweep"] == 2
        assert node.losses == told[-1]
    assert told[0] == 0
    assert len(set(told)) == 3


def test_a_segment_is_deleted_only_once_the_connector_can_know(
    node: MadeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(space, "remove", lambda segment: told.append(node.losses))
    aside = node.relocated / "set-aside"
    aside.mkdir()
    for number in (1, 2):
        node.segment(number, f"{MIB}\nCOMPLETED", where=aside)
    node.world.volume = node.settings.volume_reserve - 2 * MIB
    node.run()
    assert len({0, *told}) == 3


def test_no_loss_is_told_twice_alike_though_the_file_is_deleted(node: MadeNode) -> None:
    """The connector looks for another number than the one that it heeded last."""
    told = []
    for number in range(1, 6):
        node.segment(number, f"{MIB}\nCOMPLETED", where=node.relocated / "error")
        node.run()
        told.append(node.losses)
        (node.offsets / "losses").unlink()
    assert len({0, *told}) == 6


@pytest.mark.parametrize("line", ["cdc_enabled: false", "# cdc_enabled: true"])
def test_cdc_that_is_switched_off_in_cassandra_is_a_loss_at_both_ends(
    node: MadeNode, line: str
) -> None:
    node.run()
    assert node.losses == 0
    told = [0]
    on = node.yaml.read_text()
    for text in (on.replace("cdc_enabled: true", line), on):
        node.yaml.write_text(text)
        node.settings = load_settings(str(node.ini))
        for _ in range(2):
            node.run()
            told.append(node.losses)
        assert ("cdc_enabled is not true" in node.said) is (text != on)
    assert told[1] == told[2]
    assert told[3] == told[4]
    assert len(set(told)) == 3
