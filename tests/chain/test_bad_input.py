"""Records that cannot succeed, put on the topic beside good ones: parked, named, nothing stops."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from confluent_kafka import Producer

from sandbox.chain import Chain
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE bad_input.t (a int, b int, v text, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
TOPIC = "hintferry.bad_input-t"
WAIT_S = 120.0


def b64(value: bytes) -> str:
    return b64encode(value).decode()


def hint(**changes: Any) -> dict[str, Any]:
    one = b64((1).to_bytes(4))
    record = {"hint": 1, "scope": "row", "op": "u", "keyspace": "bad_input", "table": "t"}
    return record | {"pk": [one], "ck": [one], "start": None, "end": None} | changes


@dataclass(frozen=True, slots=True)
class Bench:
    """A chain over one table, a producer to its topic, and what it parks."""

    source: Any
    behind: Any
    chain: Chain
    producer: Producer
    sqs: Any
    s3: Any
    stack: Stack

    def send(self, value: bytes | None, key: bytes | None = b"k") -> None:
        self.producer.produce(TOPIC, value=value, key=key, partition=0)
        assert self.producer.flush(10) == 0

    def parked(self, expected: int) -> list[dict[str, Any]]:
        """The messages in the parked queue, taken out of it, as soon as there are that many."""
        messages: list[dict[str, Any]] = []
        end = time.monotonic() + WAIT_S
        while len(messages) < expected and time.monotonic() < end:
            messages += self.parked_now()
        return messages

    def parked_now(self) -> list[dict[str, Any]]:
        """The messages that lie in the parked queue at this moment, taken out of it."""
        url = self.stack.aws.parked_queue_url
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def shows_row_two(self) -> None:
        """The target shows row (2, 2)."""
        end = time.monotonic() + WAIT_S
        query = "SELECT v FROM bad_input.t WHERE a = 2 AND b = 2"
        while not list(self.behind.execute(query)):
            assert time.monotonic() < end, self.chain.last_error
            time.sleep(0.05)

    def the_stream_goes_on(self) -> None:
        """A good record behind the bad one is applied."""
        mark = str(time.monotonic_ns())
        self.source.execute(f"INSERT INTO bad_input.t (a, b, v) VALUES (1, 1, '{mark}')")
        self.send(json.dumps(hint()).encode())
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            rows = list(self.behind.execute("SELECT v FROM bad_input.t WHERE a = 1 AND b = 1"))
            if rows and rows[0].v == mark:
                return
            time.sleep(0.05)
        pytest.fail(f"the record behind was not applied: {self.chain.last_error}")


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE bad_input WITH replication = "
    stack.create_tables(keyspace + stack.replication, f"{TABLE} WITH cdc = true")
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "bad_input", [single, f"{TABLE} WITH {SWITCHES}"])
    account = {
        "endpoint_url": stack.aws.url,
        "region_name": stack.aws.region,
        "aws_access_key_id": stack.aws.access_key_id,
        "aws_secret_access_key": stack.aws.secret_access_key,
    }
    producer = Producer({"bootstrap.servers": stack.kafka, "message.max.bytes": 4_000_000})
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, ["bad_input.t"], tmp_path_factory.mktemp("bad-input")) as chain,
    ):
        sqs, s3 = boto3.client("sqs", **account), boto3.client("s3", **account)
        yield Bench(source, behind, chain, producer, sqs, s3, stack)


UNDECODABLE = {
    "truncated JSON": b'{"hint": 1, "scope": "ro',
    "not an object": b"[1, 2]",
    "not UTF-8": b"\xff\xfe\x00",
    "neither a hint nor Debezium's": b'{"op": "x"}',
    "an unknown version": json.dumps(hint(hint=2)).encode(),
    "an unknown scope": json.dumps(hint(scope="cell")).encode(),
    "a missing field": json.dumps({"hint": 1, "keyspace": "bad_input", "table": "t"}).encode(),
    "too few key components": json.dumps(hint(ck=[])).encode(),
    "too many key components": json.dumps(hint(pk=[b64(b"1234"), b64(b"1234")])).encode(),
    "a null key component": json.dumps(hint(pk=[None])).encode(),
    "a key component of the wrong size": json.dumps(hint(pk=[b64(b"123")])).encode(),
    "a key component that is not base64": json.dumps(hint(pk=["%"])).encode(),
    "an unknown scope of a megabyte": json.dumps(hint(scope="x" * 1_200_000)).encode(),
    "a value over a megabyte": b'{"hint": 1, "filler": "' + b"x" * 1_200_000,
}


@pytest.mark.parametrize("what", UNDECODABLE)
def test_an_undecodable_record_is_parked_whole_and_the_next_is_applied(
    what: str, bench: Bench
) -> None:
    bench.send(UNDECODABLE[what])
    (message,) = bench.parked(1)
    assert message["reason"] == "undecodable"
    assert message["error"]
    assert message["record"]["topic"] == TOPIC
    record = message["record"]
    if "object" in message:
        stored = bench.s3.get_object(
            Bucket=message["object"]["bucket"], Key=message["object"]["key"]
        )
        record = json.loads(stored["Body"].read())["record"]
    assert b64decode(record["value"]) == UNDECODABLE[what]
    assert b64decode(record["key"]) == b"k"
    bench.the_stream_goes_on()


def test_a_record_near_the_topics_limit_goes_to_the_bucket(bench: Bench) -> None:
    value = b"{" + b"x" * 3_900_000
    bench.send(value)
    (message,) = bench.parked(1)
    stored = bench.s3.get_object(Bucket=message["object"]["bucket"], Key=message["object"]["key"])
    assert b64decode(json.loads(stored["Body"].read())["record"]["value"]) == value
    bench.the_stream_goes_on()


@pytest.mark.parametrize(("keyspace", "table"), [("nowhere", "t"), ("bad_input", "nothing")])
def test_a_record_of_an_unknown_table_is_parked(keyspace: str, table: str, bench: Bench) -> None:
    bench.send(json.dumps(hint(keyspace=keyspace, table=table)).encode())
    (message,) = bench.parked(1)
    assert message["reason"] == "unknown_table"
    assert f"{keyspace}.{table}" in message["error"]
    bench.the_stream_goes_on()


@pytest.mark.parametrize("key", [None, b"", b"k"])
@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_value_is_skipped(
    key: bytes | None, value: bytes | None, bench: Bench
) -> None:
    bench.send(value, key)
    bench.the_stream_goes_on()
    assert bench.parked_now() == []


def test_a_record_without_key_is_applied(bench: Bench) -> None:
    bench.source.execute("INSERT INTO bad_input.t (a, b, v) VALUES (2, 2, 'no key')")
    bench.shows_row_two()
    # Only the hint without a key can bring it back.
    bench.behind.execute("DELETE FROM bad_input.t WHERE a = 2 AND b = 2")
    two = b64((2).to_bytes(4))
    bench.send(json.dumps(hint(pk=[two], ck=[two])).encode(), None)
    bench.shows_row_two()
    assert bench.parked_now() == []


def test_a_poison_row_does_not_hold_its_neighbours(bench: Bench) -> None:
    """An empty partition key is refused by the source, and only its own record is parked."""
    bench.send(json.dumps(hint(pk=[""])).encode())
    bench.the_stream_goes_on()
    (message,) = bench.parked(1)
    assert message["reason"] == "unrepresentable"
    assert message["hint"]["pk"] == [""]
    assert "value" not in message["record"]
