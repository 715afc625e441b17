"""The guard beside a real Cassandra and the real connector."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from hintferry_ops.monitoring.node_metrics import METRICS
from node.cassandra_yaml import MIB
from node.cdcguard.commands import give_back, run
from node.cdcguard.settings import Settings, load_settings
from node.cdcguard.state import load_state
from node.cdcguard.world import World
from sandbox import tables
from sandbox.parts.cassandra import Node
from sandbox.stack import Stack
from tests.capture.hints import topic
from tests.capture.nodetool import operate

pytestmark = pytest.mark.stack

KEYSPACE = "guarded"
# Flushed often, so that closed segments leave the commit-log directory as on a busy node.
TABLE = (
    "CREATE TABLE {ks}.t (id int PRIMARY KEY, v blob)"
    " WITH cdc = true AND memtable_flush_period_in_ms = 1000"
)
ROW = b"x" * 100_000
SMALL = "cdc_total_space: 48MiB"
STATE_S = 90.0
"""The connector tells its state every five seconds, and so how old its watermarks are."""


@pytest.fixture(scope="module")
def cql(stack: Stack) -> Iterator[Any]:
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}"
    stack.create_tables(keyspace, TABLE.format(ks=KEYSPACE))
    with tables.session(stack.source) as session:
        session.set_keyspace(KEYSPACE)
        yield session


@pytest.fixture
def guard(stack: Stack, tmp_path: Path) -> Settings:
    node, capture = stack.source_nodes[0], stack.captures[0]
    home = capture.log.parent
    ini = tmp_path / "cdcguard.ini"
    ini.write_text(
        "[cdcguard]\n"
        f"cassandra_yaml = {node.yaml}\nhome = {home}\nstate = {tmp_path / 'state.json'}\n"
        f"connector_log = {capture.log}\ncassandra_log = {node.log}\n"
        f"health_url = http://127.0.0.1:{capture.http_port}/health\n"
        "emf = 127.0.0.1:9\npipeline = sandbox\n"
    )
    return load_settings(str(ini))


def one_pass(guard: Settings) -> dict[str, Any]:
    """The state after a pass, metrics and all."""
    assert run(guard, World(guard)) == 0
    return load_state(guard)


def keys(records: Consumer, count: int, seconds: float = 60) -> set[int]:
    """The ids that were hinted, until `count` different ones were seen."""
    seen: set[int] = set()
    deadline = time.monotonic() + seconds
    while len(seen) < count and time.monotonic() < deadline:
        message = records.poll(0.2)
        if message is not None and not message.error():
            seen.add(row_id(message.key()))
    return seen


def arrives(records: Consumer, row: int, seconds: float = 60) -> bool:
    """Is the row hinted within that time? Others may come again meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if keys(records, 1, seconds=1) == {row}:
            return True
    return False


def row_id(key: Any) -> int:
    return int.from_bytes(b64decode(json.loads(key)["pk"][0]), "big")


def test_a_node_that_is_well_is_seen_to_be(stack: Stack, cql: Any, guard: Settings) -> None:
    with topic(stack, KEYSPACE, "t") as records:
        cql.execute("INSERT INTO t (id) VALUES (1)")
        assert arrives(records, 1)
    guard = guard._replace(tables=(f"{KEYSPACE}.t",))
    end = time.monotonic() + STATE_S
    while not (metrics := one_pass(guard)["metrics"])["WatermarkAge"]:
        assert time.monotonic() < end, metrics
        time.sleep(1)
    assert metrics["CaptureUp"] == 1
    assert metrics["GuardFaults"] == 0


def test_lost_capture_is_in_the_next_report(stack: Stack, cql: Any, guard: Settings) -> None:
    """15 s until that pass and 30 s of the alarm: within a minute somebody knows."""
    guard = guard._replace(tables=(f"{KEYSPACE}.t",))
    assert one_pass(guard)["metrics"]["TablesNotCaptured"] == 0
    cql.execute("ALTER TABLE t WITH cdc = false")
    began = time.monotonic()
    try:
        while not (state := one_pass(guard))["metrics"]["TablesNotCaptured"]:
            assert time.monotonic() - began < STATE_S
            time.sleep(0.1)
        print(f"lost capture was counted after {time.monotonic() - began:.2f} s")
        assert state["not_captured"] == {f"{KEYSPACE}.t": "it has cdc = false, or does not exist"}
    finally:
        cql.execute("ALTER TABLE t WITH cdc = true")
        stack.captures[0].wait_for_table(KEYSPACE, "t", STATE_S)


@pytest.mark.soak
def test_writes_go_on_while_nobody_reads_and_what_was_set_aside_arrives(
    stack: Stack, cql: Any, guard: Settings
) -> None:
    """The connector is dead, 80 MB are written, 48 MiB of cdc_raw are allowed."""
    node, capture = stack.source_nodes[0], stack.captures[0]
    with topic(stack, KEYSPACE, "t") as records:
        # The guard knows a table by its first hint.
        cql.execute("INSERT INTO t (id) VALUES (1)")
        assert keys(records, 1) == {1}
    text = node.yaml.read_text()
    node.yaml.write_text(text.replace("cdc_total_space: 1024MiB", SMALL))
    node.restart()
    guard = guard._replace(cdc_total=48 * MIB)
    try:
        with topic(stack, KEYSPACE, "t") as records:
            capture.kill()
            passes = []
            with tables.session(stack.source) as session:
                insert = session.prepare(f"INSERT INTO {KEYSPACE}.t (id, v) VALUES (?, ?)")
                for number in range(1000, 1800):
                    session.execute(insert, (number, ROW))
                    if number % 40 == 0:
                        state = one_pass(guard)
                        passes.append(state["metrics"])
            assert state["metrics"]["SetAsideSegments"] > 5
            alarm = METRICS["CdcFreePercent"][2]
            assert alarm
            low = [metrics["CdcFreePercent"] < alarm[1] for metrics in passes]
            moved = [metrics["SetAsideSegments"] > 0 for metrics in passes]
            assert low.index(True) < moved.index(True)
            assert state["metrics"]["WritesRefused"] == 0
            assert "Rejecting mutation" not in node.output()
            assert f"{KEYSPACE}.t" in state["to_sweep"]
            node.yaml.write_text(text)
            node.restart()
            guard = guard._replace(cdc_total=1024 * MIB)
            assert give_back(guard, World(guard)) == 0
            capture.start()
            assert keys(records, 800) == set(range(1000, 1800))
    finally:
        node.yaml.write_text(text)
        if not capture.alive:
            capture.start()


@pytest.mark.soak
def test_a_node_that_crashes_after_a_flush_closes_its_segment_itself(
    stack: Stack, cql: Any, tmp_path: Path
) -> None:
    """Nothing of the segment is replayed for its tables, and capture goes on all the same."""
    node = stack.source_nodes[0]
    with topic(stack, KEYSPACE, "t") as records:
        insert(stack, 1)
        assert keys(records, 1) == {1}
        operate(node, tmp_path, "flush")
        node.kill()
        node.start()
        insert(stack, 2)
        assert arrives(records, 2)


@pytest.mark.soak
def test_a_segment_that_a_crash_left_open_is_closed_and_later_hints_come(
    stack: Stack, cql: Any, guard: Settings
) -> None:
    """The node's own closing of the replayed segment is undone: some crash may leave it so."""
    node, capture = stack.source_nodes[0], stack.captures[0]
    with topic(stack, KEYSPACE, "t") as records:
        insert(stack, 3)
        assert arrives(records, 3)
        capture.kill()
        node.kill()
        open_ones = [path for path in cdc_indexes(node) if "COMPLETED" not in path.read_text()]
        node.start()
        for index in open_ones:
            text = index.read_text()
            assert "COMPLETED" in text
            index.write_text(text.split()[0])
        capture.start()
        insert(stack, 4)
        assert not arrives(records, 4, seconds=10)
        metrics = one_pass(guard)["metrics"]
        assert metrics["StuckSegmentsMended"] == len(open_ones)
        assert arrives(records, 4)
    assert metrics["GuardFaults"] == 0
    assert one_pass(guard)["metrics"]["CaptureUp"] == 1


def insert(stack: Stack, row: int) -> None:
    with tables.session(stack.source) as cql:
        cql.execute(f"INSERT INTO {KEYSPACE}.t (id) VALUES ({row})")


def cdc_indexes(node: Node) -> list[Path]:
    return sorted((node.home / "cdc_raw").glob("*_cdc.idx"))
