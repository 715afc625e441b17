"""Three source nodes: what writers see when cdc_raw is full, and how a write that one replica has
comes to be hinted by the others."""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel, Unavailable, WriteFailure, WriteTimeout
from cassandra.cluster import NoHostAvailable
from cassandra.query import SimpleStatement
from confluent_kafka import Consumer

from sandbox import tables
from sandbox.parts.cassandra import Node
from sandbox.parts.waiting import until
from sandbox.stack import Stack
from tests.capture.hints import topic
from tests.capture.nodetool import operate
from tools.releases import Release

pytestmark = [pytest.mark.stack, pytest.mark.soak, pytest.mark.timeout(900)]

KEYSPACE = "three"
DDL = (
    "CREATE TABLE {ks}.t (id int PRIMARY KEY, v blob)"
    " WITH cdc = true AND memtable_flush_period_in_ms = 1000",
    "CREATE TABLE {ks}.unwatched (id int PRIMARY KEY)",
)
ROW = b"x" * 100_000
LARGE = "cdc_total_space: 1024MiB"
# The second holds what fills the first, whether its connector keeps up or not.
SMALL = "cdc_total_space: 16MiB", "cdc_total_space: 48MiB"
MOST_ROWS = 600
FLOOD = 3_000
SECONDS = 180


@pytest.fixture(scope="module")
def three(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(nodes=3, release=release, root=tmp_path_factory.mktemp("three")) as stack:
        keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}"
        stack.create_tables(keyspace, *(statement.format(ks=KEYSPACE) for statement in DDL))
        yield stack


def write(cql: Any, row: int, level: int, table: str = "t") -> None:
    insert = f"INSERT INTO {KEYSPACE}.{table} (id) VALUES ({row})"
    cql.execute(SimpleStatement(insert, consistency_level=level))


class Seen:
    """Which nodes hinted which row of a topic, as far as it was read."""

    def __init__(self, records: Consumer) -> None:
        self.records = records
        self.nodes: dict[int, set[str]] = {}

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, f"never {what}"
            self.poll()

    def poll(self, seconds: float = 0.2) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.records.poll(0.05)
            if message is not None and not message.error():
                value = json.loads(message.value() or b"{}")
                row = int.from_bytes(b64decode(value["pk"][0]), "big", signed=True)
                self.nodes.setdefault(row, set()).add(value["node"])


def start_again(*nodes: Node) -> None:
    for node in nodes:
        node.spawn()
    for node in nodes:
        node.wait_ready()


def known_to_be_down(cql: Any) -> bool:
    """From then on a hinted handoff is kept as soon as a write comes, not when it timed out."""
    try:
        write(cql, 8, ConsistencyLevel.ALL)
    except (Unavailable, NoHostAvailable):
        return True
    except WriteTimeout:
        return False
    return False


def in_touch(stack: Stack, row: int) -> Callable[[], bool]:
    """Does every node reach every replica again?"""

    def written() -> bool:
        try:
            for host in stack.source.hosts:
                with tables.session(stack.source, host) as cql:
                    write(cql, row, ConsistencyLevel.ALL)
        except Exception:  # noqa: BLE001 - whatever it is, it is not so yet
            return False
        return True

    return written


def test_a_write_that_one_replica_has_is_hinted_by_the_others_by_every_way_it_takes(
    three: Stack, tmp_path: Path
) -> None:
    """Hinted handoff, read repair, repair; and a node that lost its data and gets it by repair."""
    first, *others = three.source_nodes
    elsewhere = {node.host for node in others}
    with topic(three, KEYSPACE, "t") as records, tables.session(three.source) as cql:
        seen = Seen(records)
        for node in others:
            node.kill()
        until(lambda: known_to_be_down(cql), SECONDS, "the others are known to be down")
        write(cql, 1, ConsistencyLevel.ONE)
        operate(first, tmp_path, "handoff", "false")
        write(cql, 2, ConsistencyLevel.ONE)
        write(cql, 3, ConsistencyLevel.ONE)
        start_again(*others)
        until(in_touch(three, 9), SECONDS, "all nodes are in touch")
        operate(first, tmp_path, "handoff", "true")
        seen.until(lambda: elsewhere <= seen.nodes.get(1, set()), "handed off")
        assert not elsewhere & (seen.nodes[2] | seen.nodes[3])
        select = f"SELECT id FROM {KEYSPACE}.t WHERE id = 2"
        cql.execute(SimpleStatement(select, consistency_level=ConsistencyLevel.ALL))
        seen.until(lambda: elsewhere <= seen.nodes[2], "repaired by a read")
        assert not elsewhere & seen.nodes[3]
        operate(first, tmp_path, "repair", KEYSPACE)
        seen.until(lambda: elsewhere <= seen.nodes[3], "repaired")
        flood(three, cql, seen, tmp_path)


def flood(stack: Stack, cql: Any, seen: Seen, tmp_path: Path) -> None:
    rows = set(range(1_000, 1_000 + FLOOD))
    for row in rows:
        write(cql, row, ConsistencyLevel.ALL)
    lost = stack.source_nodes[2]
    seen.until(lambda: rows <= set(seen.nodes), "written")
    capture = stack.captures[2]
    capture.kill()
    lost.kill()
    # The log too: what no table file of the node tells of is replayed from it.
    data = (lost.home / "data" / KEYSPACE).glob("t-*")
    for folder in (*data, lost.home / "commitlog", lost.home / "cdc_raw"):
        for file in (path for path in folder.rglob("*") if path.is_file()):
            file.unlink()
    start_again(lost)
    capture.start()
    until(in_touch(stack, 9), SECONDS, "all nodes are in touch")
    again = Seen(seen.records)
    operate(lost, tmp_path, "repair", KEYSPACE)
    again.until(
        lambda: rows <= {row for row, nodes in again.nodes.items() if lost.host in nodes},
        "hinted by the node that was rebuilt",
    )


def test_writers_go_on_while_one_nodes_cdc_raw_is_full_and_fail_at_the_second(
    three: Stack,
) -> None:
    """Without cdcguard, which would set segments aside. What was refused is handed off later."""
    one, two, last = three.source_nodes
    text = {node: node.yaml.read_text() for node in (one, two)}
    for node, small in zip((one, two), SMALL, strict=True):
        assert LARGE in text[node]
        node.yaml.write_text(text[node].replace(LARGE, small))
        node.stop()
    start_again(one, two)
    until(in_touch(three, 9), SECONDS, "all nodes are in touch")
    acknowledged: set[int] = set()
    with (
        topic(three, KEYSPACE, "t") as records,
        tables.session(three.source, last.host) as cql,
    ):
        seen = Seen(records)
        insert = cql.prepare(f"INSERT INTO {KEYSPACE}.t (id, v) VALUES (?, ?)")
        insert.consistency_level = ConsistencyLevel.LOCAL_QUORUM

        def fill(rows: range, enough: Callable[[], bool]) -> None:
            for row in rows:
                if enough():
                    return
                # Slow enough for the third node's connector to be rid of its segments.
                time.sleep(0.1)
                cql.execute(insert, (row, ROW))
                acknowledged.add(row)
            raise AssertionError("nothing was refused")

        three.captures[0].kill()
        fill(range(10_000, 10_000 + MOST_ROWS), lambda: "Rejecting mutation" in one.output())
        fill(range(11_000, 11_020), lambda: 11_009 in acknowledged)
        three.captures[1].kill()
        with pytest.raises((WriteFailure, WriteTimeout)):
            fill(range(20_000, 20_000 + MOST_ROWS), lambda: False)
        write(cql, 1, ConsistencyLevel.LOCAL_QUORUM, "unwatched")
        for capture in three.captures[:2]:
            capture.start()
        seen.until(
            lambda: acknowledged <= {row for row, nodes in seen.nodes.items() if one.host in nodes},
            "handed off to the node that was full",
        )
        until(lambda: _written(cql, insert), SECONDS, "writes succeed again")
    for node in (one, two):
        node.yaml.write_text(text[node])


def _written(cql: Any, insert: Any) -> bool:
    try:
        cql.execute(insert, (30_000, ROW))
    except (WriteFailure, WriteTimeout):
        return False
    return True
