"""Lambda's Kafka event is opened record by record, and answered in its own words."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.aws.kafka_event import batch_response, open_event
from hintferry.core.errors import Side, Throttled, Undecodable
from hintferry.core.outcome import APPLIED, Settled, SkipReason
from hintferry.live.ledger import Ledger
from tests.unit.strategies import record


def raw(offset: int = 0, **changed: Any) -> dict[str, Any]:
    """A record as Lambda shows it."""
    return {
        "topic": "hintferry.shop.orders",
        "partition": 3,
        "offset": offset,
        "timestamp": 1_760_000_000_123,
        "timestampType": "LOG_APPEND_TIME",
        "key": b64encode(b"k").decode(),
        "value": b64encode(b"v").decode(),
        "headers": [],
    } | changed


def event(*records: dict[str, Any]) -> dict[str, Any]:
    return {"eventSource": "aws:kafka", "records": {"hintferry.shop.orders-3": [*records]}}


def test_a_record_keeps_its_place_its_time_and_its_bytes() -> None:
    (opened,) = open_event(event(raw(41)))
    assert (opened.topic, opened.partition, opened.offset) == ("hintferry.shop.orders", 3, 41)
    assert (opened.appended_at_ms, opened.key, opened.value) == (1_760_000_000_123, b"k", b"v")


def test_a_producers_time_is_no_time() -> None:
    (opened,) = open_event(event(raw(timestampType="CREATE_TIME")))
    assert opened.appended_at_ms is None


@pytest.mark.parametrize("name", ["key", "value"])
@pytest.mark.parametrize("shown", [None, "", "missing"])
def test_null_empty_and_missing_bytes_are_none(name: str, shown: str | None) -> None:
    """What Kafka calls a tombstone is shown as any of these."""
    shape = raw()
    if shown == "missing":
        del shape[name]
    else:
        shape[name] = shown
    (opened,) = open_event(event(shape))
    assert getattr(opened, name) is None


def test_bytes_that_are_not_base64_are_handed_on_to_be_parked() -> None:
    (opened,) = open_event(event(raw(value="a")))
    assert opened.value == b"a"


def test_records_come_partition_by_partition_in_order_of_offset() -> None:
    shown = {"records": {"t-0": [raw(5), raw(6)], "t-1": [raw(2), raw(9)]}}
    assert [opened.offset for opened in open_event(shown)] == [5, 6, 2, 9]


@given(st.binary(min_size=1))
def test_any_bytes_come_through(value: bytes) -> None:
    (opened,) = open_event(event(raw(value=b64encode(value).decode())))
    assert value == opened.value


def test_the_answer_names_the_returned_records_and_only_them() -> None:
    ledger = Ledger(2)
    ledger.refused(0, Undecodable("no"))
    ledger.skipped(1, SkipReason.NOTHING)
    books = Ledger(1)
    books.refused(0, Throttled(Side.TARGET, "less"))
    ends: list[Settled] = [*ledger.close(), *books.close(), APPLIED]
    records = [record(b"", offset) for offset in range(4)]
    identifier = {"partition": "hintferry.shop.orders-0", "offset": 2}
    assert {"batchItemFailures": [{"itemIdentifier": identifier}]} == batch_response(records, ends)


def test_nothing_returned_is_an_empty_list() -> None:
    """Said plainly, though Lambda would take a null answer for the same."""
    assert batch_response([record(b"")], [APPLIED]) == {"batchItemFailures": []}


def test_an_answer_for_another_number_of_records_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        batch_response([record(b"")], [])
