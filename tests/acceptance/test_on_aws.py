"""What the run asks of AWS's APIs, by the shapes that botocore has of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from acceptance.plan import Plan
from acceptance.ports import StepFailed
from acceptance.questions import service
from acceptance.questions.order import Delivery, order_seen
from acceptance.questions.service import metric_answers, stream_answers
from acceptance.ssm_node import SsmNode

NAME = "acceptance-3f9a1c"
SENT = "0f1e2d3c-0000-1111-2222-333344445555"
INSTANCE = "i-0123456789abcdef0"
BUCKET = "acceptance-3f9a1c-pipeline-storagebucket"
STREAM = "arn:aws:cassandra:us-east-1:111122223333:/keyspace/contract_ab/table/streamed/stream/1"


class Stubbed:
    """Clients that answer what a test says, in this order, and nothing else."""

    def __init__(self) -> None:
        self._clients: dict[str, tuple[Any, Stubber]] = {}

    def client(self, name: str) -> Any:
        if name not in self._clients:
            made = boto3.client(
                name, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
            )
            self._clients[name] = made, Stubber(made)
            self._clients[name][1].activate()
        return self._clients[name][0]

    def answers(self, name: str, operation: str, answer: Any, asked: Any = None) -> None:
        self.client(name)
        self._clients[name][1].add_response(operation, answer, asked)

    def check(self) -> None:
        for _, stubber in self._clients.values():
            stubber.assert_no_pending_responses()


@pytest.fixture
def aws() -> Iterator[Stubbed]:
    made = Stubbed()
    yield made
    made.check()


@pytest.fixture
def node(aws: Stubbed, tmp_path: Path) -> SsmNode:
    plan = Plan(NAME, "us-east-1", 5, tmp_path)
    plan.write()
    return SsmNode(plan.config, aws.client, poll_s=0.0)


def described(aws: Stubbed, part: str, **outputs: str) -> None:
    found = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    stack = {
        "StackName": f"{NAME}-{part}",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime.now(UTC),
        "Outputs": found,
    }
    aws.answers("cloudformation", "describe_stacks", {"Stacks": [stack]})


def sent(aws: Stubbed, document: str, status: str, output: str = "") -> None:
    """A document that is not known at first, runs, and ends so."""
    described(aws, "source", InstanceId=INSTANCE)
    asked = {"DocumentName": document, "InstanceIds": [INSTANCE], "Parameters": ANY}
    aws.answers("ssm", "send_command", {"Command": {"CommandId": SENT}}, asked)
    plugins = [{"Name": "last", "Output": output, "ResponseCode": int(status != "Success")}]
    for found in ([], [{"Status": "InProgress"}], [{"Status": status, "CommandPlugins": plugins}]):
        aws.answers("ssm", "list_command_invocations", {"CommandInvocations": found})


def test_a_program_runs_on_the_node_and_its_status_is_its_own(aws: Stubbed, node: SsmNode) -> None:
    sent(aws, "AWS-RunShellScript", "Failed")
    described(aws, "source", InstanceId=INSTANCE)
    found = {
        "Status": "Failed",
        "ResponseCode": 3,
        "StandardOutputContent": "{}",
        "StandardErrorContent": "hintferry: the source does not answer",
    }
    aws.answers("ssm", "get_command_invocation", found)
    done = node.run(["hintferry", "verify", "shop.orders", "--json"], 60)
    assert (done.status, done.out) == (3, "{}")
    assert "does not answer" in done.err


def test_a_document_that_fails_is_a_sentence(aws: Stubbed, node: SsmNode) -> None:
    sent(aws, f"{NAME}-install", "Failed", "hintferry: cassandra.yaml could not be read")
    plugins = [{"Name": "Apply", "Output": "hintferry: cassandra.yaml could not be read"}]
    failed = {"CommandInvocations": [{"Status": "Failed", "CommandPlugins": plugins}]}
    aws.answers("ssm", "list_command_invocations", failed)
    with pytest.raises(StepFailed, match=r"install is Failed on the node: .*could not be read"):
        node._send(f"{NAME}-install", {}, 60)


def test_a_command_that_does_not_end_is_given_up(aws: Stubbed, node: SsmNode) -> None:
    described(aws, "source", InstanceId=INSTANCE)
    aws.answers("ssm", "send_command", {"Command": {"CommandId": SENT}})
    with pytest.raises(StepFailed, match="did not end in 0 min"):
        node.run(["program", "load"], 0.0)


class Scripted:
    """A session that takes every statement."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        self.ran.append(statement)


def record(p: int, c: int | None, *, new: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {"partitionKeys": {"p": {"intT": str(p)}}}
    found |= {"clusteringKeys": {"c": {"intT": str(c)}}} if c is not None else {}
    return found | ({"newImage": {"valueCells": {}}} if new else {})


def streamed(aws: Stubbed, *pages: list[dict[str, Any]]) -> None:
    one = {"streamArn": STREAM, "streamLabel": "1", "keyspaceName": "k", "tableName": "streamed"}
    client = "keyspacesstreams"
    aws.answers(client, "list_streams", {"streams": [one]})
    described: dict[str, Any] = {**one, "creationRequestDateTime": datetime.now(UTC)}
    described |= {"streamStatus": "ENABLED", "streamViewType": "NEW_AND_OLD_IMAGES"}
    aws.answers(client, "get_stream", {**described, "shards": [{"shardId": "s" * 28}]})
    aws.answers(client, "get_shard_iterator", {"shardIterator": "first"})
    for number, page in enumerate(pages):
        more = {"nextShardIterator": f"next{number}"} if page is not pages[-1] else {}
        aws.answers(client, "get_records", {"changeRecords": page, **more})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "wait_active", lambda *_: None)
    monkeypatch.setattr(service, "_POLL_S", 0.0)


def test_the_stream_is_read_to_its_last_record(aws: Stubbed) -> None:
    deletes = [record(3, 1, new=False), record(3, 2, new=False)]
    streamed(aws, [record(1, 1), record(2, None)], [*deletes, record(9, 9)])
    session: Any = Scripted()
    found = stream_answers(session, "contract_ab", aws.client("keyspacesstreams"))
    assert found == {
        "stream-first-write": True, "stream-static": True, "stream-partition-delete": 2,
    }  # fmt: skip
    assert session.ran[0] == service.STREAMED


def test_a_stream_that_lacks_records_answers_otherwise(aws: Stubbed) -> None:
    streamed(aws, [record(9, 9)])
    session: Any = Scripted()
    found = stream_answers(session, "contract_ab", aws.client("keyspacesstreams"))
    assert found == {
        "stream-first-write": False, "stream-static": False, "stream-partition-delete": 0,
    }  # fmt: skip


def test_a_stream_that_ends_before_the_last_record_leaves_the_questions_open(aws: Stubbed) -> None:
    streamed(aws, [record(1, 1)])
    session: Any = Scripted()
    assert stream_answers(session, "contract_ab", aws.client("keyspacesstreams")) == {}


def test_dimensions_are_those_that_cloudwatch_knows(aws: Stubbed) -> None:
    names = ("Topic", "Consumer Group", "Cluster Name")
    series = {"Dimensions": [{"Name": name, "Value": "x"} for name in names]}
    aws.answers("cloudwatch", "list_metrics", {"Metrics": [series, series]})
    aws.answers("cloudwatch", "list_metrics", {"Metrics": []})
    assert metric_answers(aws.client, NAME) == {"lag-dimensions": sorted(names)}


def test_the_failing_mappings_are_read_from_their_log_and_msk(aws: Stubbed, tmp_path: Path) -> None:
    plan = Plan(NAME, "us-east-1", 5, tmp_path)
    migration = plan.write()
    lines = [
        '{"at": 2.0, "first": 57, "last": 57, "failed": true}',
        '{"at": 1.0, "first": 50, "last": 59, "failed": true}',
    ]
    asked = {"logGroupName": f"{NAME}-order-item", "filterPattern": ANY}
    aws.answers("logs", "filter_log_events", {"events": [{"message": one} for one in lines]}, asked)
    names = {"Cluster Name": NAME, "Consumer Group": f"{NAME}-order-item"}
    names["Topic"] = f"{NAME}.shop.readings"
    wanted = dict.fromkeys(("StartTime", "EndTime", "Period", "Statistics"), ANY)
    wanted |= {"Namespace": "AWS/Kafka", "MetricName": "SumOffsetLag"}
    wanted["Dimensions"] = [{"Name": name, "Value": value} for name, value in names.items()]
    point = {"Timestamp": datetime.fromtimestamp(60, UTC), "Maximum": 43.0}
    aws.answers("cloudwatch", "get_metric_statistics", {"Datapoints": [point]}, wanted)
    # The other function has not been invoked.
    aws.answers("logs", "filter_log_events", {"events": []})
    found = order_seen(aws.client, migration)
    assert found["item"].deliveries == [
        Delivery(1.0, 50, 59, failed=True), Delivery(2.0, 57, 57, failed=True),
    ]  # fmt: skip
    assert found["item"].lags == [(60.0, 43.0)]
    assert not found["error"].deliveries
