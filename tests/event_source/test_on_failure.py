"""The object that the service writes to an on-failure bucket, on a versioned S3 bucket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sandbox.services.event_source import DeliveryError, OnFailureBucket
from sandbox.services.event_source.batch import Batch
from sandbox.services.event_source.discard import Discard, DiscardReason
from sandbox.services.event_source.on_failure import InvocationRecords, object_key
from tests.event_source.backlogs import FRAME, record

NOW = datetime(2026, 11, 23, 4, 5, 6, 789_000, tzinfo=UTC)
ARN = "arn:aws:lambda:us-east-1:123456789012:function:processor"
BATCH = Batch(
    (
        record(0, 15, written_ms=1_545_084_650_987),
        record(0, 19, written_ms=1_545_084_651_000),
        record(3, 7, written_ms=1_545_084_652_000),
    ),
    epoch=1,
    invocations=11,
)


def written(discard: Discard) -> Any:
    return json.loads(InvocationRecords(FRAME, ARN).record(discard, NOW))


def test_it_is_exactly_the_services() -> None:
    event = FRAME.event(BATCH.records)
    assert written(Discard(DiscardReason.RETRIES, BATCH, "the last one", function_error=True)) == {
        "requestContext": {
            "requestId": "the last one",
            "functionArn": ARN,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2026-11-23T04:05:06.789Z",
        "KafkaBatchInfo": {
            "batchSize": 3,
            "eventSourceArn": FRAME.cluster_arn,
            "bootstrapServers": "127.0.0.1:9092",
            "payloadSize": len(event),
            "recordsInfo": {
                "shop.orders-0": {
                    "firstRecordOffset": "15",
                    "lastRecordOffset": "19",
                    "firstRecordTimestamp": "2018-12-17T22:10:50.987Z",
                    "lastRecordTimestamp": "2018-12-17T22:10:51.000Z",
                },
                "shop.orders-3": {
                    "firstRecordOffset": "7",
                    "lastRecordOffset": "7",
                    "firstRecordTimestamp": "2018-12-17T22:10:52.000Z",
                    "lastRecordTimestamp": "2018-12-17T22:10:52.000Z",
                },
            },
        },
        "payload": event.decode(),
    }


def test_an_answer_that_named_failures_is_no_function_error() -> None:
    response = written(Discard(DiscardReason.RETRIES, BATCH))["responseContext"]
    assert (response["statusCode"], response["functionError"]) == (200, None)


def test_what_was_never_invoked_has_no_response() -> None:
    fields = written(Discard(DiscardReason.SIZE, Batch(BATCH.records[:1], epoch=1)))
    assert fields["responseContext"] is None
    context = fields["requestContext"]
    assert context["condition"] == "MaximumPayloadSizeExceeded"
    assert context["approximateInvokeCount"] == 0
    assert len(context["requestId"]) == 36


def test_its_key_names_mapping_partition_and_moment() -> None:
    discard = Discard(DiscardReason.RETRIES, BATCH)
    keys = {object_key("the-mapping", "shop.orders", discard, NOW) for _ in range(2)}
    assert len(keys) == 2
    start = "aws/lambda/the-mapping/shop.orders-0/2026/11/23/2026-11-23T04.05.06-"
    assert all(re.fullmatch(re.escape(start) + r"[0-9a-f-]{36}", key) for key in keys)


class TestBucket:
    @pytest.fixture
    def s3(self) -> Iterator[Any]:
        with mock_aws():
            client = boto3.client("s3", "us-east-1")
            client.create_bucket(Bucket="failed")
            versioning = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket="failed", VersioningConfiguration=versioning)
            yield client

    def test_objects_keep_their_versions(self, s3: Any) -> None:
        bucket = OnFailureBucket(s3, "failed")
        bucket.put("a/b", b"1")
        bucket.put("a/b", b"2")
        versions = s3.list_object_versions(Bucket="failed")["Versions"]
        assert [version["Key"] for version in versions] == ["a/b", "a/b"]
        assert s3.get_object(Bucket="failed", Key="a/b")["Body"].read() == b"2"

    def test_a_bucket_that_refuses_is_a_delivery_error(self, s3: Any) -> None:
        with pytest.raises(
            DeliveryError, match=r"cannot write a/b to bucket absent: .*NoSuchBucket"
        ):
            OnFailureBucket(s3, "absent").put("a/b", b"1")
