"""Up to when the log is known to be hinted: what the gate of cutover goes by."""

from __future__ import annotations

from pathlib import Path

from tests.node.guarded import START, MadeNode


def test_what_was_synced_at_a_pass_is_hinted_once_capture_has_sent_beyond_its_end(
    tmp_path: Path,
) -> None:
    node = MadeNode(tmp_path)
    node.offset(shop_orders="1:400")
    node.segment(1, "500", in_commitlog=True)
    assert node.run()["HintedUpTo"] == 0, "100 bytes are not sent, and nothing was seen before"
    idx = node.cdc_raw / "CommitLog-7-1_cdc.idx"
    idx.write_text("900")
    # A hint from beyond the end that the first pass saw, not yet beyond that of this one.
    node.offset(shop_orders="1:600")
    assert node.run(after=15)["HintedUpTo"] == START
    assert node.run(after=15)["HintedUpTo"] == START, "time alone hints nothing"
    node.offset(shop_orders="1:900")
    assert node.run(after=15)["HintedUpTo"] == START + 45


def test_a_log_without_captured_writes_is_hinted(tmp_path: Path) -> None:
    node = MadeNode(tmp_path)
    node.segment(1, None, in_commitlog=True)
    assert node.run()["HintedUpTo"] == START


def test_it_never_goes_back(tmp_path: Path) -> None:
    node = MadeNode(tmp_path)
    node.offset(shop_orders="1:500")
    idx = node.segment(1, "500", in_commitlog=True)
    assert node.run()["HintedUpTo"] == START
    idx.write_text("900")
    for _ in range(50):
        assert node.run(after=15)["HintedUpTo"] == START
