"""The replay queue's events: objects of the bucket, poison, outages, and what is parked again."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError

from hintferry.adapters.aws.parked_queue import LARGEST_MESSAGE, SqsParkingLot
from hintferry.adapters.aws.queue_event import ReplayEvents, wait_after
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.open_item import OpenItem
from hintferry.core.rows import Values
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.live.pipeline import Pipeline
from hintferry.testing.changes import put
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import Fate, MemoryTarget
from hintferry_ops import constants

DAY_S = 24 * 3600
PARKED, REPLAY, BUCKET = "parked", "replay", "bucket"
TABLE = Table(
    TableId("shop", "orders"),
    (Column("a", "int", ColumnKind.PARTITION_KEY),),
    regulars=(Column("v", "text", ColumnKind.REGULAR),),
)
ONE = (1).to_bytes(4)
HINT = {"hint": 1, "scope": "row", "keyspace": "shop", "table": "orders"} | {
    "pk": [b64encode(ONE).decode()], "ck": [],
}  # fmt: skip


@dataclass(slots=True)
class Queues:
    """Stands for SQS: what was sent to each queue, and how long messages were made to wait."""

    sent: dict[str, list[str]] = field(default_factory=lambda: {PARKED: [], REPLAY: []})
    waits: dict[str, list[int]] = field(default_factory=dict)

    def send_message_batch(self, QueueUrl: str, Entries: Any) -> Any:
        assert sum(len(entry["MessageBody"].encode()) for entry in Entries) <= LARGEST_MESSAGE
        self.sent[QueueUrl] += [entry["MessageBody"] for entry in Entries]
        return {}

    def change_message_visibility(self, **asked: Any) -> None:
        self.waits.setdefault(asked["ReceiptHandle"], []).append(asked["VisibilityTimeout"])


@dataclass(slots=True)
class Bucket:
    """Stands for S3; a value of `objects` that is an exception is raised."""

    objects: dict[str, Any] = field(default_factory=dict)

    def get_object(self, Bucket: str, Key: str) -> Any:
        content = self.objects.get(Key, error("NoSuchKey"))
        if isinstance(content, Exception):
            raise content
        return {"Body": content if hasattr(content, "read") else BytesIO(content)}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


class Broken:
    """A body whose connection ends while it is read."""

    def read(self) -> bytes:
        raise ReadTimeoutError(endpoint_url="s3")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetObject")


def event(*bodies: Any, receives: int = 1) -> dict[str, Any]:
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": f"r{index}",
                "body": text,
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for index, text in enumerate(texts)
        ]
    }


def named(key: str, **more: Any) -> dict[str, Any]:
    """A message whose record lies in the bucket."""
    place = {"topic": "t.shop.orders", "partition": 2, "offset": 9, "timestamp": 1}
    message = {"version": 1, "reason": "undecodable", "error": "e", "table": None, "record": place}
    return message | {"object": {"bucket": BUCKET, "key": key}} | more


def stored(value: bytes) -> bytes:
    record = {"topic": "t.shop.orders", "partition": 2, "offset": 9, "key": None}
    return json.dumps({"record": record | {"value": b64encode(value).decode()}}).encode()


@dataclass(slots=True)
class Worker:
    """The replay function over fakes: three replicas, a target, the queues and the bucket."""

    answer: Fate = Fate.WRITTEN
    source_down: bool = False
    queues: Queues = field(default_factory=Queues)
    bucket: Bucket = field(default_factory=Bucket)
    open_items: MemoryOpenItems = field(default_factory=MemoryOpenItems)
    time: SimulatedTime = field(default_factory=SimulatedTime)
    target: MemoryStore = field(init=False)
    cluster: ReplicatedCluster = field(init=False)

    def __post_init__(self) -> None:
        self.target = MemoryStore(self.time)
        self.cluster = ReplicatedCluster([TABLE], self.time, lambda *_: None)

    def write(self, value: bytes) -> None:
        """A write of the application to the source."""
        self.time.advance(1_000_000)
        change = put(TABLE, (), {"v": value}, self.time.micros, creates_row=True)
        self.cluster.write(TABLE, (ONE,), change, range(3))

    def shown(self) -> list[Values]:
        """The values of the row as the target has it."""
        return [row.values for row in self.target.rows(TABLE, (ONE,)).values()]

    def run(self, event: Mapping[str, Any]) -> list[str]:
        """One invocation; the messages that stay in the queue."""
        self.time.advance(1_000_000)
        events = ReplayEvents(self.queues, self.bucket, REPLAY, self.open_items)
        ends = self._pipeline().process(events.open(event), FixedDeadline())
        response = events.response(event, ends)
        return [one["itemIdentifier"] for one in response["batchItemFailures"]]

    def _pipeline(self) -> Pipeline:
        clock = ScriptedClock(self.time)
        if self.source_down:
            self.cluster.down = {0, 1, 2}
        source = ReplicatedSource(self.cluster, clock)
        return Pipeline(
            HintDecoder(source.table),
            source,
            MemoryTarget(self.target, answers=lambda write, statement: self.answer),
            SqsParkingLot(self.queues, self.bucket, PARKED, BUCKET, clock, self.open_items),
            MemoryReplayQueue(lambda later: None),
            MemoryLeases(LeaseTable(self.time), clock),
            clock,
            RecordingMeter(),
        )


def messages(worker: Worker) -> list[dict[str, Any]]:
    return [json.loads(text) for text in worker.queues.sent[PARKED]]


def test_the_record_of_an_object_is_applied() -> None:
    worker = Worker()
    worker.write(b"new")
    worker.bucket.objects["k"] = stored(json.dumps(HINT).encode())
    assert worker.run(event(named("k"))) == []
    assert worker.shown() == [(b"new",)]
    assert messages(worker) == []


def test_the_row_of_a_message_goes_before_the_message_does() -> None:
    worker = Worker()
    worker.write(b"new")
    row = OpenItem("shop.orders", b"i" * 16, 0.0, "second_look")
    worker.open_items.open([row])
    body = {"hint": HINT, "item": {"name": row.name, "id": row.id.hex()}}
    worker.open_items.is_away = True
    assert worker.run(event(body)) == ["m0"], "while its row stays it comes again"
    worker.open_items.is_away = False
    worker.source_down = True
    assert worker.run(event(body)) == ["m0"]
    assert worker.open_items.of(TABLE.id) == [row], "what is returned stays open"
    worker.source_down, worker.cluster.down = False, set()
    assert worker.run(event(body)) == []
    assert worker.open_items.of(TABLE.id) == []


def test_a_message_whose_object_is_gone_is_parked_and_goes_on_naming_it() -> None:
    """Once the object is back, the parked message can be replayed like any other."""
    worker = Worker()
    worker.write(b"new")
    assert worker.run(event(named("k", table="shop.orders"))) == []
    (message,) = messages(worker)
    assert message["reason"] == "undecodable"
    assert "the object k of the bucket bucket" in message["error"]
    assert "gone" in message["error"]
    assert message["object"] == {"bucket": BUCKET, "key": "k"}
    assert (message["record"]["topic"], message["record"]["offset"]) == ("t.shop.orders", 9)
    worker.bucket.objects["k"] = stored(json.dumps(HINT).encode())
    assert worker.run(event(message)) == []
    assert worker.shown() == [(b"new",)]


@pytest.mark.parametrize(
    "fault", [error("SlowDown"), error("AccessDenied"), error("NoSuchBucket"), Broken()]
)
def test_a_fault_of_the_bucket_returns_that_message_alone(fault: Any) -> None:
    worker = Worker()
    worker.write(b"new")
    worker.bucket.objects["k"] = fault
    hint = {"version": 1, "reason": "stuck", "hint": HINT}
    assert worker.run(event(hint, named("k"), hint)) == ["m1"]
    assert worker.shown() == [(b"new",)]
    assert worker.queues.waits == {"r1": [15]}
    assert messages(worker) == []


STRANGERS = [
    "not JSON",
    "[" * 100_000,
    "[]",
    '"object"',
    "17",
    "{}",
    '{"object": 3}',
    '{"object": {}}',
    '{"object": {"bucket": "b", "key": "odd"}, "record": 5}',
    '{"hint": {"hint": 1}}',
    '{"record": {"key": 1, "value": null}}',
    '{"record": {"key": null, "value": "%"}}',
    json.dumps(named("no record")),
    json.dumps(named("no JSON")),
    json.dumps(named("invalid")),
]


@pytest.mark.parametrize("body", STRANGERS)
def test_poison_is_parked_again_and_leaves_the_queue(body: str) -> None:
    worker = Worker()
    worker.bucket.objects |= {
        "no record": b"{}",
        "no JSON": b"\xff",
        "invalid": ParamValidationError(report="no such name"),
    }
    good = {"hint": HINT}
    assert worker.run(event(good, body)) == []
    (message,) = messages(worker)
    assert message["reason"] == "undecodable"


def test_poison_that_is_replayed_for_ever_keeps_its_size() -> None:
    worker = Worker()
    body = '{"strange": true}'
    for _ in range(4):
        assert worker.run(event(body)) == []
        body = worker.queues.sent[PARKED].pop()
    record = json.loads(body)["record"]
    assert b64decode(record["value"]) == b'{"strange": true}'


def test_two_large_messages_that_are_no_records_do_not_overwrite_each_other() -> None:
    worker = Worker()
    bodies = [letter * 900_000 for letter in "ab"]
    assert worker.run(event(*bodies)) == []
    kept = [
        json.loads(worker.bucket.objects[message["object"]["key"]]) for message in messages(worker)
    ]
    assert [b64decode(one["record"]["value"]).decode() for one in kept] == bodies


@pytest.mark.parametrize("down", ["source", "target"])
def test_an_outage_parks_nothing_and_lets_the_message_wait_ever_longer(down: str) -> None:
    worker = Worker(source_down=down == "source")
    worker.answer = Fate.UNAVAILABLE if down == "target" else Fate.WRITTEN
    worker.write(b"new")
    for receives in range(1, 25):
        hint = event({"version": 1, "reason": "stuck", "hint": HINT}, receives=receives)
        assert worker.run(hint) == ["m0"]
    waits = worker.queues.waits["r0"]
    assert waits[:8] == [15, 30, 60, 120, 240, 480, 900, 900]
    assert messages(worker) == []


def test_the_receives_that_the_queue_grants_outlast_a_day_and_end_before_its_retention() -> None:
    waited = [wait_after(receives) for receives in range(1, constants.REPLAY_RECEIVES + 1)]
    assert DAY_S < sum(waited) < constants.QUEUE_RETENTION_S - DAY_S
    # A handler that always dies says nothing: then the queue's own time counts.
    assert constants.REPLAY_RECEIVES * constants.REPLAY_VISIBILITY_S > DAY_S


def test_replaying_twice_or_late_changes_nothing() -> None:
    """An old message beside newer writes: what it brings is the newest, not what it once meant."""
    worker = Worker()
    message = event({"version": 1, "reason": "stuck", "hint": HINT})
    worker.write(b"old")
    worker.run(message)
    worker.write(b"new")
    for _ in range(3):
        assert worker.run(message) == []
        assert worker.shown() == [(b"new",)]
