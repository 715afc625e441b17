"""Connections that died while nobody looked, and writes of which nobody knows whether they came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import TargetSettings
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.session import IDLE_S, CqlSession
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.target.keyspaces import KeyspacesTarget
from hintferry.core.errors import SideFault, StaleRead
from hintferry.core.limits import REQUEST_TIMEOUT_S, STALE_AFTER_S
from hintferry.core.rows import Put
from hintferry.core.schema import TableId
from hintferry.core.work import RowWork
from hintferry.ports import Write
from hintferry.wiring import sessions
from sandbox.chain import Chain
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE sessions.t (a int PRIMARY KEY, v text)"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
ID = TableId("sessions", "t")
BACK_WITHIN_S = 4.0
"""Less than one request that waits for its whole time."""
WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Bench:
    source: Any
    behind: Any
    chain: Chain
    stack: Stack

    def arrives(self, key: int) -> float:
        """Write a row on the source; the seconds until the target shows it."""
        self.source.execute(f"INSERT INTO sessions.t (a, v) VALUES ({key}, 'x')")
        began = time.monotonic()
        while not list(self.behind.execute(f"SELECT v FROM sessions.t WHERE a = {key}")):
            if time.monotonic() - began > WAIT_S:
                pytest.fail(f"row {key} did not arrive: {self.chain.last_error}")
            time.sleep(0.01)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    keyspace = "CREATE KEYSPACE sessions WITH replication = "
    stack.create_tables(keyspace + stack.replication, f"{TABLE} WITH cdc = true")
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "sessions", [single, f"{TABLE} WITH {SWITCHES}"])
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, ["sessions.t"], tmp_path_factory.mktemp("sessions"), concurrency=1) as chain,
    ):
        yield Bench(source, behind, chain, stack)


@pytest.fixture
def sides(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[CqlSession, CqlSession]]:
    """Sessions as the function makes them, in this process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.target.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.target.secret_access_key)
    target = stack.target
    source_session = sessions.source_session(
        SourceSettings(stack.source.hosts, stack.source.port, stack.source.datacenter)
    )
    target_session = sessions.target_session(
        TargetSettings(target.host, target.port, target.region, target.ca_file)
    )
    yield source_session, target_session
    source_session.close()
    target_session.close()


def test_a_frozen_function_whose_connections_died_goes_on_at_once(bench: Bench) -> None:
    """The target was restarted while the function stood still; its first event is served."""
    bench.arrives(1)
    usual = bench.arrives(2)
    (worker,) = bench.chain.function.sandboxes
    worker.pause()
    bench.stack.keyspaces.restart()
    time.sleep(IDLE_S)
    worker.resume()
    took = bench.arrives(3)
    print(f"after the freeze {took:.2f} s, else {usual:.2f} s")
    assert took < usual + BACK_WITHIN_S
    assert bench.chain.last_error is None
    assert bench.chain.counters.dropped == 0


def test_a_connection_that_died_idle_is_rebuilt_once(
    bench: Bench, sides: tuple[CqlSession, CqlSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hintferry.adapters.driver.session.IDLE_S", 0.2)
    _, target = sides
    target.current()
    bench.stack.keyspaces.restart()
    time.sleep(0.3)
    began = time.monotonic()
    for _ in range(5):
        target.current()
    assert time.monotonic() - began < BACK_WITHIN_S
    assert target.rebuilds == 1


def test_a_write_without_an_answer_leaves_no_connection_to_arrive_by(
    bench: Bench, sides: tuple[CqlSession, CqlSession]
) -> None:
    """It is cut off with whatever still lies in our buffers, before the batch ends."""
    source_session, target_session = sides
    table = CassandraSource(source_session, WallClock()).table(ID)
    target = KeyspacesTarget(target_session)
    assert write(target, table, 10) is None
    assert connections(bench)
    bench.stack.keyspaces.pause()
    try:
        began = time.monotonic()
        error = write(target, table, 11)
        took = time.monotonic() - began
        assert connections(bench) == []
    finally:
        bench.stack.keyspaces.resume()
    assert isinstance(error, SideFault)
    assert took < REQUEST_TIMEOUT_S + 1
    assert write(target, table, 12) is None


def test_what_was_read_too_long_ago_is_never_sent(
    bench: Bench, sides: tuple[CqlSession, CqlSession]
) -> None:
    source_session, target_session = sides
    table = CassandraSource(source_session, WallClock()).table(ID)
    target = KeyspacesTarget(target_session)
    assert isinstance(write(target, table, 20, age_s=STALE_AFTER_S + 1), StaleRead)
    assert write(target, table, 21, age_s=STALE_AFTER_S - 5) is None
    shown = bench.behind.execute("SELECT a FROM sessions.t WHERE a IN (20, 21)")
    assert [row.a for row in shown] == [21]


def connections(bench: Bench) -> list[Any]:
    """This process's own to keyspaces-local."""
    there = bench.stack.target.host, bench.stack.target.port
    return [one for one in psutil.Process().net_connections() if one.raddr == there]


def write(target: KeyspacesTarget, table: Any, key: int, age_s: float = 0.0) -> Exception | None:
    """Write a row as of a read that began so long ago."""
    work = RowWork(ID, (key.to_bytes(4),), {(): (0,)})
    read_start = int((time.time() - age_s) * 1e6)
    put = Put((), ("v",), (b"x",), read_start, None, creates_row=True)
    ((_, error),) = target.write([Write(work, table, [put])])
    return error
