"""The event and the answer have exactly the shapes that the service documents."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from sandbox.services.event_source import Counters
from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.response import (
    BatchVerdict,
    MalformedResponseError,
    failed_records,
    verdict,
)
from sandbox.services.lambda_runtime import Invocation

TOPIC = "hintferry.shop.orders-by-day"
BATCH = Batch(
    tuple(
        PolledRecord(partition, offset, b'{"offset":%d}' % offset, 0.0)
        for partition, offset in [(0, 3), (0, 4), (12, 7)]
    ),
    epoch=0,
)


def answer(*identifiers: object) -> bytes:
    failures = [{"itemIdentifier": identifier} for identifier in identifiers]
    return json.dumps({"batchItemFailures": failures}).encode()


def test_records_are_grouped_by_topic_and_partition() -> None:
    event = json.loads(EventFrame(TOPIC, "b-1:9098,b-2:9098", "eu-west-1").event(BATCH.records))
    assert event["eventSource"] == "aws:kafka"
    assert event["eventSourceArn"].startswith("arn:aws:kafka:eu-west-1:")
    assert event["bootstrapServers"] == "b-1:9098,b-2:9098"
    assert event["records"] == {
        f"{TOPIC}-0": [{"offset": 3}, {"offset": 4}],
        f"{TOPIC}-12": [{"offset": 7}],
    }


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'{"batchItemFailures": null}', b'{"batchItemFailures": []}'],
)
def test_an_answer_that_names_nothing_is_a_success(payload: bytes) -> None:
    assert failed_records(payload, TOPIC, BATCH) == ()


def test_an_answer_names_records_by_partition_and_offset() -> None:
    payload = answer(
        {"partition": f"{TOPIC}-12", "offset": 7}, {"partition": f"{TOPIC}-0", "offset": 3}
    )
    failed = failed_records(payload, TOPIC, BATCH)
    assert [(record.partition, record.offset) for record in failed] == [(0, 3), (12, 7)]


@pytest.mark.parametrize(
    "payload",
    [
        answer({"partition": f"{TOPIC}-0", "offset": 3}, {"partition": f"{TOPIC}-0", "offset": 9}),
        answer({"partition": f"{TOPIC}-1", "offset": 3}),
        answer({"partition": "other-0", "offset": 3}),
        answer({"partition": f"{TOPIC}-0", "offset": "3"}),
        answer({"partition": f"{TOPIC}-0"}),
        answer(f"{TOPIC}-0-3"),
        answer(None),
        b'{"batchItemFailures": [{}]}',
        b'{"batchItemFailures": "all"}',
        b'"done"',
        b"[]x",
        b"NaN",
    ],
)
def test_an_answer_that_does_not_fit_the_batch_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        failed_records(payload, TOPIC, BATCH)


def ended(payload: bytes | None, error_type: str | None = None) -> Invocation:
    return Invocation(payload, error_type, "why", 1.0, False, "request")


def test_a_thrown_error_is_a_function_error_of_the_whole_batch() -> None:
    assert verdict(ended(None, "LookupError"), TOPIC, BATCH, partial=True) == BatchVerdict(
        BATCH.records, function_error=True, reason="LookupError: why", request_id="request"
    )


def test_a_malformed_answer_fails_the_whole_batch_but_is_no_function_error() -> None:
    found = verdict(ended(b'"done"'), TOPIC, BATCH, partial=True)
    assert (found.failed, found.function_error) == (BATCH.records, False)
    assert found.reason is not None


def test_a_partial_failure_has_no_reason_of_its_own() -> None:
    payload = answer({"partition": f"{TOPIC}-12", "offset": 7})
    found = verdict(ended(payload), TOPIC, BATCH, partial=True)
    assert found == BatchVerdict(BATCH.records[2:], request_id="request")


def test_without_partial_responses_every_answer_is_a_success() -> None:
    for payload in (answer({"partition": f"{TOPIC}-12", "offset": 7}), b'"done"'):
        assert verdict(ended(payload), TOPIC, BATCH, partial=False).failed == ()
    assert verdict(ended(None, "E"), TOPIC, BATCH, partial=False).failed == BATCH.records


def test_metrics_carry_the_services_names_and_errors_only_once_there_are_any() -> None:
    quiet = Counters(polled=1, invoked=2, failed=3, dropped=4, delivered=5, committed=6)
    assert quiet.metrics() == {
        "PolledEventCount": 1,
        "InvokedEventCount": 2,
        "FailedInvokeEventCount": 3,
        "DroppedEventCount": 4,
        "OnFailureDestinationDeliveredEventCount": 5,
        "CommittedEventCount": 6,
    }
    loud = Counters(polling_errors=1, invoke_errors=2, delivery_errors=3, commit_errors=4)
    assert loud.metrics().items() >= {
        ("PollingErrorCount", 1),
        ("InvokeErrorCount", 2),
        ("OnFailureDestinationDeliveryErrorCount", 3),
        ("CommitErrorCount", 4),
    }


def test_bytes_survive_the_event() -> None:
    from sandbox.services.event_source.records import _base64, _signed

    data = bytes(range(256))
    assert b64decode(json.loads(_base64(data))) == data
    assert _base64(None) == b"null"
    assert _base64(b"") == b'""'
    assert _signed(b"\x00\x7f\x80\xff") == [0, 127, -128, -1]
