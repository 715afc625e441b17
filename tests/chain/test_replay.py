"""The replay queue on the real chain: second looks, continuations, and what a person sends back."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE replayed.t (a int, b int, v text, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    chain: Chain
    sqs: Any
    stack: Stack

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.stack.aws.replay_queue_url, MessageBody=text)

    def wait_until_equal(self) -> None:
        end = time.monotonic() + WAIT_S
        while differences := compare_table(self.source, self.behind, "replayed.t").differences:
            if time.monotonic() > end:
                pytest.fail(f"{differences} {self.chain.last_error} {self.chain.replay.last_error}")
            time.sleep(0.1)


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A chain whose topics nobody feeds: cdc is off, so only the replay queue brings hints."""
    keyspace = "CREATE KEYSPACE replayed WITH replication = "
    stack.create_tables(keyspace + stack.replication, TABLE)
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "replayed", [single, f"{TABLE} WITH {SWITCHES}"])
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, [], tmp_path_factory.mktemp("replay")) as chain,
    ):
        yield Bench(source, behind, chain, client(stack.aws, "sqs"), stack)


def b64(number: int) -> str:
    return b64encode(number.to_bytes(4)).decode()


def hint(**changes: Any) -> dict[str, Any]:
    record = {"hint": 1, "scope": "row", "keyspace": "replayed", "table": "t", "pk": [b64(1)]}
    return record | {"ck": [b64(1)], "start": None, "end": None, "statics": False} | changes


def test_a_hint_in_the_queue_is_applied(bench: Bench) -> None:
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 1, 'one')")
    bench.send({"version": 1, "reason": "unrepresentable", "hint": hint()})
    bench.wait_until_equal()


def test_a_continuation_compares_the_rest_of_a_slice(bench: Bench) -> None:
    for number in range(2, 20):
        bench.source.execute(f"INSERT INTO replayed.t (a, b, v) VALUES (1, {number}, 'x')")
    rest = {
        "scope": "slice",
        "ck": None,
        "start": {"values": [b64(1)], "inclusive": False},
        "end": {"values": [], "inclusive": True},
        "errand": "continuation",
    }
    bench.send({"version": 1, "reason": "continuation", "hint": hint(**rest)})
    bench.wait_until_equal()


def test_the_record_of_an_undecodable_message_is_taken_up_again(bench: Bench) -> None:
    """After the decoder was mended, say: the record itself lies in the message."""
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 50, 'late')")
    value = b64encode(json.dumps(hint(ck=[b64(50)])).encode()).decode()
    record = {"topic": "hintferry.replayed.t", "partition": 0, "offset": 7, "key": None}
    bench.send({"version": 1, "reason": "undecodable", "record": record | {"value": value}})
    bench.wait_until_equal()


def test_a_strangers_message_is_parked_and_leaves_the_queue(bench: Bench) -> None:
    bench.send("not ours")
    end = time.monotonic() + WAIT_S
    parked: list[Any] = []
    while not parked and time.monotonic() < end:
        answer = bench.sqs.receive_message(QueueUrl=bench.stack.aws.parked_queue_url)
        parked = answer.get("Messages", [])
    (message,) = parked
    bench.sqs.delete_message(
        QueueUrl=bench.stack.aws.parked_queue_url, ReceiptHandle=message["ReceiptHandle"]
    )
    assert json.loads(message["Body"])["reason"] == "undecodable"
    # The second look at the slice above waits in the queue too, as a delayed message.
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while time.monotonic() < end:
        url = bench.stack.aws.replay_queue_url
        answer = bench.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        if not any(map(int, answer["Attributes"].values())):
            return
        time.sleep(0.1)
    pytest.fail("the message is still in the queue")
