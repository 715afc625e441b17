"""The page of records and messages has every field that is written, and none that is not."""

from __future__ import annotations

import re

from hintferry.adapters.aws.parked_queue import whole_record
from hintferry.adapters.records.hint_record import encode
from hintferry.core.hint import Hint, Record, Scope
from hintferry.core.schema import TableId
from tools.places import CAPTURE_SOURCES, ROOT

PAGE = (ROOT / "docs" / "reference" / "records.md").read_text()
RECORD, MESSAGE = PAGE.split("## The message, version 1")
ONLY_IN_A_QUEUE = {"statics", "errand"}


def told(part: str) -> set[str]:
    """The fields in the first column of a part's table."""
    cells = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
    return {field for cell in cells for field in re.findall(r"`(\w+)`", cell)}


def captured() -> set[str]:
    """The fields that our connector puts into the value of a record."""
    (source,) = CAPTURE_SOURCES.rglob("HintRecord.java")
    (body,) = re.findall(r"Struct buildValue\(\) \{(.*?)\n    \}", source.read_text(), re.DOTALL)
    return set(re.findall(r'\.put\("(\w+)"', body))


def test_the_fields_of_a_record_are_those_that_capture_writes() -> None:
    assert told(RECORD) == captured()


def test_a_hint_in_a_queue_has_the_fields_that_the_page_says() -> None:
    queued = set(encode(Hint(TableId("shop", "orders"), (b"k",), Scope.ROW, (b"c",))))
    assert queued - captured() == ONLY_IN_A_QUEUE
    assert all(f"`{field}` (" in RECORD for field in ONLY_IN_A_QUEUE)
    assert captured() - queued == {"op", "ts_us", "node", "file", "pos"}


def test_the_fields_of_a_message_are_those_that_are_parked() -> None:
    record = Record("hintferry.shop.orders", 0, 1, 1_700_000_000_000, b"k", b"v")
    message = whole_record(record, "schema", "why", None)
    assert told(MESSAGE) == {*message, "hint", "trouble", "check", "object", "item"}
    (row,) = re.findall(r"^\| `record` \| (.*) \|$", MESSAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(message["record"])
