"""Redrive of the parked queue, as the service does it: with a destination, never by guessing."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.parts.endpoints import AwsEndpoint
from sandbox.parts.waiting import until

pytestmark = pytest.mark.slow

PARKED = "moves-parked"
REPLAY = "moves-replay"


@pytest.fixture
def sqs(endpoint: AwsEndpoint) -> Iterator[Any]:
    """A client, and a pair of queues like those of the pipeline."""
    client = boto3.client(
        "sqs",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key_id,
        aws_secret_access_key=endpoint.secret_access_key,
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


def start(sqs: Any, source: str, **more: Any) -> str:
    """Start a move task to the replay queue; gives its handle."""
    task = sqs.start_message_move_task(SourceArn=source, DestinationArn=arn(sqs, REPLAY), **more)
    return str(task["TaskHandle"])


def latest(sqs: Any, source: str) -> dict[str, Any]:
    """Return what the list says of the latest task."""
    task: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=source)["Results"][0]
    return task


def moved(sqs: Any, source: str, **destination: str) -> dict[str, Any]:
    """Start a move task and wait for its end; give back what the list says of it."""
    sqs.start_message_move_task(SourceArn=source, **destination)
    until(lambda: latest(sqs, source)["Status"] != "RUNNING", 60, "the move has ended")
    return latest(sqs, source)


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


def test_a_message_that_was_moved_to_a_queue_finds_back_to_it(sqs: Any) -> None:
    """Parked by the function, sent back by a person, dead again: its source is known now."""
    sqs.send_message(QueueUrl=url(sqs, PARKED), MessageBody="poison")
    moved(sqs, arn(sqs, PARKED), DestinationArn=arn(sqs, REPLAY))
    assert received(sqs, REPLAY) == ["poison"]
    assert received(sqs, REPLAY, seconds=0) == []  # the second receipt moves it
    assert moved(sqs, arn(sqs, PARKED))["Status"] == "COMPLETED"
    assert received(sqs, REPLAY) == ["poison"]


def test_a_move_keeps_to_its_rate_and_is_the_only_one(sqs: Any) -> None:
    source, began = send_many(sqs, 4), time.monotonic()
    start(sqs, source, MaxNumberOfMessagesPerSecond=4)
    with pytest.raises(ClientError, match="already a task running"):
        start(sqs, source)
    until(lambda: latest(sqs, source)["Status"] == "COMPLETED", 60, "the move has ended")
    assert time.monotonic() - began >= 0.9
    task = latest(sqs, source)
    assert "TaskHandle" not in task
    assert task["MaxNumberOfMessagesPerSecond"] == 4
    assert (
        task["ApproximateNumberOfMessagesMoved"] == task["ApproximateNumberOfMessagesToMove"] == 4
    )


def test_a_move_that_is_cancelled_leaves_the_rest(sqs: Any) -> None:
    source = send_many(sqs, 20)
    handle = start(sqs, source, MaxNumberOfMessagesPerSecond=5)
    assert latest(sqs, source)["TaskHandle"] == handle
    until(lambda: latest(sqs, source)["ApproximateNumberOfMessagesMoved"] > 1, 60, "it moves")
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] > 1
    until(lambda: latest(sqs, source)["Status"] == "CANCELLED", 60, "the move is cancelled")
    counts = [waiting(sqs, name) for name in (PARKED, REPLAY)]
    assert sum(counts) == 20
    assert min(counts) > 0
    with pytest.raises(ClientError, match="Task does not exist"):
        sqs.cancel_message_move_task(TaskHandle=handle)
    assert moved(sqs, source, DestinationArn=arn(sqs, REPLAY))["Status"] == "COMPLETED"
    assert waiting(sqs, REPLAY) == 20


def send_many(sqs: Any, count: int) -> str:
    """Send messages to the parked queue; gives its ARN."""
    for number in range(count):
        sqs.send_message(QueueUrl=url(sqs, PARKED), MessageBody=str(number))
    return arn(sqs, PARKED)


def waiting(sqs: Any, name: str) -> int:
    count = "ApproximateNumberOfMessages"
    answer = sqs.get_queue_attributes(QueueUrl=url(sqs, name), AttributeNames=[count])
    return int(answer["Attributes"][count])


def test_a_queue_that_is_nobodys_dead_letter_queue_cannot_be_moved(sqs: Any) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn(sqs, REPLAY))
