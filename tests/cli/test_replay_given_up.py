"""`hintferry replay` on what the event source gave up: payloads in the bucket, replayed alike."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.aws.queue_event import ReplayEvents
from hintferry.core.open_item import OpenItem
from hintferry_cli.replay import command
from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.discard import Discard, DiscardReason
from sandbox.services.event_source.on_failure import InvocationRecords, object_key
from sandbox.services.event_source.records import PolledRecord
from tests.cli.conftest import REGION, Deployment, refuse

TOPIC = "hintferry.shop.orders"
FRAME = EventFrame(TOPIC, "127.0.0.1:9092", REGION)
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:processor"


def record(offset: int, value: bytes | None = b'{"hint": 1}', key: bytes | None = b"k") -> Any:
    raw = {"topic": TOPIC, "partition": 3, "offset": offset, "timestamp": 1700000000000}
    raw |= {"timestampType": "LOG_APPEND_TIME", "headers": []}
    raw |= {"key": b64encode(key).decode()} if key else {}
    raw |= {"value": b64encode(value).decode()} if value else {}
    return PolledRecord(3, offset, json.dumps(raw).encode(), 0.0, 1700000000000)


def put(deployment: Deployment, *records: PolledRecord) -> str:
    """An object as the service writes it; its key."""
    discard = Discard(DiscardReason.RETRIES, Batch(records, epoch=1, invocations=11))
    now = datetime.now(UTC)
    key = object_key("11111111-2222-3333-4444-555555555555", TOPIC, discard, now)
    body = InvocationRecords(FRAME, ARN).record(discard, now)
    deployment.s3.put_object(Bucket=deployment.bucket, Key=key, Body=body)
    return key


def objects(deployment: Deployment, prefix: str = "") -> list[str]:
    answer = deployment.s3.list_objects_v2(Bucket=deployment.bucket, Prefix=prefix)
    return [one["Key"] for one in answer.get("Contents", [])]


def opened(deployment: Deployment) -> list[Any]:
    """The replay queue's messages, as the replay function opens them."""
    bodies = deployment.taken(deployment.replay_url)
    events = ReplayEvents(
        deployment.sqs, deployment.s3, deployment.replay_url, deployment.open_items
    )
    return events.open({"Records": [{"body": body} for body in bodies]})


def test_each_record_of_a_payload_is_sent_and_the_object_is_deleted(
    deployment: Deployment,
) -> None:
    put(deployment, *(record(offset) for offset in range(23)))
    result = deployment.run("--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["reasons"] == {
        "given_up": {"sent": 23, "left": 0, "failed": 0}
    }
    assert objects(deployment) == []
    rows = deployment.open_items.items.values()
    assert Counter((one.name, one.reason) for one in rows) == {("shop.orders", "given_up"): 23}
    records = sorted(opened(deployment), key=lambda one: one.offset)
    assert [one.offset for one in records] == list(range(23))
    assert {(one.topic, one.partition, one.key, one.value) for one in records} == {
        ("hintferry.shop.orders", 3, b"k", b'{"hint": 1}')
    }


def test_without_the_row_that_the_gate_reads_no_record_is_sent(deployment: Deployment) -> None:
    key = put(deployment, record(1))
    deployment.open_items.is_away = True
    result = deployment.run()
    assert result.exit_code == 4, result.output
    assert f"{key} stays: target: it is away" in result.stderr.replace("\n", " ")
    assert objects(deployment) == [key]
    assert deployment.taken(deployment.replay_url) == []


def test_without_a_configuration_nobody_could_keep_that_row(tmp_path: Path) -> None:
    with command.open_items(tmp_path / "absent.toml") as items:
        (error,) = items.open([OpenItem("shop.orders", b"i", 0.0, "given_up")])
    assert "absent.toml does not exist; name it with --config" in str(error)


def test_the_message_says_where_the_record_comes_from(deployment: Deployment) -> None:
    put(deployment, record(7))
    deployment.run()
    (body,) = deployment.taken(deployment.replay_url)
    message = json.loads(body)
    assert (message["version"], message["reason"], message["table"]) == (
        1, "given_up", "shop.orders",
    )  # fmt: skip
    assert "RetryAttemptsExhausted" in message["error"]
    assert message["record"]["timestamp"] == 1700000000000


def test_a_record_without_key_or_value_is_replayed_too(deployment: Deployment) -> None:
    put(deployment, record(1, value=None, key=None))
    assert deployment.run().exit_code == 0
    (one,) = opened(deployment)
    assert (one.key, one.value) == (None, None)


def test_a_record_too_large_for_the_queue_goes_by_the_bucket(deployment: Deployment) -> None:
    large = b"x" * 3_000_000
    put(deployment, record(1, large), record(2))
    assert deployment.run().exit_code == 0
    assert sorted((one.offset, one.value) for one in opened(deployment)) == [
        (1, large),
        (2, b'{"hint": 1}'),
    ]
    assert len(objects(deployment)) == len(objects(deployment, "parked/")) == 1


@pytest.mark.parametrize(
    ("arguments", "is_sent"),
    [
        (["shop.orders"], True),
        (["shop.readings"], False),
        (["--reason", "given_up"], True),
        (["--reason", "schema"], False),
        (["--dry-run"], False),
    ],
)
def test_an_object_that_is_not_meant_stays(
    arguments: list[str], is_sent: bool, deployment: Deployment
) -> None:
    put(deployment, record(1))
    assert deployment.run(*arguments).exit_code == 0
    assert bool(objects(deployment)) is not is_sent
    assert bool(deployment.taken(deployment.replay_url)) is is_sent


def test_an_object_stays_where_one_record_of_it_was_not_sent(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(deployment, *(record(offset) for offset in range(15)))
    refuse(monkeypatch, "SendMessageBatch", after=1)
    result = deployment.run("--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["total"] == {"sent": 10, "left": 0, "failed": 5}
    assert len(objects(deployment)) == 1


def test_a_run_that_died_before_the_object_was_deleted_is_made_good(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(deployment, record(1))
    with monkeypatch.context() as dying:
        refuse(dying, "DeleteObject")
        assert deployment.run().exit_code == 4
    assert deployment.run().exit_code == 0
    assert objects(deployment) == []
    assert [one.offset for one in opened(deployment)] == [1, 1]


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"requestContext": {}}'])
def test_an_object_that_the_service_did_not_write_is_named_and_stays(
    body: bytes, deployment: Deployment
) -> None:
    odd = put(deployment, record(1)) + "-odd"
    deployment.s3.put_object(Bucket=deployment.bucket, Key=odd, Body=body)
    result = deployment.run()
    assert result.exit_code == 4
    assert odd in result.stderr
    assert objects(deployment) == [odd]
    assert len(deployment.taken(deployment.replay_url)) == 1


def test_what_the_pipeline_keeps_in_the_bucket_is_no_payload(deployment: Deployment) -> None:
    deployment.s3.put_object(Bucket=deployment.bucket, Key="parked/t/0/1.json", Body=b"{}")
    assert deployment.run().exit_code == 0
    assert objects(deployment) == ["parked/t/0/1.json"]
