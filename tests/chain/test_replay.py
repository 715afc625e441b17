"""The replay queue on the real chain: second looks, continuations, and what a person sends back."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.target.agreement import ASK_AGAIN_S
from hintferry.core.limits import REPLAY_RETRY
from keyspaces_local.faults import Fault, FaultAction, Operation
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.parts.waiting import until
from sandbox.services.event_source.batch import Batch, EventFrame
from sandbox.services.event_source.discard import Discard, DiscardReason
from sandbox.services.event_source.on_failure import InvocationRecords, object_key
from sandbox.services.event_source.records import PolledRecord
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables, keyspaces_session
from sandbox.stack import Stack
from tools import places

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE replayed.t (a int, b int, v text, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    keyspaces: Any
    chain: Chain
    sqs: Any
    s3: Any
    stack: Stack
    folder: Path

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.stack.aws.replay_queue_url, MessageBody=text)

    def wait_until_equal(self, within_s: float = WAIT_S) -> None:
        end = time.monotonic() + within_s
        while differences := compare_table(self.source, self.behind, "replayed.t").differences:
            if time.monotonic() > end:
                pytest.fail(f"{differences} {self.chain.last_error} {self.chain.replay.last_error}")
            time.sleep(0.1)

    def parked(self, *, take: bool) -> list[dict[str, Any]]:
        """This keyspace's messages in the parked queue; they stay unless they are taken."""
        url = self.stack.aws.parked_queue_url
        found: list[dict[str, Any]] = []
        seen: list[str] = []
        while messages := self._receive(url):
            for message in messages:
                body = json.loads(message["Body"])
                is_ours = (body.get("table") or "replayed.").startswith("replayed.")
                if is_ours:
                    found.append(body)
                if is_ours and take:
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                else:
                    seen.append(message["ReceiptHandle"])
        for handle in seen:
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
            )
        return found

    def wait_until_parked(self, *, take: bool) -> dict[str, Any]:
        """The one message of this keyspace that is parked."""
        end = time.monotonic() + WAIT_S
        while not (messages := self.parked(take=take)):
            if time.monotonic() > end:
                pytest.fail(f"nothing was parked: {self.chain.replay.last_error}")
            time.sleep(0.2)
        (message,) = messages
        return message

    def wait_until_idle(self) -> None:
        """Until nothing is in the replay queue but second looks, which are delayed messages."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def is_idle() -> bool:
            answer = self.sqs.get_queue_attributes(
                QueueUrl=self.stack.aws.replay_queue_url, AttributeNames=names
            )
            return not any(map(int, answer["Attributes"].values()))

        until(is_idle, WAIT_S, f"the queue is idle ({self.chain.replay.last_error})")

    def hintferry(self, *arguments: str) -> dict[str, Any]:
        """Return what the command, run as an operator runs it, answers."""
        environment = processor_environment(self.stack, self.folder)
        done = subprocess.run(
            tied(str(places.COMMAND), "replay", "--json", *arguments),
            env=environment | {"AWS_DEFAULT_REGION": self.stack.aws.region},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def redrive(self) -> None:
        """*Start DLQ redrive* of the console, with the replay queue as custom destination."""
        arns = [
            self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            for url in (self.stack.aws.parked_queue_url, self.stack.aws.replay_queue_url)
        ]
        parked, replay = (answer["Attributes"]["QueueArn"] for answer in arns)
        self.sqs.start_message_move_task(SourceArn=parked, DestinationArn=replay)

        def is_done() -> bool:
            (task,) = self.sqs.list_message_move_tasks(SourceArn=parked)["Results"]
            return bool(task["Status"] == "COMPLETED")

        until(is_done, WAIT_S, "the redrive is complete")

    def _receive(self, url: str) -> list[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60
        )
        messages: list[Any] = answer.get("Messages", [])
        return messages


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A chain whose topics nobody feeds: cdc is off, so only the replay queue brings hints."""
    keyspace = "CREATE KEYSPACE replayed WITH replication = "
    stack.create_tables(keyspace + stack.replication, TABLE)
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "replayed", [single, f"{TABLE} WITH {SWITCHES}"])
    folder = tmp_path_factory.mktemp("replay")
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        keyspaces_session(stack.target) as keyspaces,
        Chain(stack, [], folder) as chain,
    ):
        sqs, s3 = client(stack.aws, "sqs"), client(stack.aws, "s3")
        yield Bench(source, behind, keyspaces, chain, sqs, s3, stack, folder / "command")


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
    """After the decoder was fixed, for example: the record itself lies in the message."""
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
    bench.wait_until_idle()


def test_a_message_whose_record_lies_in_the_bucket_is_replayed(bench: Bench) -> None:
    """As a record of more than a megabyte does, once the decoder can read it."""
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 60, 'stored')")
    value = json.dumps(hint(ck=[b64(60)], filler="x" * 1_200_000)).encode()
    record = {"topic": "hintferry.replayed.t", "partition": 0, "offset": 8, "key": None}
    whole = {"version": 1, "record": record | {"value": b64encode(value).decode()}}
    place = {"Bucket": bench.stack.aws.bucket, "Key": "parked/hintferry.replayed.t/0/8-x.json"}
    bench.s3.put_object(**place, Body=json.dumps(whole).encode())
    named = {"bucket": place["Bucket"], "key": place["Key"]}
    bench.send({"version": 1, "reason": "undecodable", "record": record, "object": named})
    bench.wait_until_equal()


def test_a_message_whose_object_is_gone_is_parked_and_holds_no_other(bench: Bench) -> None:
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 61, 'neighbour')")
    gone = {"bucket": bench.stack.aws.bucket, "key": "parked/none.json"}
    bench.send({"version": 1, "reason": "undecodable", "object": gone})
    bench.send({"version": 1, "reason": "stuck", "hint": hint(ck=[b64(61)])})
    bench.wait_until_equal()
    message = bench.wait_until_parked(take=True)
    assert message["reason"] == "undecodable"
    assert "parked/none.json" in message["error"]
    assert message["object"] == gone


def test_replaying_twice_or_late_changes_nothing(bench: Bench) -> None:
    """An old message is sent again and again while the application goes on writing its row."""
    message = {"version": 1, "reason": "stuck", "hint": hint(ck=[b64(70)])}
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 70, 'old')")
    bench.send(message)
    bench.wait_until_equal()
    for number in range(20):
        bench.source.execute(f"INSERT INTO replayed.t (a, b, v) VALUES (1, 70, 'new {number}')")
        bench.send(message)
        bench.send(message)
        time.sleep(0.05)
    bench.wait_until_equal()
    bench.source.execute("DELETE FROM replayed.t WHERE a = 1 AND b = 70")
    for _ in range(5):
        bench.send(message)
    bench.wait_until_equal()
    bench.wait_until_idle()
    bench.wait_until_equal()
    assert bench.parked(take=False) == []


def test_an_outage_of_the_target_parks_nothing_and_is_waited_out(bench: Bench) -> None:
    control = bench.stack.keyspaces.control
    control.add_fault(Fault(FaultAction.REFUSE, table="replayed.t", operation=Operation.WRITE))

    def refused() -> int:
        (count,) = control.faults()
        return count.fired

    try:
        bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 80, 'waits')")
        bench.send({"version": 1, "reason": "stuck", "hint": hint(ck=[b64(80)])})
        until(lambda: refused() > 0, WAIT_S, "a write is refused")
        began = time.monotonic()
        time.sleep(REPLAY_RETRY.first_s / 2)  # the attempts of one invocation take a second or two
        attempts = refused()
        until(lambda: refused() > attempts, REPLAY_RETRY.first_s + WAIT_S, "the message is back")
        assert time.monotonic() - began >= REPLAY_RETRY.first_s, "it was tried in a hurry"
        assert bench.parked(take=False) == []
    finally:
        control.clear_faults()
    bench.wait_until_equal(2 * REPLAY_RETRY.first_s + WAIT_S)
    bench.wait_until_idle()
    assert bench.parked(take=False) == []


Back = Callable[[Bench], object]
BACK: dict[str, tuple[str, Back]] = {
    "console": ("w", Bench.redrive),
    "hintferry": ("x", lambda bench: bench.hintferry("replayed.t")),
}


@pytest.mark.parametrize("way", BACK)
def test_a_parked_record_is_applied_after_the_fix_and_the_replay(way: str, bench: Bench) -> None:
    column, back = BACK[way]
    bench.source.execute(f"ALTER TABLE replayed.t ADD {column} int")
    bench.source.execute(f"INSERT INTO replayed.t (a, b, {column}) VALUES (1, 90, 1)")
    bench.send({"version": 1, "reason": "stuck", "hint": hint(ck=[b64(90)])})
    message = bench.wait_until_parked(take=False)
    assert message["reason"] == "schema"
    back(bench)
    # Not fixed yet: it is parked again, once, and nothing goes round.
    bench.wait_until_idle()
    assert bench.wait_until_parked(take=False)["reason"] == "schema"
    bench.keyspaces.execute(message["error"].partition("run: ")[2])
    time.sleep(ASK_AGAIN_S + 1)
    back(bench)
    bench.wait_until_equal()
    bench.wait_until_idle()
    assert bench.parked(take=False) == []


def test_what_the_event_source_gave_up_is_applied_by_hintferry_replay(bench: Bench) -> None:
    bench.source.execute("INSERT INTO replayed.t (a, b, v) VALUES (1, 95, 'given up')")
    topic = "hintferry.replayed.t"
    raw = {"topic": topic, "partition": 0, "offset": 3, "timestamp": 1}
    raw |= {"timestampType": "LOG_APPEND_TIME", "key": None, "headers": []}
    raw |= {"value": b64encode(json.dumps(hint(ck=[b64(95)])).encode()).decode()}
    batch = Batch((PolledRecord(0, 3, json.dumps(raw).encode(), 0.0),), epoch=1, invocations=9)
    discard, now = Discard(DiscardReason.RETRIES, batch), datetime.now(UTC)
    frame = EventFrame(topic, bench.stack.kafka, bench.stack.aws.region)
    key = object_key("uuid", topic, discard, now)
    bench.s3.put_object(
        Bucket=bench.stack.aws.bucket,
        Key=key,
        Body=InvocationRecords(frame, "arn").record(discard, now),
    )
    chosen = "replayed.t", "--reason", "given_up"
    assert bench.hintferry(*chosen, "--dry-run")["total"]["sent"] == 1
    assert bench.hintferry(*chosen)["total"]["sent"] == 1
    bench.wait_until_equal()
    assert bench.hintferry(*chosen)["total"]["sent"] == 0
