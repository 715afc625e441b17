"""Test what both sides' schemas may do while the chain runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hintferry.adapters.records.topics import table_of
from sandbox.chain import Chain
from sandbox.compare import compare_table
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables, keyspaces_session
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

WAIT_S = 120.0
BOTH = "'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}"
TIMESTAMPS = "'client_side_timestamps': {'status': 'enabled'}"
TABLES = {
    "grown": ("(a int PRIMARY KEY, v text)", f" WITH CUSTOM_PROPERTIES = {{{BOTH}}}"),
    "late": ("(a int PRIMARY KEY, v text)", f" WITH CUSTOM_PROPERTIES = {{{BOTH}}}"),
    "shrunk": ("(a int PRIMARY KEY, v text, w text)", f" WITH CUSTOM_PROPERTIES = {{{BOTH}}}"),
    "plain": ("(a int PRIMARY KEY, v text)", ""),
    "mortal": ("(a int PRIMARY KEY, v text)", f" WITH CUSTOM_PROPERTIES = {{{TIMESTAMPS}}}"),
    "doomed": (
        "(a int PRIMARY KEY, v text)",
        f" WITH CUSTOM_PROPERTIES = {{{BOTH}}} AND default_time_to_live = 100",
    ),
    "typed": ("(a int PRIMARY KEY, v frozen<pair>)", f" WITH CUSTOM_PROPERTIES = {{{BOTH}}}"),
    "absent": ("(a int PRIMARY KEY, v text)", None),
}


def topic_table(topic: str) -> str:
    return table_of(topic)


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    keyspaces: Any
    chain: Chain
    sqs: Any
    stack: Stack
    met: set[tuple[Any, ...]] = field(default_factory=set)
    """places of records whose message was met"""

    def wait_until_equal(self, table: str) -> None:
        end = time.monotonic() + WAIT_S
        while differences := compare_table(self.source, self.behind, f"drift.{table}").differences:
            if time.monotonic() > end:
                pytest.fail(f"{differences} {self.chain.last_error}")
            time.sleep(0.1)

    def parked(self, table: str) -> dict[str, Any]:
        """The next parked message, which must be of this table, taken out of the queue.

        What was met may come twice: a message whose sending was not answered in time is sent again,
        and so is a hint of a table that an earlier test was about.
        """
        url = self.stack.aws.parked_queue_url
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            answer = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                body: dict[str, Any] = json.loads(message["Body"])
                place = tuple(body["record"].values())
                if place in self.met:
                    continue
                is_late = body["table"] in {topic_table(topic) for topic, *_ in self.met}
                self.met.add(place)
                if body["table"] == f"drift.{table}":
                    return body
                assert is_late, body
        pytest.fail(f"nothing was parked: {self.chain.last_error}")

    def send_back(self, message: dict[str, Any]) -> None:
        url = self.stack.aws.replay_queue_url
        self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE drift WITH replication = "
    pair = "CREATE TYPE drift.pair (x int, y int)"
    source_tables = [
        f"CREATE TABLE drift.{name} {columns}" for name, (columns, _) in TABLES.items()
    ]
    target_tables = [
        f"CREATE TABLE drift.{name} {columns}{options}"
        for name, (columns, options) in TABLES.items()
        if options is not None
    ]
    stack.create_tables(
        keyspace + stack.replication, pair, *(f"{t} WITH cdc = true" for t in source_tables)
    )
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "drift", [single, pair, *target_tables])
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        keyspaces_session(stack.target) as keyspaces,
        Chain(stack, [f"drift.{t}" for t in TABLES], tmp_path_factory.mktemp("drift")) as chain,
    ):
        yield Bench(source, behind, keyspaces, chain, client(stack.aws, "sqs"), stack)


def test_a_column_added_to_the_target_first_is_filled_from_the_first_write(bench: Bench) -> None:
    bench.source.execute("INSERT INTO drift.grown (a, v) VALUES (1, 'v')")
    bench.wait_until_equal("grown")
    bench.keyspaces.execute("ALTER TABLE drift.grown ADD w list<int>")
    bench.source.execute("ALTER TABLE drift.grown ADD w list<int>")
    bench.source.execute("INSERT INTO drift.grown (a, v, w) VALUES (2, 'v', [1])")
    bench.source.execute("UPDATE drift.grown SET w = [2] WHERE a = 1")
    bench.wait_until_equal("grown")


def test_a_type_made_while_running_arrives_with_its_first_column(bench: Bench) -> None:
    for session in (bench.keyspaces, bench.source):
        session.execute("CREATE TYPE drift.triple (x int, y int, z int)")
        session.execute("ALTER TABLE drift.grown ADD t frozen<triple>")
    bench.source.execute("INSERT INTO drift.grown (a, v, t) VALUES (3, 'v', {x: 1, y: 2, z: 3})")
    bench.wait_until_equal("grown")


def test_a_column_added_only_to_the_source_parks_its_rows_with_the_fix(bench: Bench) -> None:
    bench.source.execute("ALTER TABLE drift.late ADD w int")
    bench.source.execute("INSERT INTO drift.late (a, w) VALUES (1, 1)")
    message = bench.parked("late")
    assert message["reason"] == "schema"
    fix = message["error"].partition("run: ")[2]
    assert fix == 'ALTER TABLE "drift"."late" ADD "w" int'
    bench.keyspaces.execute(fix)
    bench.send_back(message)
    bench.wait_until_equal("late")


def test_a_column_dropped_from_the_source_does_not_stop_its_table(bench: Bench) -> None:
    bench.source.execute("INSERT INTO drift.shrunk (a, v, w) VALUES (1, 'v', 'w')")
    bench.wait_until_equal("shrunk")
    bench.source.execute("ALTER TABLE drift.shrunk DROP w")
    bench.source.execute("INSERT INTO drift.shrunk (a, v) VALUES (1, 'changed')")
    bench.source.execute("INSERT INTO drift.shrunk (a, v) VALUES (2, 'v')")
    bench.wait_until_equal("shrunk")


@pytest.mark.parametrize(
    ("table", "insert", "fix"),
    [
        ("plain", "(a, v) VALUES (1, 'v')", "client_side_timestamps"),
        ("mortal", "(a, v) VALUES (1, 'v') USING TTL 500", "'ttl'"),
        ("doomed", "(a, v) VALUES (1, 'v')", "default_time_to_live = 0"),
        ("absent", "(a, v) VALUES (1, 'v')", "hintferry schema"),
    ],
)
def test_a_target_that_cannot_hold_the_row_is_refused_with_the_fix(
    table: str, insert: str, fix: str, bench: Bench
) -> None:
    bench.source.execute(f"INSERT INTO drift.{table} {insert}")
    message = bench.parked(table)
    assert message["reason"] == "schema"
    assert fix in message["error"]


def test_a_row_without_ttl_needs_no_ttl_switch(bench: Bench) -> None:
    bench.source.execute("INSERT INTO drift.mortal (a, v) VALUES (1, 'lasting')")
    bench.wait_until_equal("mortal")


def test_a_user_type_extended_on_the_source_parks_its_rows(bench: Bench) -> None:
    bench.source.execute("INSERT INTO drift.typed (a, v) VALUES (1, {x: 1, y: 2})")
    bench.wait_until_equal("typed")
    bench.source.execute("ALTER TYPE drift.pair ADD z int")
    bench.source.execute("INSERT INTO drift.typed (a, v) VALUES (2, {x: 1, y: 2, z: 3})")
    message = bench.parked("typed")
    assert message["reason"] == "schema"
    assert "drift.pair" in message["error"]
