"""Test what is sent to the queues, and what happens where a queue refuses it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hintferry.adapters.aws.parked_queue import LARGEST_MESSAGE, LONGEST_ERROR, SqsParkingLot
from hintferry.adapters.aws.queue_event import ReplayEvents
from hintferry.adapters.aws.replay_queue import SHARED_WITHIN_S, SqsReplayQueue
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.core.errors import ParkReason, Side, SideFault, Undecodable
from hintferry.core.hint import Check, Errand, Hint, Record, Scope, Suspicion
from hintferry.core.open_item import ANY_TABLE, PARKED
from hintferry.core.outcome import Outcome, Settled
from hintferry.core.schema import TableId
from hintferry.core.work import Later
from hintferry.live.pipeline import Pipeline
from hintferry.ports import Parked
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import ReplicatedCluster
from hintferry.testing.deadline import SimulatedDeadline
from hintferry.testing.leases import LeaseTable, MemoryLeases
from hintferry.testing.meter import RecordingMeter
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.replay import MemoryReplayQueue
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget
from tests.model.tables import PLAIN

REFUSAL = ClientError({"Error": {"Code": "InternalError", "Message": "no"}}, "SendMessageBatch")


class Sqs:
    """Takes messages but those that hold `refuses`; with `is_down` none."""

    def __init__(self, refuses: str = "\0", is_down: bool = False) -> None:
        self.refuses, self.is_down = refuses, is_down
        self.calls: list[list[dict[str, Any]]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.is_down:
            raise REFUSAL
        assert len(Entries) <= 10
        assert sum(len(entry["MessageBody"]) for entry in Entries) <= LARGEST_MESSAGE
        self.calls.append(Entries)
        failed = [entry["Id"] for entry in Entries if self.refuses in entry["MessageBody"]]
        return {"Failed": [{"Id": name, "Message": "no"} for name in failed]}

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(entry["MessageBody"]) for call in self.calls for entry in call]


class S3:
    def __init__(self, is_down: bool = False) -> None:
        self.is_down = is_down
        self.objects: dict[str, bytes] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        if self.is_down:
            raise REFUSAL
        self.objects[Key] = Body


def parked(value: bytes, offset: int = 0, error: str = "why") -> Parked:
    end = Settled(Outcome.PARKED, ParkReason.UNDECODABLE, Undecodable(error))
    return Parked(Record("topic", 0, offset, None, b"k", value), None, end)


def lot_of(sqs: Sqs, s3: S3, items: MemoryOpenItems | None = None) -> SqsParkingLot:
    clock = ScriptedClock(SimulatedTime(1_000_000_000))
    return SqsParkingLot(sqs, s3, "url", "bucket", clock, items or MemoryOpenItems())


def test_each_message_has_a_row_before_it_is_sent_and_none_that_was_refused() -> None:
    items, sqs = MemoryOpenItems(), Sqs(refuses='"offset": 13')
    lot_of(sqs, S3(), items).park([parked(b"x", offset) for offset in (12, 13)])
    (row,) = items.items.values()
    assert (row.name, row.reason, row.due) == (ANY_TABLE, PARKED, 1_000.0)
    assert sqs.bodies[0]["item"] == {"name": ANY_TABLE, "id": row.id.hex()}
    queue = SqsReplayQueue(sqs, "url", ScriptedClock(SimulatedTime(1_000_000_000)), items)
    queue.send([Later(SECOND_LOOK, 45), Later(REST, 0)])
    rows = {one.reason: one for one in items.of(TABLE) if one is not row}
    assert {name: (one.name, round(one.due)) for name, one in rows.items()} == {
        "second_look": (str(TABLE), 1_045 + SHARED_WITHIN_S),
        "continuation": (str(TABLE), 1_000),
    }
    assert [body["item"]["id"] for body in sqs.bodies[-2:]] == [
        one.id.hex() for one in rows.values()
    ]


def test_without_its_row_no_message_is_sent() -> None:
    items, sqs = MemoryOpenItems(), Sqs()
    items.is_away = True
    (error,) = lot_of(sqs, S3(), items).park([parked(b"x")])
    assert isinstance(error, SideFault)
    queue = SqsReplayQueue(sqs, "url", ScriptedClock(SimulatedTime(1_000_000_000)), items)
    (error,) = queue.send([Later(REST, 0)])
    assert isinstance(error, SideFault)
    assert sqs.calls == []


def test_poison_is_returned_while_the_target_is_away_and_parked_once_it_is_back() -> None:
    """Sent without its row, no gate would wait for it."""
    items, sqs, time = MemoryOpenItems(), Sqs(), SimulatedTime(1_000_000_000)
    clock = ScriptedClock(time)
    source = ReplicatedSource(ReplicatedCluster([PLAIN], time, lambda *_: None), clock)
    pipeline = Pipeline(
        HintDecoder(source.table),
        source,
        MemoryTarget(MemoryStore(time)),
        lot_of(sqs, S3(), items),
        MemoryReplayQueue(lambda _: None),
        MemoryLeases(LeaseTable(time), clock),
        clock,
        RecordingMeter(),
    )
    poison = Record("hintferry.shop.orders", 0, 7, None, b"k", b"no hint at all")
    items.is_away = True
    for _ in range(3):
        (end,) = pipeline.process([poison], SimulatedDeadline(time, 60))
        assert end.outcome is Outcome.RETURNED
        assert isinstance(end.error, SideFault)
    assert (sqs.calls, items.items) == ([], {})
    items.is_away = False
    (end,) = pipeline.process([poison], SimulatedDeadline(time, 60))
    assert end.outcome is Outcome.PARKED
    assert len(sqs.bodies) == len(items.items) == 1


def test_a_message_with_a_huge_error_text_and_record_is_one_that_the_queue_takes() -> None:
    sqs, s3 = Sqs(), S3()
    lot = lot_of(sqs, s3)
    assert lot.park([parked(b"x" * 2_000_000, error="e" * 2_000_000)]) == [None]
    (body,) = sqs.bodies
    assert len(body["error"]) == LONGEST_ERROR
    assert body["object"]["key"] in s3.objects


def test_each_record_is_told_apart_from_those_that_were_not_taken() -> None:
    lot = lot_of(Sqs(refuses='"offset": 13'), S3())
    errors = lot.park([parked(b"x", offset) for offset in range(25)])
    assert [index for index, error in enumerate(errors) if error is not None] == [13]


def test_with_the_queue_or_the_bucket_away_nothing_counts_as_kept() -> None:
    small, large = parked(b"x"), parked(b"x" * 2_000_000)
    away = lot_of(Sqs(is_down=True), S3()).park([small, large])
    assert None not in away
    kept, lost = lot_of(Sqs(), S3(is_down=True)).park([small, large])
    assert kept is None
    assert lost is not None


TABLE = TableId("shop", "orders")
SECOND_LOOK = Hint(TABLE, (b"p",), Scope.SLICE, errand=Errand.SECOND_LOOK)
REST = Hint(TABLE, (b"p",), Scope.SLICE, errand=Errand.CONTINUATION)


def test_one_second_look_serves_all_that_are_asked_for_before_it_is_too_early() -> None:
    sqs, time = Sqs(), SimulatedTime(1_000_000_000)
    queue = SqsReplayQueue(sqs, "url", ScriptedClock(time, salt=7), MemoryOpenItems())
    for _ in range(3):
        assert queue.send([Later(SECOND_LOOK, 45)]) == [None]
        time.advance(5_000_000)
    assert len(sqs.bodies) == 1
    time.advance(5_000_000)
    assert queue.send([Later(SECOND_LOOK, 45)]) == [None]
    assert len(sqs.bodies) == 2
    assert sqs.calls[0][0]["DelaySeconds"] == 45 + SHARED_WITHIN_S


def test_a_second_look_that_was_not_taken_is_not_counted_on() -> None:
    sqs = Sqs(is_down=True)
    queue = SqsReplayQueue(
        sqs, "url", ScriptedClock(SimulatedTime(1_000_000_000), salt=7), MemoryOpenItems()
    )
    assert queue.send([Later(SECOND_LOOK, 45)]) != [None]
    sqs.is_down = False
    assert queue.send([Later(SECOND_LOOK, 45)]) == [None]
    assert len(sqs.bodies) == 1


def test_every_continuation_is_sent_at_once() -> None:
    sqs = Sqs()
    queue = SqsReplayQueue(
        sqs, "url", ScriptedClock(SimulatedTime(1_000_000_000), salt=7), MemoryOpenItems()
    )
    for _ in range(2):
        assert queue.send([Later(REST, 0)]) == [None]
    assert [entry["DelaySeconds"] for (entry,) in sqs.calls] == [0, 0]


def test_a_second_look_by_an_earlier_table_does_not_serve_a_later_one() -> None:
    sqs = Sqs()
    queue = SqsReplayQueue(
        sqs, "url", ScriptedClock(SimulatedTime(1_000_000_000), salt=7), MemoryOpenItems()
    )
    for altered_us in (5, 6):
        assert queue.send([Later(replace(SECOND_LOOK, altered_us=altered_us), 45)]) == [None]
    assert [body["hint"]["altered_us"] for body in sqs.bodies] == [5, 6]


CHECKS = (
    Check(1_000.5),
    Check(1_000.5, 3, Suspicion(Side.TARGET, 1_700_000_000_000_001, 12, 1_060.25)),
)


@pytest.mark.parametrize("check", CHECKS, ids=["first look", "later look"])
def test_a_validation_comes_back_as_it_was_sent_and_is_no_open_item(check: Check) -> None:
    sqs, items = Sqs(), MemoryOpenItems()
    clock = ScriptedClock(SimulatedTime(1_000_000_000), salt=7)
    queue = SqsReplayQueue(sqs, "url", clock, items)
    hint = Hint(TABLE, (b"p",), Scope.ROW, errand=Errand.VALIDATION)
    assert queue.send([Later(REST, 0), Later(hint, 45, check=check)]) == [None, None]
    assert [one.reason for one in items.items.values()] == ["continuation"]
    events = ReplayEvents(sqs, S3(), "url", items)
    messages = [{"body": json.dumps(body), "messageId": "1"} for body in sqs.bodies]
    assert [record.check for record in events.open({"Records": messages})] == [None, check]
    assert "item" not in sqs.bodies[1]


def test_a_validation_that_was_not_taken_closes_nothing() -> None:
    sqs, items = Sqs(is_down=True), MemoryOpenItems()
    clock = ScriptedClock(SimulatedTime(1_000_000_000), salt=7)
    queue = SqsReplayQueue(sqs, "url", clock, items)
    hint = Hint(TABLE, (b"p",), Scope.ROW, errand=Errand.VALIDATION)
    assert queue.send([Later(hint, 45, check=CHECKS[0])]) != [None]
    assert not items.items
