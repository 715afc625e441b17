"""One of three real nodes missed an ALTER: nothing is read, and settled, without the new column.

It stands still until the others take it for down, and hears of the change by gossip when it goes
on, after a delay. Until then it is asked like the others, also by workers that begin to work then.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.records.decoder import HintDecoder
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.core.errors import HintferryError
from hintferry.core.hint import Hint, Record
from hintferry.core.rows import Snapshot
from hintferry.core.schema import TableId
from hintferry.live.coalesce import coalesce
from hintferry.wiring import sessions
from sandbox.parts import cassandra
from sandbox.parts.addresses import claim
from sandbox.parts.cassandra import Node, Ring
from sandbox.parts.waiting import until
from tools.releases import CASSANDRA_5

pytestmark = [pytest.mark.stack, pytest.mark.soak, pytest.mark.timeout(400)]

ORDERS, LATE = TableId("shop", "orders"), TableId("shop", "late")
WORKED_FOR_S = 30.0
"""The late node hears of the change by gossip, and the sandbox's asks for it after 10 s."""

WORKERS = 4
RENEWED_AFTER_S = 1.0
"""Workers that know nothing yet meet the late node, too."""

SOON = replace(CASSANDRA_5, yaml=f"{CASSANDRA_5.yaml}\nphi_convict_threshold: 5")


@dataclass
class Seen:
    """Outcomes of hints, by the second since the late node resumed."""

    since: float
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lock: Any = field(default_factory=Lock)

    def enter(self, what: str, error: Exception | None = None) -> None:
        with self.lock:
            self.counts[int(time.time() - self.since), what] += 1
            if error is not None:
                self.faults[f"{type(error).__name__}: {error}"] += 1

    def of(self, what: str) -> int:
        return sum(count for (_, kind), count in self.counts.items() if kind == what)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    ports = [(11 + n, port) for n in range(3) for port in (cassandra.PORT, cassandra.STORAGE_PORT)]
    with claim(ports) as block:
        hosts = tuple(block.address(11 + n) for n in range(3))
        ring = Ring("late", "datacenter1", hosts, cdc=False, release=SOON)
        root = tmp_path_factory.mktemp("late")
        made = [Node(ring, host, root / host) for host in hosts]
        try:
            for node in made:
                node.spawn()
            for node in made:
                node.wait_ready()
            yield made
        finally:
            for node in made:
                os.kill(node.pid, signal.SIGCONT)
                node.kill()


@pytest.fixture
def admin(nodes: list[Node]) -> Iterator[Any]:
    """A session with the first node alone: what it was told it knows when it is asked next."""
    hosts = [nodes[0].host]
    profile = ExecutionProfile(WhiteListRoundRobinPolicy(hosts), request_timeout=60)
    cluster = Cluster(
        hosts,
        cassandra.PORT,
        protocol_version=4,
        max_schema_agreement_wait=1,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    session = cluster.connect()
    yield session
    cluster.shutdown()


def altered_us(admin: Any, table: TableId) -> int:
    """As capture on a node that knows the latest schema tells it."""
    query = (
        "SELECT WRITETIME(gc_grace_seconds) FROM system_schema.tables"
        " WHERE keyspace_name = %s AND table_name = %s"
    )
    found: int = admin.execute(query, tuple(table)).one()[0]
    return found


def record(table: TableId, altered: int) -> Record:
    value = {
        "hint": 1,
        "scope": "row",
        "keyspace": table.keyspace,
        "table": table.name,
        "pk": [b64encode((1).to_bytes(4)).decode()],
        "ck": [],
        "start": None,
        "end": None,
        "altered_us": altered,
    }
    return Record("topic", 0, 0, None, None, json.dumps(value).encode())


def work(nodes: list[Node], records: list[Record], seen: Seen, until_s: float) -> None:
    """A worker like the processor, which begins as a new one again and again."""
    settings = SourceSettings(tuple(node.host for node in nodes), cassandra.PORT, "datacenter1")
    source_session = sessions.source_session(settings)
    while time.time() < until_s:
        source = CassandraSource(source_session, WallClock())
        decode, born = HintDecoder(source.table), time.time()
        while time.time() < born + RENEWED_AFTER_S:
            for one in records:
                settle(source_session, source, decode, one, seen)
            time.sleep(random.uniform(0.02, 0.08))
    source_session.close()


def settle(
    source_session: CqlSession,
    source: CassandraSource,
    decode: HintDecoder,
    one: Record,
    seen: Seen,
) -> None:
    try:
        hint = decode(one)
        assert isinstance(hint, Hint)
        ((_, found),) = source.read(coalesce([(0, hint)]))  # type: ignore[arg-type]
    except HintferryError as error:
        found = error
    if isinstance(found, Snapshot):
        values = dict(zip(found.table.regular_names, found.rows[()].values, strict=True))
        seen.enter("with the column" if values.get("c") == b"NEW" else "WITHOUT THE COLUMN")
    else:
        seen.enter("held", found)


def test_no_read_is_settled_without_a_column_that_a_node_is_late_to_know(
    nodes: list[Node], admin: Any
) -> None:
    three = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"
    admin.execute(f"CREATE KEYSPACE shop WITH replication = {three}")
    admin.execute("CREATE TABLE shop.orders (a int PRIMARY KEY, v text)")
    stand_still(nodes[2])
    until(
        lambda: is_taken_for_down(nodes[2], nodes[:2]), 60, "the third node is down to the others"
    )
    admin.execute("ALTER TABLE shop.orders ADD c text")
    admin.execute("CREATE TABLE shop.late (a int PRIMARY KEY, c text)")
    until(lambda: is_known(admin, nodes[1]), 120, "the second node has the schema of the first")
    for table in (ORDERS, LATE):
        write = f"INSERT INTO shop.{table.name} (a, c) VALUES (1, 'NEW')"
        admin.execute(SimpleStatement(write, consistency_level=ConsistencyLevel.QUORUM))
    records = [record(table, altered_us(admin, table)) for table in (ORDERS, LATE)]
    os.kill(nodes[2].pid, signal.SIGCONT)
    seen = Seen(time.time())
    end = seen.since + WORKED_FOR_S
    workers = [Thread(target=work, args=(nodes, records, seen, end)) for _ in range(WORKERS)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    for (second, what), count in sorted(seen.counts.items()):
        print(f"{second:3} s: {what}: {count}")
    for fault, count in seen.faults.most_common(12):
        print(count, fault)
    assert seen.of("WITHOUT THE COLUMN") == 0
    assert {fault for fault in seen.faults if not is_waited_out(fault)} == set()
    assert seen.of("held") > 0
    assert seen.of("with the column") > 100


def is_known(admin: Any, node: Node) -> bool:
    """Return whether the node has the schema of the one that `admin` asks."""
    here = admin.execute("SELECT schema_version FROM system.local").one()[0]
    query = "SELECT schema_version FROM system.peers WHERE peer = %s"
    told = admin.execute(query, (node.host,)).one()
    return told is not None and bool(told[0] == here)


def is_waited_out(fault: str) -> bool:
    """Return whether the pipeline returns the hint, in the end."""
    return fault.startswith(("Unavailable", "Troubled", "Throttled"))


def stand_still(node: Node) -> None:
    os.kill(node.pid, signal.SIGSTOP)


def is_taken_for_down(node: Node, by: list[Node]) -> bool:
    said = re.compile(rf"{re.escape(node.host)}\S* is now DOWN")
    return all(said.search(one.output()) for one in by)
