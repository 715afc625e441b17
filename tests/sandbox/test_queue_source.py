"""The event source of a queue: what it hands over, what an answer means, and what kills it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.parts.endpoints import AwsEndpoint
from sandbox.parts.waiting import until
from sandbox.services import queue_source
from sandbox.services.event_source import EventSourceError
from sandbox.services.event_source.batch import PAYLOAD_LIMIT_BYTES
from sandbox.services.lambda_runtime import Invocation
from sandbox.services.queue_source import QueueSource, client

pytestmark = pytest.mark.slow

DRAIN_S = 120.0
Handler = Callable[[dict[str, Any]], object]


class Function:
    """Keeps every event; answers with the JSON of what `answer` gives, or with its bytes."""

    def __init__(self, answer: Handler = lambda event: None) -> None:
        self.answer = answer
        self.sizes: list[int] = []
        self.events: list[dict[str, Any]] = []

    def invoke(self, event: bytes) -> Invocation:
        self.sizes.append(len(event))
        self.events.append(json.loads(event))
        answer = self.answer(self.events[-1])
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return Invocation(payload, None, "", 0.0, False)

    @property
    def bodies(self) -> list[list[str]]:
        return [[one["body"] for one in event["Records"]] for event in self.events]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is left without waiting for the end of a long poll."""
    monkeypatch.setattr(queue_source, "_LONG_POLL_S", 0)


@pytest.fixture
def queue(endpoint: AwsEndpoint) -> Iterator[str]:
    """The URL of an empty queue whose messages come again at once."""
    sqs = client(endpoint, "sqs")
    made = sqs.create_queue(QueueName="queue-source", Attributes={"VisibilityTimeout": "0"})
    url = made["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def send(endpoint: AwsEndpoint, queue: str, *bodies: str) -> None:
    for body in bodies:
        client(endpoint, "sqs").send_message(QueueUrl=queue, MessageBody=body)


def failures(*identifiers: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


def test_ten_messages_over_6_mb_in_all_go_in_several_payloads(
    endpoint: AwsEndpoint, queue: str
) -> None:
    bodies = [f"{number}".ljust(700_000, "x") for number in range(10)]
    send(endpoint, queue, *bodies)
    function = Function()
    with QueueSource(endpoint, queue, function) as source:
        assert source.drain(DRAIN_S), source.last_error
    assert sorted(body for event in function.bodies for body in event) == bodies
    assert max(function.sizes) <= PAYLOAD_LIMIT_BYTES
    assert len(function.events[0]["Records"]) == 8


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"{}", b'{"batchItemFailures": null}', b'{"batchItemFailures": []}']
)
def test_an_answer_that_names_nothing_is_a_success(
    answer: bytes, endpoint: AwsEndpoint, queue: str
) -> None:
    send(endpoint, queue, "a", "b")
    with QueueSource(endpoint, queue, Function(lambda event: answer)) as source:
        assert source.drain(DRAIN_S)
        assert source.last_error is None


def test_only_the_named_message_comes_again(endpoint: AwsEndpoint, queue: str) -> None:
    send(endpoint, queue, "good", "bad")
    seen: list[str] = []

    def once(event: dict[str, Any]) -> object:
        again = "bad" in seen
        seen.extend(one["body"] for one in event["Records"])
        bad = [one["messageId"] for one in event["Records"] if one["body"] == "bad"]
        return failures() if again else failures(*bad)

    with QueueSource(endpoint, queue, Function(once)) as source:
        assert source.drain(DRAIN_S)
    assert sorted(seen) == ["bad", "bad", "good"]


@pytest.mark.parametrize(
    "answer",
    [
        b"not JSON",
        b'"done"',
        b'{"batchItemFailures": "all"}',
        b'{"batchItemFailures": [{}]}',
        b'{"batchItemFailures": [{"messageId": "1"}]}',
        b'{"batchItemFailures": ["1"]}',
        failures(None),
        failures(""),
        failures("a stranger's"),
        failures({"partition": "t-0", "offset": 1}),
    ],
)
def test_a_malformed_answer_is_a_failure_of_all(
    answer: object, endpoint: AwsEndpoint, queue: str
) -> None:
    send(endpoint, queue, "a", "b")
    function = Function()
    function.answer = lambda event: answer if len(function.events) == 1 else None
    with QueueSource(endpoint, queue, function) as source:
        assert source.drain(DRAIN_S)
        assert source.last_error is not None
        assert source.last_error.startswith("not a partial batch response")
    first, *later = function.bodies
    assert sorted(body for event in later for body in event if body in first) == sorted(first)


def test_a_server_that_is_away_is_waited_for(endpoint: AwsEndpoint, queue: str) -> None:
    away = replace(endpoint, url="http://127.0.0.1:9")
    with QueueSource(away, "http://127.0.0.1:9/queue", Function()) as source:
        until(lambda: source.last_error is not None, 60, "the error is kept")


def test_a_death_of_the_thread_is_raised_by_drain_and_on_exit(
    endpoint: AwsEndpoint, queue: str
) -> None:
    def broken(event: dict[str, Any]) -> object:
        raise LookupError("a defect of ours")

    send(endpoint, queue, "a")
    source = QueueSource(endpoint, queue, Function(broken)).__enter__()
    with pytest.raises(EventSourceError, match="queue-source died") as raised:
        source.drain(DRAIN_S)
    assert isinstance(raised.value.__cause__, LookupError)
    with pytest.raises(EventSourceError):
        source.__exit__(None, None, None)
