"""The event source on a real Kafka, with functions that answer, fail, stall and miscount."""

from __future__ import annotations

import json
import threading
import time
import uuid
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from moto import mock_aws

from sandbox.parts.kafka import Broker
from sandbox.services.event_source import (
    Destination,
    EventSource,
    EventSourceSettings,
    Function,
    OnFailureBucket,
)
from sandbox.services.lambda_runtime import Invocation, LambdaFunction, LambdaSandbox, OnTimeout

pytestmark = pytest.mark.stack

PARTITIONS = 4
Behaviour = Callable[[dict[str, Any]], object]


class RecordingFunction:
    """Keeps every event; answers with what `behaviour` gives, or fails with what it raises."""

    def __init__(self, behaviour: Behaviour = lambda event: None) -> None:
        self.behaviour = behaviour
        self.events: list[dict[str, Any]] = []
        self.at_once: dict[str, int] = defaultdict(int)
        self.most_at_once: dict[str, int] = defaultdict(int)
        self.most_in_all = 0
        self._lock = threading.Lock()

    def invoke(self, event: bytes) -> Invocation:
        decoded = json.loads(event)
        self._enter(decoded)
        try:
            answer = self.behaviour(decoded)
        except RuntimeError as error:
            return Invocation(None, "RuntimeError", str(error), 0.0, False)
        finally:
            self._leave(decoded)
        return Invocation(json.dumps(answer).encode(), None, "", 0.0, False)

    def values(self) -> dict[int, list[bytes | None]]:
        """The values of each partition in the order they were given."""
        seen: dict[int, list[bytes | None]] = defaultdict(list)
        for event in self.events:
            for records in event["records"].values():
                for record in records:
                    value = record["value"]
                    seen[record["partition"]].append(None if value is None else b64decode(value))
        return seen

    def _enter(self, event: dict[str, Any]) -> None:
        with self._lock:
            self.events.append(event)
            for name in event["records"]:
                self.at_once[name] += 1
                self.most_at_once[name] = max(self.most_at_once[name], self.at_once[name])
            self.most_in_all = max(self.most_in_all, sum(self.at_once.values()))

    def _leave(self, event: dict[str, Any]) -> None:
        with self._lock:
            for name in event["records"]:
                self.at_once[name] -= 1


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    name = f"events.{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka})
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "6000000"}
    admin.create_topics([NewTopic(name, PARTITIONS, 1, config=config)])[name].result(10)
    yield name
    admin.delete_topics([name])[name].result(10)


@pytest.fixture
def produce(kafka: str, topic: str) -> Callable[..., None]:
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "message.max.bytes": 6_000_000,
            "reconnect.backoff.max.ms": 1_000,
        }
    )

    def send(values: Iterator[bytes | None], partition: int | None = None, **more: Any) -> None:
        for number, value in enumerate(values):
            to = number % PARTITIONS if partition is None else partition
            producer.produce(topic, value, partition=to, **more)
            producer.poll(0)
        assert producer.flush(10) == 0

    return send


def source(
    kafka: str,
    topic: str,
    function: Function,
    *,
    on_failure: Destination | None = None,
    **settings: Any,
) -> EventSource:
    return EventSource(
        bootstrap=kafka,
        topic=topic,
        group=f"{topic}-v1",
        function=function,
        settings=EventSourceSettings(**{"window_s": 0.0, **settings}),
        on_failure=on_failure,
    )


def committed(kafka: str, topic: str) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"{topic}-v1"})
    parts = consumer.committed([TopicPartition(topic, n) for n in range(PARTITIONS)], timeout=5)
    consumer.close()
    return {part.partition: part.offset for part in parts}


def numbered(count: int) -> Iterator[bytes]:
    return (b"%d" % number for number in range(count))


def test_every_record_arrives_once_in_order_and_is_committed(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction()
    produce(numbered(1000))
    with source(kafka, topic, function) as events:
        assert events.drain(20)
        counters = events.counters
    assert (counters.polled, counters.committed, counters.in_flight) == (1000, 1000, 0)
    assert committed(kafka, topic) == dict.fromkeys(range(PARTITIONS), 250)
    for partition, values in function.values().items():
        assert values == [b"%d" % number for number in range(partition, 1000, PARTITIONS)]


def test_an_event_is_exactly_the_services(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction()
    produce(iter([b"\x00v\xff"]), partition=2, key=b"k", headers=[("h", b"\x01\xff")])
    produce(iter([None]), partition=2)
    before = time.time()
    with source(kafka, topic, function, window_s=0.5) as events:
        assert events.drain(20)
    [event] = function.events
    assert {key: event[key] for key in ("eventSource", "bootstrapServers")} == {
        "eventSource": "aws:kafka",
        "bootstrapServers": kafka,
    }
    [full, empty] = event["records"][f"{topic}-2"]
    assert before - 10 < full.pop("timestamp") / 1000 < before + 1
    assert full == {
        "topic": topic,
        "partition": 2,
        "offset": 0,
        "timestampType": "LOG_APPEND_TIME",
        "key": "aw==",
        "value": "AHb/",
        "headers": [{"h": [1, -1]}],
    }
    assert (empty["offset"], empty["key"], empty["value"], empty["headers"]) == (1, None, None, [])


@pytest.mark.parametrize("omit_null", [False, True])
def test_a_null_is_shown_or_left_out(
    kafka: str, topic: str, produce: Callable[..., None], omit_null: bool
) -> None:
    function = RecordingFunction()
    produce(iter([None, b"", b"v"]), partition=0)
    with source(kafka, topic, function, omit_null=omit_null) as events:
        assert events.drain(20)
    shown = [
        {name: record[name] for name in ("key", "value") if name in record}
        for event in function.events
        for record in event["records"][f"{topic}-0"]
    ]
    null = {} if omit_null else {"key": None}
    assert shown == [
        {} if omit_null else {"key": None, "value": None},
        null | {"value": ""},
        null | {"value": "dg=="},
    ]


def test_batches_keep_to_size_and_payload(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction()
    produce((b"x" * 1_500_000 for _ in range(12)), partition=0)
    produce(numbered(50), partition=1)
    with source(kafka, topic, function, batch_size=7) as events:
        assert events.drain(20)
    sizes = [sum(map(len, event["records"].values())) for event in function.events]
    assert sum(sizes) == 62
    assert max(sizes) <= 7
    assert max(len(json.dumps(event)) for event in function.events) <= 6 * 1024 * 1024


def test_a_partition_never_has_two_batches_in_flight(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction(lambda event: time.sleep(0.01))
    produce(numbered(400))
    with source(kafka, topic, function, batch_size=5) as events:
        assert events.drain(20)
    assert set(function.most_at_once.values()) == {1}
    assert len(function.most_at_once) == PARTITIONS


def test_partitions_are_worked_on_side_by_side(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction(lambda event: time.sleep(0.05))
    produce(numbered(PARTITIONS * 5))
    with source(kafka, topic, function, batch_size=1, concurrency=3) as events:
        assert events.drain(20)
    assert function.most_in_all == 3


def test_only_the_failed_records_come_again_and_nothing_passes_them(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    failures = {3: 2, 4: 1}

    def fail_some(event: dict[str, Any]) -> object:
        items = []
        for name, records in event["records"].items():
            for record in records:
                if failures.get(record["offset"], 0):
                    failures[record["offset"]] -= 1
                    identifier = {"partition": name, "offset": record["offset"]}
                    items.append({"itemIdentifier": identifier})
        return {"batchItemFailures": items}

    function = RecordingFunction(fail_some)
    produce(numbered(8), partition=0)
    settings: Any = {"batch_size": 6, "window_s": 1.0, "retry_backoff_s": 0.01}
    with source(kafka, topic, function, **settings) as events:
        assert events.drain(20)
        assert events.counters.failed == 3
    given = [
        [record["offset"] for records in event["records"].values() for record in records]
        for event in function.events
    ]
    assert given == [[0, 1, 2, 3, 4, 5], [3, 4], [3], [6, 7]]
    assert committed(kafka, topic)[0] == 8


@pytest.mark.parametrize(
    "mistake",
    [
        {"batchItemFailures": [{"itemIdentifier": {"partition": "elsewhere-0", "offset": 0}}]},
        RuntimeError("thrown"),
    ],
)
def test_a_batch_that_fails_whole_comes_again_whole(
    kafka: str, topic: str, produce: Callable[..., None], mistake: object
) -> None:
    calls = 0

    def once(event: dict[str, Any]) -> object:
        nonlocal calls
        calls += 1
        if calls > 1:
            return None
        if isinstance(mistake, Exception):
            raise mistake
        return mistake

    function = RecordingFunction(once)
    produce(numbered(3), partition=0)
    with source(kafka, topic, function, window_s=1.0, retry_backoff_s=0.01) as events:
        assert events.drain(20)
        assert (events.counters.invoke_errors, events.counters.failed) == (1, 3)
        assert events.last_error is not None
    assert [event["records"] for event in function.events[:1]] == [
        event["records"] for event in function.events[1:]
    ]


def test_what_was_not_settled_is_given_to_the_next_member(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    def always(event: dict[str, Any]) -> object:
        raise RuntimeError("down")

    produce(numbered(5), partition=0)
    with source(kafka, topic, RecordingFunction(always)) as events:
        assert not events.drain(1.5)
        assert events.counters.in_flight == 5
        assert events.lag() == 5
    function = RecordingFunction()
    with source(kafka, topic, function) as events:
        assert events.drain(20)
    assert function.values()[0] == list(numbered(5))


def test_no_record_is_lost_when_a_second_member_joins_and_leaves(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    given: list[dict[str, Any]] = []
    first, second = RecordingFunction(given.append), RecordingFunction(given.append)
    produce(numbered(200))
    with source(kafka, topic, first, batch_size=5) as staying:
        with source(kafka, topic, second, batch_size=5) as leaving:
            until = time.monotonic() + 20
            while not second.events and time.monotonic() < until:
                produce(numbered(40))
                time.sleep(0.1)
            assert leaving.drain(20)
        produce(numbered(200))
        assert staying.drain(20)
    assert second.events
    assert reached(given) == committed(kafka, topic)


def reached(events: list[dict[str, Any]]) -> dict[int, int]:
    """Return how far each partition came; fails where a record came before the one ahead of it."""
    ends = dict.fromkeys(range(PARTITIONS), 0)
    for event in events:
        for records in event["records"].values():
            for record in records:
                assert record["offset"] <= ends[record["partition"]]
                ends[record["partition"]] = max(ends[record["partition"]], record["offset"] + 1)
    return ends


def test_a_broker_that_dies_and_returns_costs_no_record(
    broker: Broker, kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    function = RecordingFunction(lambda event: time.sleep(0.02))
    produce(numbered(400))
    with source(kafka, topic, function, batch_size=10) as events:
        while events.counters.committed < 50:
            time.sleep(0.01)
        broker.kill()
        time.sleep(1)
        broker.start()
        produce(numbered(400))
        assert events.drain(40)
        assert events.counters.polling_errors > 0
    assert committed(kafka, topic) == dict.fromkeys(range(PARTITIONS), 200)
    assert all(len(set(values)) == 100 for values in function.values().values())


def test_what_cannot_be_processed_ends_in_the_bucket_and_the_rest_passes(
    kafka: str, topic: str, produce: Callable[..., None]
) -> None:
    def poisoned(event: dict[str, Any]) -> object:
        if any(one["value"] == "cG9pc29u" for part in event["records"].values() for one in part):
            raise RuntimeError("poison")
        return None

    function = RecordingFunction(poisoned)
    for value in (b"0", b"poison", b"2", b"x" * 5_000_000, b"4"):
        produce(iter([value]), partition=1)
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1")
        s3.create_bucket(Bucket="failed")
        with source(
            kafka,
            topic,
            function,
            on_failure=OnFailureBucket(s3, "failed"),
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=1,
            retry_backoff_s=0.01,
        ) as events:
            assert events.drain(20)
            metrics = events.metrics()
        found = [
            json.loads(s3.get_object(Bucket="failed", Key=one["Key"])["Body"].read())
            for one in s3.list_objects_v2(Bucket="failed", Prefix=f"aws/lambda/{events.uuid}/")[
                "Contents"
            ]
        ]
    replayable = {
        one["requestContext"]["condition"]: [
            (record["offset"], len(b64decode(record["value"])))
            for record in json.loads(one["payload"])["records"][f"{topic}-1"]
        ]
        for one in found
    }
    assert replayable == {
        "RetryAttemptsExhausted": [(1, 6)],
        "MaximumPayloadSizeExceeded": [(3, 5_000_000)],
    }
    assert {b"0", b"2", b"4"} <= set(function.values()[1])
    assert committed(kafka, topic)[1] == 5
    assert metrics["OnFailureDestinationDeliveredEventCount"] == 2
    assert (metrics["DroppedEventCount"], metrics["OffsetLag"], metrics["MaxOffsetLag"]) == (
        0,
        0,
        0,
    )
    assert metrics["ProvisionedPollers"] == 1


def test_a_batch_that_timed_out_comes_again_while_its_zombie_goes_on(
    kafka: str, topic: str, produce: Callable[..., None], tmp_path: Path
) -> None:
    log = tmp_path / "calls"

    def make() -> LambdaSandbox:
        return LambdaSandbox(
            handler="sample.once_late",
            task_root=Path(__file__).parents[1] / "lambda_runtime" / "task",
            env={"CALLS": str(log), "SECONDS": "2.5"},
            timeout_s=1.0,
            on_timeout=OnTimeout.LEAVE,
        )

    produce(numbered(2), partition=0)
    with LambdaFunction(make, concurrency=1) as function:
        function.start()
        with source(kafka, topic, function) as events:
            assert events.drain(20)
            assert events.last_error is not None
            assert events.last_error.startswith("Sandbox.Timedout")
        until = time.monotonic() + 5
        while len(lines := log.read_text().split("\n")) < 5 and time.monotonic() < until:
            time.sleep(0.05)
    assert lines == ["begin 0", "begin 1", "end 1", "end 0", ""]


def test_a_topic_that_does_not_exist_is_not_drained(kafka: str) -> None:
    with (
        source(kafka, "absent", RecordingFunction()) as events,
        pytest.raises(Exception, match="Unknown topic"),
    ):
        events.drain(5)
