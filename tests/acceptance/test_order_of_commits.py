"""How a mapping retries and commits: the real function on the sandbox's event source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from acceptance import order_function
from acceptance.order_function import ERROR, FAILING_S, FAILS_AT, ITEM, KIND, lambda_handler
from acceptance.order_stack import BATCH_SIZE, OrderStack
from acceptance.plan import ORDER_TABLE, Plan
from acceptance.questions.order import KINDS, ORDER_QUESTIONS, Delivery, Seen, order_answers
from hintferry_ops.constants import RETRIES
from infra.stacks.kafka import KafkaStack
from infra.stacks.network import NetworkStack
from sandbox.services.event_source.backlog import Backlog
from sandbox.services.event_source.batch import EventFrame
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.event_source.settings import EventSourceSettings, PartialRetry
from tools.places import ROOT

FRAME = EventFrame("acceptance.shop.readings", "127.0.0.1:9092", "us-east-1")
ASSUMED = {one.id: one.assumed for one in ORDER_QUESTIONS}
RECORDS = 1_000
LATER_S = 10 * 60.0


@dataclass
class Time:
    """The module `time` of the function; it passes where the function sleeps."""

    now: float = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Source:
    """The sandbox's event source, without Kafka: all records are there at the beginning."""

    def __init__(self, kind: str, partial: PartialRetry, clock: Time) -> None:
        self._clock, self._kind = clock, kind
        settings = EventSourceSettings(
            batch_size=BATCH_SIZE,
            maximum_retry_attempts=RETRIES,
            bisect_batch_on_function_error=True,
            partial_retry=partial,
        )
        self._log = Backlog(FRAME, settings)
        self._log.assign([0])
        self._log.add(_record(offset) for offset in range(RECORDS))
        self._committed = 0
        self.lags: list[tuple[float, float]] = []

    def run(self) -> None:
        """Deliver until everything is settled, and report the lag once a minute."""
        while (due := self._log.due_at()) is not None:
            self._pass_until(max(due, self._clock.now) + 0.01)
            self._invoke()
            self._committed = self._log.commits().get(0, self._committed)
        self._pass_until(self._clock.now + LATER_S)

    def _pass_until(self, then: float) -> None:
        minute = (self._clock.now // 60 + 1) * 60
        while minute <= then:
            self.lags.append((minute, RECORDS - self._committed))
            minute += 60
        self._clock.now = then

    def _invoke(self) -> None:
        batch = self._log.take(self._clock.now)
        assert batch is not None
        event = json.loads(FRAME.event(batch.records))
        try:
            answer = lambda_handler(event, None)
        except RuntimeError:
            assert self._kind == ERROR
            self._log.settle(batch, batch.records, self._clock.now, function_error=True)
            return
        named = {one["itemIdentifier"]["offset"] for one in answer["batchItemFailures"]}
        failed = [one for one in batch.records if one.offset in named]
        self._log.settle(batch, failed, self._clock.now)


def _record(offset: int) -> PolledRecord:
    shown = {"partition": 0, "offset": offset, "timestamp": 0, "key": "c2VjcmV0", "value": "c2Vj"}
    return PolledRecord(0, offset, json.dumps(shown).encode(), 0.0)


def seen_of(
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    partial: PartialRetry = PartialRetry.FAILED_ONLY,
) -> Seen:
    clock = Time()
    monkeypatch.setattr(order_function, "time", clock)
    monkeypatch.setenv(KIND, kind)
    source = Source(kind, partial, clock)
    source.run()
    printed = capsys.readouterr().out
    assert "c2Vj" not in printed, "a key or a value is in the log"
    return Seen([Delivery(**json.loads(line)) for line in printed.splitlines()], source.lags)


def test_the_assumed_answers_are_those_of_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = {kind: seen_of(kind, monkeypatch, capsys) for kind in KINDS}
    assert order_answers(seen) == ASSUMED
    for one in seen.values():
        assert max(each.at for each in one.deliveries if each.failed) < FAILING_S
        assert max(each.last for each in one.deliveries) == RECORDS - 1


def test_the_rest_of_the_batch_delivered_again_is_another_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = PartialRetry.FROM_FIRST_FAILED
    seen = {ITEM: seen_of(ITEM, monkeypatch, capsys, partial), ERROR: Seen([], [])}
    assert order_answers(seen) == {
        "partial-commit": "at the record",
        "partial-again": "that record and what follows it",
    }


BATCH = Delivery(0.0, 50, 59, failed=True)
SETTLED = Delivery(1201.0, 60, 99, failed=False)


def conduct(*offsets: tuple[int, int], committed: int = FAILS_AT) -> Seen:
    """The batch failed at 0 s, then these came, and the record was settled after 1,200 s."""
    later = [Delivery(n, *one, failed=True) for n, one in enumerate(offsets, start=1)]
    last = Delivery(1200.0, FAILS_AT, FAILS_AT, failed=True)
    lags = [(at, 100.0 - committed) for at in range(60, 1200, 60)]
    return Seen([BATCH, *later, last, SETTLED], [*lags, (1260.0, 0.0)])


@pytest.mark.parametrize(
    ("committed", "answer"),
    [
        (57, "at the record"), (58, "1 beyond it"), (60, "3 beyond it"),
        (50, "7 before it"),
    ],
)  # fmt: skip
def test_where_a_group_stands_is_told_from_the_record(committed: int, answer: str) -> None:
    found = order_answers({kind: conduct((57, 57), committed=committed) for kind in KINDS})
    assert found["partial-commit"] == found["bisect-commit"] == answer


@pytest.mark.parametrize(
    ("following", "again", "halves"),
    [
        ((57, 57), "that record alone", "the later half first"),
        ((57, 59), "that record and what follows it", "the later half first"),
        ((50, 54), "earlier records too", "the earlier half first"),
        ((50, 59), "earlier records too", "the whole batch again"),
        ((60, 69), "later records first", "later records first"),
    ],
)
def test_the_next_delivery_tells_the_order(
    following: tuple[int, int], again: str, halves: str
) -> None:
    found = order_answers({kind: conduct(following) for kind in KINDS})
    assert (found["partial-again"], found["bisect-order"]) == (again, halves)


WHOLE = conduct((57, 57))


@pytest.mark.parametrize(
    "seen",
    [
        Seen([], []),
        Seen([Delivery(0.0, 0, 9, failed=False)], WHOLE.lags),
        Seen(WHOLE.deliveries, []),
        Seen(WHOLE.deliveries, WHOLE.lags[:-1]),
        Seen(WHOLE.deliveries, WHOLE.lags[-3:]),
        Seen(WHOLE.deliveries, [(at, lag and lag + at) for at, lag in WHOLE.lags]),
    ],
    ids=["nothing", "no failure", "no lag", "not settled", "few lags", "still written"],
)
def test_what_does_not_show_a_place_leaves_the_question_open(seen: Seen) -> None:
    assert "partial-commit" not in order_answers(dict.fromkeys(KINDS, seen))


def test_a_batch_of_one_shows_no_order() -> None:
    alone = Delivery(0.0, FAILS_AT, FAILS_AT, failed=True)
    found = order_answers({kind: Seen([alone, alone], []) for kind in KINDS})
    assert found == {}


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    migration = Plan("acceptance-3f9a1c", "us-east-1", 5, tmp_path_factory.mktemp("plan")).write()
    app = cdk.App(context=json.loads((ROOT / "cdk.json").read_text())["context"])
    environment = cdk.Environment(region="us-east-1")
    network = NetworkStack(app, "network", migration, env=environment)
    kafka = KafkaStack(app, "kafka", migration, network, env=environment)
    stack = OrderStack(app, "order", migration, network, kafka, env=environment)
    found: Mapping[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    return found


def of_kind(resources: Mapping[str, Any], kind: str) -> Sequence[Mapping[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def test_each_mapping_retries_as_the_pipelines_do(resources: Mapping[str, Any]) -> None:
    mappings = of_kind(resources, "AWS::Lambda::EventSourceMapping")
    groups = [one["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"] for one in mappings]
    assert groups == ["acceptance-3f9a1c-order-item", "acceptance-3f9a1c-order-error"]
    for one in mappings:
        assert one["BisectBatchOnFunctionError"] is True
        assert one["MaximumRetryAttempts"] == RETRIES
        assert one["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert one["Topics"] == [f"acceptance-3f9a1c.{ORDER_TABLE}"]
        assert one["ProvisionedPollerConfig"]["PollerGroupName"] == "acceptance-3f9a1c-order"


def test_the_topic_has_one_partition(tmp_path: Path) -> None:
    migration = Plan("acceptance-3f9a1c", "us-east-1", 5, tmp_path).write()
    partitions = {str(one.id): one.partitions for one in migration.tables}
    assert partitions.pop(ORDER_TABLE) == 1
    assert set(partitions.values()) == {6}


def test_the_functions_reach_nothing_but_their_own_topic_and_group(
    resources: Mapping[str, Any],
) -> None:
    policies = of_kind(resources, "AWS::IAM::Policy")
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    actions = {action for one in statements for action in _several(one["Action"])}
    services = {action.partition(":")[0] for action in actions}
    assert services == {"ec2", "kafka", "kafka-cluster", "logs"}
    assert "kafka-cluster:WriteData" not in actions
    for function in of_kind(resources, "AWS::Lambda::Function"):
        assert "VpcConfig" not in function
        assert len(function["Code"]["ZipFile"]) < 4096, "Lambda takes no more code in a template"


def _several(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action
