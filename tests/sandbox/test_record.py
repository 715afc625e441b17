"""Test what the recorder of `events/` leaves when a kind of write brings nothing."""

from pathlib import Path

import pytest

from sandbox.parts.errors import SandboxError
from sandbox.recording import record
from sandbox.services.event_source.batch import EventFrame

FRAME = EventFrame("hintferry.shop.orders", "127.0.0.1:9092", "us-east-1")


@pytest.fixture
def stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an earlier run."""
    monkeypatch.setattr(record, "EVENTS", tmp_path)
    file = tmp_path / "stock-static.json"
    file.write_text("{}")
    return file


def test_what_the_stock_connector_does_not_emit_leaves_no_file(stale: Path) -> None:
    record._keep(stale.stem, FRAME, None, required=False)
    assert not stale.exists()


def test_what_ours_does_not_emit_is_an_error(stale: Path) -> None:
    with pytest.raises(SandboxError, match="stock-static: nothing came to the topic"):
        record._keep(stale.stem, FRAME, None, required=True)
    assert not stale.exists()
