"""The pages of reference are what the code says today."""

from __future__ import annotations

import pytest

from docs.site import reference
from docs.site.reference import command, layout, logs, migration_toml


def test_no_page_is_stale() -> None:
    assert reference.stale() == [], "run: make docs"


def test_a_key_without_words_and_words_without_a_key_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = {"migration": {"source.port": "the port", "source.gone": "no longer read"}}
    monkeypatch.setattr(layout, "_words", lambda: words)
    with pytest.raises(layout.WordsMissing, match=r"lacks \['source.tls'\].*\['source.gone'\]"):
        layout.words_for("migration", ["source.port", "source.tls"])


def test_every_exit_status_of_a_help_is_found() -> None:
    text = "Do it.\n\nExit status: 0 done; 1 one, or more, is left; 2 the call is wrong."
    assert command.statuses(text) == {
        "0": "done", "1": "one, or more, is left", "2": "the call is wrong",
    }  # fmt: skip


def test_keys_of_every_section_are_found() -> None:
    found = migration_toml.keys()
    assert found["source.contact_points"] == (list, None)
    assert found["tables.NAME.partitions"][1] == 6
    assert {name.partition(".")[0] for name in found} == {
        "source", "target", "capture", "network", "kafka", "pipeline", "alarms", "sweep",
        "security", "tables", "cutover",
    }  # fmt: skip


def test_the_log_lines_of_each_module_that_logs_are_found() -> None:
    assert {"batch", "parked", "sweep", "sweep begins"} <= set(logs.events())
    assert logs.events()["parked"] == ["reason", "error", "topic", "partition", "offset"]
