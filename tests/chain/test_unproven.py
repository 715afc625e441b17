"""The bad answer to what nobody has proven of the service: what it breaks, and what repairs it."""

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
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE unproven.t (a int, b int, v text, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    chain: Chain
    stack: Stack

    def send(self, reason: str, **hint: Any) -> None:
        whole = {"hint": 1, "keyspace": "unproven", "table": "t", "statics": False} | hint
        body = json.dumps({"version": 1, "reason": reason, "hint": whole})
        sqs = client(self.stack.aws, "sqs")
        sqs.send_message(QueueUrl=self.stack.aws.replay_queue_url, MessageBody=body)

    def differences(self) -> Any:
        return compare_table(self.source, self.behind, "unproven.t").differences


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A chain whose topics nobody feeds: only the replay queue brings hints."""
    keyspace = "CREATE KEYSPACE unproven WITH replication = "
    stack.create_tables(keyspace + stack.replication, TABLE)
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "unproven", [single, f"{TABLE} WITH {SWITCHES}"])
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, [], tmp_path_factory.mktemp("unproven")) as chain,
    ):
        yield Bench(source, behind, chain, stack)
        stack.keyspaces.control.reset()
        assert chain.replay.last_error is None


@pytest.mark.parametrize("leaves_nothing", [False, True])
def test_a_look_removes_what_an_older_insert_brought_back(
    bench: Bench, leaves_nothing: bool
) -> None:
    """A row that neither side has is deleted; then a stalled worker's older INSERT arrives."""
    control, key = bench.stack.keyspaces.control, b64encode((1).to_bytes(4)).decode()
    control.behave(absent_deletes_leave_nothing=leaves_nothing)
    control.reset_meters()
    older = time.time_ns() // 1000 - 10_000_000
    partition = 1 + leaves_nothing
    pk = [b64encode(partition.to_bytes(4)).decode()]
    bench.send("unrepresentable", scope="row", pk=pk, ck=[key], start=None, end=None)
    assert bench.chain.replay.drain(WAIT_S)
    assert control.meters()["unproven.t"].writes == 1, "the DELETE"
    bench.behind.execute(
        f"INSERT INTO unproven.t (a, b, v) VALUES ({partition}, 1, 'older') USING TIMESTAMP {older}"
    )
    assert bool(bench.differences()) is leaves_nothing, "the damage"
    ends = {"values": [], "inclusive": True}
    look = {"scope": "slice", "pk": pk, "ck": None, "start": ends, "end": ends}
    bench.send("second_look", **look, errand="second_look")
    assert bench.chain.replay.drain(WAIT_S)
    assert not bench.differences()
