"""Partitions too large for one invocation, and partitions that the source itself fails to read."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Producer

from sandbox.chain import Chain
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE large.t (a int, b int, v text, PRIMARY KEY (a, b))"
QUIET = "CREATE TABLE large.quiet (a int, b int, v text, PRIMARY KEY (a, b))"
"""The writes of this table bring no hints."""

SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
TOPIC = "hintferry.large.t"
INSERT = "INSERT INTO large.t (a, b, v) VALUES (?, ?, 'x') USING TIMESTAMP 1000"
WAIT_S = 250.0
MILLION, AT_ONCE = 1_000_000, 100


@dataclass(frozen=True, slots=True)
class Bench:
    """One table on both sides, and the chain between them."""

    source: Any
    behind: Any
    chain: Chain
    stack: Stack

    def fill(self, session: Any, partition: int, rows: int) -> None:
        insert = session.prepare(INSERT)
        arguments = ((partition, row) for row in range(rows))
        execute_concurrent_with_args(session, insert, arguments, concurrency=50)

    def hint(self, partition: int, table: str = "t") -> None:
        key = b64encode(partition.to_bytes(4)).decode()
        value = {"hint": 1, "scope": "partition", "keyspace": "large", "table": table, "pk": [key]}
        producer = Producer({"bootstrap.servers": self.stack.kafka})
        producer.produce(TOPIC, json.dumps(value | {"ck": None}).encode())
        assert producer.flush(10) == 0

    def wait_until_empty(self, partition: int) -> None:
        end = time.monotonic() + WAIT_S
        query = f"SELECT b FROM large.t WHERE a = {partition} LIMIT 1"
        while list(self.behind.execute(query, timeout=30)):
            if time.monotonic() > end:
                pytest.fail(
                    f"rows are left: {self.chain.last_error} {self.chain.replay.last_error}"
                )
            time.sleep(0.5)

    def wait_until_equal(self, partition: int, within_s: float) -> None:
        query = f"SELECT b, v FROM large.t WHERE a = {partition}"
        end = time.monotonic() + within_s
        while list(self.source.execute(query)) != list(self.behind.execute(query)):
            if time.monotonic() > end:
                pytest.fail(f"not equal in {within_s:.0f} s: {self.chain.last_error}")
            time.sleep(0.5)

    def parked(self) -> dict[str, Any]:
        sqs, url = client(self.stack.aws, "sqs"), self.stack.aws.parked_queue_url
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                body: dict[str, Any] = json.loads(message["Body"])
                return body
        pytest.fail(f"nothing was parked: {self.chain.last_error}")


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE large WITH replication = "
    stack.create_tables(keyspace + stack.replication, f"{TABLE} WITH cdc = true", QUIET)
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    target_tables = [single, f"{TABLE} WITH {SWITCHES}", f"{QUIET} WITH {SWITCHES}"]
    create_keyspaces_tables(stack.target, "large", target_tables)
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(
            stack, ["large.t"], tmp_path_factory.mktemp("large"), timeout_s=9, concurrency=1
        ) as chain,
    ):
        yield Bench(source, behind, chain, stack)


def test_a_partition_too_large_for_one_invocation_is_finished_by_continuations(
    bench: Bench,
) -> None:
    bench.fill(bench.behind, 1, 200_000)
    before = bench.chain.replay.invocations
    bench.hint(1)
    bench.wait_until_empty(1)
    assert bench.chain.replay.invocations > before, "no continuation was needed: enlarge the test"
    assert _peak_mb() < 250


@pytest.mark.soak
def test_a_partition_full_of_graves_is_cut_by_the_targets_rows(bench: Bench) -> None:
    """The source refuses to read past 100,000 tombstones; the target still has those rows."""
    bench.fill(bench.behind, 2, 110_000)
    delete = bench.source.prepare("DELETE FROM large.t WHERE a = 2 AND b = ?")
    rows = ((row,) for row in range(110_000))
    execute_concurrent_with_args(bench.source, delete, rows, concurrency=200)
    bench.hint(2)
    bench.wait_until_empty(2)
    # The second look finds no rows on the target to cut by: it is for a person to compact.
    assert bench.parked()["reason"] == "stuck"


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_partition_of_a_million_rows_is_compared_with_flat_memory(bench: Bench) -> None:
    """Ten of its rows are missing on the target, and ten are there that the source lacks."""
    _fill_quietly(bench.source, range(MILLION))
    _fill_quietly(bench.behind, range(10, MILLION + 10))
    bench.hint(5, "quiet")
    end = time.monotonic() + 4 * WAIT_S
    edges = (
        "SELECT b FROM large.quiet WHERE a = 5 AND b < 10",
        f"SELECT b FROM large.quiet WHERE a = 5 AND b >= {MILLION}",
    )
    while [len(list(bench.behind.execute(edge))) for edge in edges] != [10, 0]:
        assert time.monotonic() < end, f"{bench.chain.last_error} {bench.chain.replay.last_error}"
        time.sleep(0.5)
    print(f"a million rows: {_peak_mb()} MB, {bench.chain.replay.invocations} continuations")
    assert _peak_mb() < 250


def _fill_quietly(session: Any, rows: range) -> None:
    insert = session.prepare(
        "BEGIN UNLOGGED BATCH"
        + " INSERT INTO large.quiet (a, b, v) VALUES (5, ?, 'x') USING TIMESTAMP 1000;" * AT_ONCE
        + " APPLY BATCH"
    )
    batches = (tuple(rows[first : first + AT_ONCE]) for first in range(0, len(rows), AT_ONCE))
    execute_concurrent_with_args(session, insert, batches, concurrency=20)


def _peak_mb() -> int:
    """The largest resident size that a function's process has had."""
    functions = [
        child
        for child in psutil.Process().children(recursive=True)
        if "awslambdaric" in child.cmdline()
    ]
    statuses = [Path(f"/proc/{child.pid}/status").read_text() for child in functions]
    return max(int(status.partition("VmHWM:")[2].split()[0]) // 1024 for status in statuses)


def test_a_row_over_a_megabyte_is_parked_and_its_neighbours_are_not(bench: Bench) -> None:
    """Refused by the target for what it is; rows that shared its request are written."""
    insert = bench.source.prepare("INSERT INTO large.t (a, b, v) VALUES (3, ?, ?)")
    for row in range(5):
        bench.source.execute(insert, (row, "x" * (1_200_000 if row == 2 else 10)))
    parked = bench.parked()
    assert parked["reason"] == "unrepresentable"
    assert parked["table"] == "large.t"
    end = time.monotonic() + WAIT_S
    while (
        rows := sorted(row.b for row in bench.behind.execute("SELECT b FROM large.t WHERE a = 3"))
    ) != [0, 1, 3, 4]:
        assert time.monotonic() < end, f"{rows}: {bench.chain.last_error}"
        time.sleep(0.2)


def test_a_queue_of_fifty_thousand_rows_keeps_up(bench: Bench) -> None:
    """Rows go in at one end and range deletes take them at the other: only slices are compared."""
    bench.fill(bench.source, 4, 50_000)
    bench.wait_until_equal(4, 120.0)
    began = time.monotonic()
    for step in range(40):
        for row in range(10):
            bench.source.execute(
                f"INSERT INTO large.t (a, b, v) VALUES (4, {50_000 + 10 * step + row}, 'x')"
            )
        bench.source.execute(f"DELETE FROM large.t WHERE a = 4 AND b < {10 * step}")
    bench.wait_until_equal(4, 20.0)
    print(f"440 writes and range deletes followed in {time.monotonic() - began:.1f} s")
