"""After cutover nothing of ours writes the table: no live hint, old message or frozen worker."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from hintferry.core.limits import CUTOVER_WAIT_S
from sandbox.chain import Chain
from sandbox.services.queue_source import client
from sandbox.sessions import cassandra_session, create_keyspaces_tables, keyspaces_session
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE cut_over.t (a int PRIMARY KEY, v text)"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
SLOW = Path(__file__).parent / "slow"
WAIT_S = 120.0
LIVE, PARKED, FROZEN = 1, 2, 3


def test_what_the_application_writes_after_the_fence_stays(stack: Stack, tmp_path: Path) -> None:
    keyspace = "CREATE KEYSPACE cut_over WITH replication = "
    stack.create_tables(keyspace + stack.replication, f"{TABLE} WITH cdc = true")
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "cut_over", [single, f"{TABLE} WITH {SWITCHES}"])
    said: list[str] = []
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        keyspaces_session(stack.target) as application,
        Chain(
            stack, ["cut_over.t"], tmp_path, concurrency=1, on_line=said.append, task_root=SLOW
        ) as chain,
    ):
        for key in (LIVE, PARKED, FROZEN):
            source.execute(f"INSERT INTO cut_over.t (a, v) VALUES ({key}, 'old')")
        wait_for(lambda: shown(behind) == dict.fromkeys((LIVE, PARKED, FROZEN), "old"))
        (worker,) = chain.function.sandboxes
        wait_for(lambda: not worker.busy)

        source.execute(f"UPDATE cut_over.t SET v = 'stale' WHERE a = {FROZEN}")
        wait_for(lambda: worker.busy)
        time.sleep(1.0)
        worker.pause()
        write(application, "INSERT INTO hintferry.fences (name) VALUES ('cut_over.t')")
        time.sleep(CUTOVER_WAIT_S)
        for key in (LIVE, PARKED, FROZEN):
            write(application, f"UPDATE cut_over.t SET v = 'new' WHERE a = {key}")

        worker.resume()
        source.execute(f"UPDATE cut_over.t SET v = 'stale' WHERE a = {LIVE}")
        source.execute(f"UPDATE cut_over.t SET v = 'stale' WHERE a = {PARKED}")
        send_back(stack, PARKED)
        wait_for(lambda: skipped(said) >= 3)
        assert chain.drain(WAIT_S)
        assert chain.replay.drain(WAIT_S)
        assert shown(behind) == dict.fromkeys((LIVE, PARKED, FROZEN), "new")
        write(application, "DELETE FROM hintferry.fences WHERE name = 'cut_over.t'")


def write(application: Any, text: str) -> None:
    level = ConsistencyLevel.LOCAL_QUORUM
    application.execute(SimpleStatement(text, consistency_level=level))


def shown(behind: Any) -> dict[int, str]:
    return {row.a: row.v for row in behind.execute("SELECT a, v FROM cut_over.t")}


def skipped(said: list[str]) -> int:
    """Records that the processor skipped because of the fence."""
    lines = [json.loads(line) for line in said if line.startswith('{"_aws"')]
    return int(sum(sum(line.get("HintsSkippedFenced", ())) for line in lines))


def send_back(stack: Stack, key: int) -> None:
    """As a redrive of a message that was parked long before the fence."""
    hint = {"hint": 1, "scope": "row", "keyspace": "cut_over", "table": "t"}
    hint |= {"pk": [b64encode(key.to_bytes(4)).decode()], "ck": []}
    body = {"version": 1, "reason": "schema", "table": "cut_over.t", "hint": hint}
    client(stack.aws, "sqs").send_message(
        QueueUrl=stack.aws.replay_queue_url, MessageBody=json.dumps(body)
    )


def wait_for(condition: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not come about in time")
        time.sleep(0.02)
