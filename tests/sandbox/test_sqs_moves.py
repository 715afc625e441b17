"""Redrive of the parked queue, as the service does it: with a destination, never by guessing."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.stack import Stack
from sandbox.waiting import until

pytestmark = pytest.mark.stack


PARKED = "moves-parked"
REPLAY = "moves-replay"


@pytest.fixture
def sqs(stack: Stack) -> Iterator[Any]:
    """A client, and a pair of queues like those of the pipeline."""
    client = boto3.client(
        "sqs",
        endpoint_url=stack.aws.url,
        region_name=stack.aws.region,
        aws_access_key_id=stack.aws.access_key_id,
        aws_secret_access_key=stack.aws.secret_access_key,
    )
    client.create_queue(QueueName=PARKED)
    redrive = {"deadLetterTargetArn": arn(client, PARKED), "maxReceiveCount": "1"}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
    client.create_queue(QueueName=REPLAY, Attributes=attributes)
    yield client
    for name in (PARKED, REPLAY):
        client.delete_queue(QueueUrl=url(client, name))
    client.close()


def url(sqs: Any, name: str) -> str:
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def arn(sqs: Any, name: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=url(sqs, name), AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


def received(sqs: Any, name: str, seconds: int = 2) -> list[str]:
    got = sqs.receive_message(QueueUrl=url(sqs, name), WaitTimeSeconds=seconds)
    return [message["Body"] for message in got.get("Messages", [])]


def moved(sqs: Any, source: str, **destination: str) -> dict[str, Any]:
    """Start a move task and wait for its end; give back what the list says of it."""
    sqs.start_message_move_task(SourceArn=source, **destination)

    def task() -> dict[str, Any]:
        last: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=source)["Results"][0]
        return last

    until(lambda: task()["Status"] != "RUNNING", 10, "the move has ended")
    return task()


def test_parked_messages_go_to_the_replay_queue_when_it_is_named(sqs: Any) -> None:
    sqs.send_message(QueueUrl=url(sqs, PARKED), MessageBody="poison")
    task = moved(sqs, arn(sqs, PARKED), DestinationArn=arn(sqs, REPLAY))
    assert task["Status"] == "COMPLETED"
    assert received(sqs, REPLAY) == ["poison"]


def test_a_message_that_came_from_the_replay_queue_finds_back(sqs: Any) -> None:
    sqs.send_message(QueueUrl=url(sqs, REPLAY), MessageBody="tired")
    assert received(sqs, REPLAY) == ["tired"]
    assert received(sqs, REPLAY, seconds=0) == []  # the second receipt moves it
    task = moved(sqs, arn(sqs, PARKED))
    assert task["Status"] == "COMPLETED"
    assert received(sqs, REPLAY) == ["tired"]


def test_a_move_without_destination_fails_for_messages_sent_straight_to_it(sqs: Any) -> None:
    sqs.send_message(QueueUrl=url(sqs, PARKED), MessageBody="poison")
    task = moved(sqs, arn(sqs, PARKED))
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    assert received(sqs, PARKED) == ["poison"]


def test_a_queue_that_is_nobodys_dead_letter_queue_cannot_be_moved(sqs: Any) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn(sqs, REPLAY))
