"""A proxy of the test's own before the real Cassandra: what outlives a restart, what it costs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Cluster, Session
from cassandra.concurrent import execute_concurrent_with_args

from acceptance.questions.client import UTCNOW, connected, wait_active
from keyspaces_local import credentials, tls
from sandbox.parts.launch import tied

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings(UTCNOW)]

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "sandbox" / "keyspaces_local" / "src"
HOST = "127.0.0.1"
CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Own:
    """Satisfies `Target`, and knows its process."""

    pid: int
    ca_file: Path
    access_key_id: str
    secret_access_key: str
    port: int
    host: str = HOST
    region: str = "us-east-1"

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def proxy(stack: Any, state: Path, *options: str) -> Iterator[Own]:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "keyspaces_local", "serve", "--listen", f"{HOST}:{port}"]
    command += ["--backend", f"{stack.behind.hosts[0]}:{stack.behind.port}", "--state", str(state)]
    command += options
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(tied(*command), stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            key = credentials.load(state).key
            ca = state / tls.CA_FILE
            yield Own(process.pid, ca, key.access_key_id, key.secret_access_key, port)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@contextmanager
def behind(stack: Any) -> Iterator[Session]:
    cluster = Cluster(list(stack.behind.hosts), port=stack.behind.port, protocol_version=4)
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def test_tables_and_switches_outlive_a_restart(stack: Any, tmp_path: Path) -> None:
    switch = "CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"
    write = "INSERT INTO own_restart.t (k) VALUES (1) USING TTL 60"
    with proxy(stack, tmp_path) as own, connected(own) as session:
        session.execute("DROP KEYSPACE IF EXISTS own_restart")
        session.execute(
            "CREATE KEYSPACE own_restart WITH replication = {'class': 'SingleRegionStrategy'}"
        )
        session.execute(f"CREATE TABLE own_restart.t (k int PRIMARY KEY, v text) WITH {switch}")
        wait_active(session, "own_restart", "t")
        first = own
    with proxy(stack, tmp_path) as own, connected(own) as session:
        assert (own.access_key_id, own.pid != first.pid) == (first.access_key_id, True)
        session.execute(write)
        session.execute("DROP KEYSPACE own_restart")


def test_a_start_repairs_the_record_after_a_crash(stack: Any, tmp_path: Path) -> None:
    """A table made behind appears as a plain one; one whose DDL never came is forgotten."""
    record = "system_schema_mcs.tables"
    with proxy(stack, tmp_path), behind(stack) as real:
        real.execute("DROP KEYSPACE IF EXISTS own_mend")
        real.execute(
            "CREATE KEYSPACE own_mend WITH replication ="
            f" {{'class': 'NetworkTopologyStrategy', '{stack.behind.datacenter}': 1}}"
        )
        real.execute("CREATE TABLE own_mend.found (k int PRIMARY KEY)")
        real.execute("CREATE TABLE own_mend.half (k int PRIMARY KEY)")
        for table in ("half", "never"):
            real.execute(
                f"INSERT INTO {record} (keyspace_name, table_name, status, custom_properties)"
                f" VALUES ('own_mend', '{table}', 'CREATING', {{'ttl': {{'status': 'enabled'}}}})"
            )
    with proxy(stack, tmp_path) as own, connected(own) as session:
        rows = session.execute(f"SELECT * FROM {record} WHERE keyspace_name = 'own_mend'")
        assert {(row.table_name, row.status) for row in rows} == {
            ("found", "ACTIVE"),
            ("half", "ACTIVE"),
        }
        session.execute("INSERT INTO own_mend.half (k) VALUES (1) USING TTL 60")
        with pytest.raises(InvalidRequest):
            session.execute("INSERT INTO own_mend.found (k) VALUES (1) USING TTL 60")
        session.execute("DROP KEYSPACE own_mend")


def test_peers_are_shown_and_reached(stack: Any, tmp_path: Path) -> None:
    peers = ("127.0.0.2", "127.0.0.3")
    options = [part for peer in peers for part in ("--peer", peer)]
    with proxy(stack, tmp_path, *options) as own, connected(own) as session:
        hosts = session.cluster.metadata.all_hosts()
        assert {host.address for host in hosts} == {HOST, *peers}
        rows = session.execute("SELECT * FROM system.peers").all()
        assert {row.peer for row in rows} == {HOST, *peers}
        assert {(row.data_center, row.release_version) for row in rows} == {(own.region, "3.11.2")}
        one = session.execute("SELECT rpc_address FROM system.peers WHERE peer = '127.0.0.2'").all()
        assert [row.rpc_address for row in one] == ["127.0.0.2"]
        began = time.monotonic()
        session.execute("DROP KEYSPACE IF EXISTS own_peers")
        assert time.monotonic() - began < 8, "drivers find the schema agreed"
    with proxy(stack, tmp_path) as own, connected(own) as session:
        assert session.execute("SELECT * FROM system.peers").all() == []
        assert len(session.cluster.metadata.all_hosts()) == 1


def test_its_cpu_per_request_is_small(stack: Any, tmp_path: Path) -> None:
    """Writes build/keyspaces_local/cpu.json: CPU microseconds of the proxy per EXECUTE."""
    with proxy(stack, tmp_path) as own, connected(own) as session:
        session.execute("DROP KEYSPACE IF EXISTS own_cpu")
        session.execute(
            "CREATE KEYSPACE own_cpu WITH replication = {'class': 'SingleRegionStrategy'}"
        )
        found = _measured(own, session)
        session.execute("DROP KEYSPACE own_cpu")
    report = ROOT / "build" / "keyspaces_local" / "cpu.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(found, indent=2) + "\n")
    print(found)
    assert found["write_pipelined_us"] < 150
    assert found["read_pipelined_us"] < 150


def _measured(own: Own, session: Session) -> dict[str, float]:
    names = [f"v{number}" for number in range(10)]
    columns = ", ".join(f"{name} text" for name in names)
    session.execute(
        f"CREATE TABLE own_cpu.t (p int, c int, {columns}, PRIMARY KEY (p, c)) WITH"
        " CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
    )
    wait_active(session, "own_cpu", "t")
    write = session.prepare(
        f"INSERT INTO own_cpu.t (p, c, {', '.join(names)})"
        f" VALUES (?, ?{', ?' * len(names)}) USING TIMESTAMP ?"
    )
    read = session.prepare(f"SELECT {', '.join(names)} FROM own_cpu.t WHERE p = ? AND c = ?")
    now = time.time_ns() // 1000
    rows: list[tuple[Any, ...]] = [(n % 100, n, *["x" * 10] * len(names), now) for n in range(5000)]
    keys = [row[:2] for row in rows]
    found = {}
    for name, statement, arguments, at_once in (
        ("warm_up", write, rows[:500], CONCURRENCY),
        ("write_pipelined_us", write, rows, CONCURRENCY),
        ("read_pipelined_us", read, keys, CONCURRENCY),
        ("write_serial_us", write, rows[:1000], 1),
        ("read_serial_us", read, keys[:1000], 1),
    ):
        before = own.cpu_seconds()
        execute_concurrent_with_args(session, statement, arguments, concurrency=at_once)
        found[name] = round((own.cpu_seconds() - before) / len(arguments) * 1e6, 1)
    del found["warm_up"]
    return found
