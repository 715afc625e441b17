"""The shipped processor under what the event source and its sandboxes do: partial failures by both
readings, frost between invocations, a timeout that leaves a zombie, and a batch that is split.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from keyspaces_local.faults import Fault, FaultAction, Operation
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.demo.statistics import Figures
from sandbox.parts.kafka import create_topics
from sandbox.services.event_source import EventSourceSettings, PartialRetry
from sandbox.services.lambda_runtime import OnTimeout
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from tests.machine import slowness

pytestmark = pytest.mark.stack

TABLES = {name: f"CREATE TABLE conduct.{name} (a int PRIMARY KEY, v int)" for name in ("t", "u")}
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
UNFED = "conduct.u"
"""The table's cdc is off: only the tests put hints on its topic."""
THROWING = Path(__file__).parent / "throwing"
WAIT_S = 120.0
KEYS = 40
MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    stack: Stack

    def wait_until_equal(self, table: str, chain: Chain) -> None:
        end = time.monotonic() + WAIT_S
        while differences := compare_table(self.source, self.behind, table).differences:
            if time.monotonic() > end:
                pytest.fail(f"{differences} {chain.last_error}")
            time.sleep(0.2)

    def write(self, table: str, value: int) -> None:
        """Every key once; some are deleted and come back with the next value."""
        for key in range(KEYS):
            if (key + value) % 7:
                self.source.execute(f"INSERT INTO {table} (a, v) VALUES ({key}, {value})")
            else:
                self.source.execute(f"DELETE FROM {table} WHERE a = {key}")

    def send(self, *values: bytes | None, key: bytes | None = b"k") -> None:
        """Put records on one partition of the topic of the table that is not captured."""
        producer = Producer({"bootstrap.servers": self.stack.kafka})
        for value in values:
            producer.produce(self.topic, value, key=key, partition=2)
        assert producer.flush(10) == 0

    def hint(self, numbers: range, key: bytes | None = b"k") -> None:
        """The same with the hints of rows."""
        record = {"hint": 1, "scope": "row", "op": "u", "keyspace": "conduct", "table": "u"}
        keys = [b64encode(number.to_bytes(4)).decode() for number in numbers]
        values = [record | {"pk": [one], "ck": [], "start": None, "end": None} for one in keys]
        self.send(*(json.dumps(value).encode() for value in values), key=key)

    @property
    def topic(self) -> str:
        return self.stack.topic(UNFED)


@pytest.fixture(scope="module")
def bench(stack: Stack) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE conduct WITH replication = "
    stack.create_tables(keyspace + stack.replication, f"{TABLES['t']} WITH cdc = true", TABLES["u"])
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    target_tables = [f"{table} WITH {SWITCHES}" for table in TABLES.values()]
    create_keyspaces_tables(stack.target, "conduct", [single, *target_tables])
    create_topics(stack.kafka, [stack.topic(UNFED)])
    with cassandra_session(stack.source) as source, cassandra_session(stack.behind) as behind:
        yield Bench(source, behind, stack)
        stack.keyspaces.control.reset()


def wait_for(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"after {WAIT_S:.0f} s it is still not so that {what}")
        time.sleep(0.05)


def function_states() -> set[str]:
    return {
        child.status()
        for child in psutil.Process().children(recursive=True)
        if "awslambdaric" in child.cmdline()
    }


@pytest.mark.parametrize("reading", PartialRetry)
def test_both_readings_of_a_partial_failure_end_equal_with_frozen_sandboxes(
    reading: PartialRetry, bench: Bench, tmp_path: Path
) -> None:
    control = bench.stack.keyspaces.control
    settings = EventSourceSettings(
        batch_size=500, window_s=0.0, concurrency=2, retry_backoff_cap_s=1.0, partial_retry=reading
    )
    with Chain(
        bench.stack, ["conduct.t"], tmp_path, settings=settings, freeze_when_idle=True
    ) as chain:
        bench.write("conduct.t", 0)
        bench.wait_until_equal("conduct.t", chain)
        refuse = Fault(
            FaultAction.REFUSE, share=0.5, table="conduct.t", operation=Operation.WRITE, seed=5
        )
        control.add_fault(refuse)
        # A slow machine takes more of the changes together, so that fewer writes can be refused.
        for value in range(1, MOST_ROUNDS):
            bench.write("conduct.t", value)
            if chain.counters.failed > 10:
                break
        wait_for(lambda: chain.counters.failed > 10, "hints were returned")
        control.clear_faults()
        bench.wait_until_equal("conduct.t", chain)
        assert chain.drain(WAIT_S), chain.last_error
        counters = chain.counters
        assert counters.invoke_errors < counters.invocations
        # What came again beside the failed: the readings are not the same run twice.
        besides = counters.invoked - counters.committed - counters.failed
        assert (besides > 0) is (reading is PartialRetry.FROM_FIRST_FAILED), counters
        wait_for(lambda: function_states() == {psutil.STATUS_STOPPED}, "all sandboxes are frozen")


def test_a_zombie_that_goes_on_after_its_timeout_spoils_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    """Frozen in mid-batch until Lambda gives it up, thawed when its successor is done.

    On a slow machine a cold start alone would take its time: it would be the one that is frozen.
    """
    control = bench.stack.keyspaces.control
    settings = EventSourceSettings(window_s=1.0, concurrency=1)
    ended: list[str] = []

    def on_line(line: str) -> None:
        if line.startswith("{") and json.loads(line).get("message") == "batch":
            ended.append(line)

    bench.write(UNFED, 1)
    with Chain(
        bench.stack, [UNFED], tmp_path, settings=settings,
        concurrency=1, timeout_s=8.0 * slowness(), on_timeout=OnTimeout.LEAVE, on_line=on_line,
    ) as chain:  # fmt: skip
        [sandbox] = chain.function.sandboxes
        control.add_fault(
            Fault(FaultAction.DELAY, table=UNFED, operation=Operation.WRITE, seconds=1.0)
        )
        bench.hint(range(KEYS))
        wait_for(lambda: control.faults()[0].met > 0, "the batch has begun to be written")
        sandbox.pause()
        control.clear_faults()
        assert not ended
        bench.write(UNFED, 2)
        wait_for(lambda: sandbox.zombies == 1, "the invocation has timed out")
        bench.hint(range(KEYS))
        bench.wait_until_equal(UNFED, chain)
        assert chain.drain(WAIT_S), chain.last_error
        before = len(ended)
        sandbox.resume()
        wait_for(lambda: len(ended) > before, "the zombie has come to its end")
        bench.wait_until_equal(UNFED, chain)
        assert compare_table(bench.source, bench.behind, UNFED).differences == ()


def test_records_of_which_the_event_shows_no_key_or_value_are_no_hindrance(
    bench: Bench, tmp_path: Path
) -> None:
    """As null they are in `test_bad_input.py`."""
    figures = Figures()
    settings = EventSourceSettings(batch_size=500, window_s=0.0, concurrency=2, omit_null=True)
    bench.write(UNFED, 4)
    for key in (None, b"k"):
        bench.send(None, b"", key=key)
    bench.hint(range(KEYS), key=None)
    with Chain(bench.stack, [UNFED], tmp_path, settings=settings, on_line=figures.line) as chain:
        assert chain.drain(WAIT_S), chain.last_error
        bench.wait_until_equal(UNFED, chain)
        wait_for(lambda: figures.totals.hints >= 4 + KEYS, "all was counted")
    assert (figures.totals.skipped, figures.totals.parked) == (4, 0)


def test_a_batch_that_throws_is_split_until_only_the_poison_is_given_up(
    bench: Bench, tmp_path: Path
) -> None:
    settings = EventSourceSettings(
        batch_size=500,
        window_s=0.5,
        concurrency=2,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=1,
    )
    bench.write(UNFED, 3)
    bench.hint(range(4))
    bench.hint(range(4, 5), key=b"poison")
    bench.hint(range(5, 8))
    with Chain(
        bench.stack, [UNFED], tmp_path,
        settings=settings, task_root=THROWING, on_failure=True,
    ) as chain:  # fmt: skip
        assert chain.drain(WAIT_S), chain.last_error
        counters = chain.counters
        [source] = chain.sources
    assert (counters.committed, counters.delivered, counters.dropped) == (8, 1, 0)
    [difference] = [
        one
        for one in compare_table(bench.source, bench.behind, UNFED).differences
        if int(one.key) < 8
    ]
    assert difference.key == "4"
    found = given_up(bench, source.uuid)
    event = json.loads(found.pop("payload"))
    [[record]] = event["records"].values()
    assert (b64decode(record["key"]), record["partition"]) == (b"poison", 2)
    context, batch = found["requestContext"], found["KafkaBatchInfo"]
    # 8, 4, 2 records, then the poison alone and its one retry.
    assert (context["condition"], context["approximateInvokeCount"]) == (
        "RetryAttemptsExhausted",
        5,
    )
    assert context["functionArn"].endswith(":function:processor")
    assert re.fullmatch(r"[0-9a-f-]{36}", context["requestId"])
    assert found["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert batch["batchSize"] == 1
    assert batch["bootstrapServers"] == bench.stack.kafka
    assert batch["eventSourceArn"] == event["eventSourceArn"]
    [(place, span)] = batch["recordsInfo"].items()
    assert place == f"{bench.topic}-2"
    assert span["firstRecordOffset"] == span["lastRecordOffset"] == str(record["offset"])
    moment = datetime.fromisoformat(span["firstRecordTimestamp"])
    assert round(moment.timestamp() * 1000) == record["timestamp"]
    assert found.keys() == {
        "requestContext", "responseContext", "version", "timestamp", "KafkaBatchInfo",
    }  # fmt: skip


def given_up(bench: Bench, mapping: str) -> dict[str, Any]:
    """The only object that the event source `mapping` has left in the bucket."""
    s3, bucket = client(bench.stack.aws, "s3"), bench.stack.aws.bucket
    prefix = f"aws/lambda/{mapping}/{bench.topic}-2/"
    [object_] = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    found: dict[str, Any] = json.loads(
        s3.get_object(Bucket=bucket, Key=object_["Key"])["Body"].read()
    )
    return found
