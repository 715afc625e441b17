"""Answers that a side cuts into short and empty pages: only the last page tells what is absent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import TargetSettings
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.adapters.driver.catalog import Catalog
from hintferry.adapters.driver.guardrails import PAGE_ROWS, Guardrails
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.sweep.scan import TokenScan
from hintferry.adapters.target.keyspaces import KeyspacesTarget
from hintferry.core.hint import WHOLE_PARTITION
from hintferry.core.rows import Snapshot
from hintferry.core.schema import TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.work import RowWork
from hintferry.wiring import sessions
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = "CREATE TABLE pages.t (a int, b int, v text, PRIMARY KEY (a, b))"
SWITCHES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
ID = TableId("pages", "t")
ROWS, LARGE = 24, "x" * 200_000
"""Five rows fill a page of the service."""
PARTITION = ((1).to_bytes(4),)
KEYS = [(number.to_bytes(4),) for number in range(ROWS)]
ABSENT = (ROWS.to_bytes(4),)


@pytest.fixture(scope="module", autouse=True)
def _tables(stack: Stack) -> None:
    keyspace = "CREATE KEYSPACE pages WITH replication = "
    stack.create_tables(keyspace + stack.replication, TABLE)
    single = keyspace + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(stack.target, "pages", [single, f"{TABLE} WITH {SWITCHES}"])
    for side in (stack.source, stack.behind):
        with cassandra_session(side) as session:
            insert = session.prepare("INSERT INTO pages.t (a, b, v) VALUES (1, ?, ?)")
            for number in range(ROWS):
                session.execute(insert, (number, LARGE))


@pytest.fixture
def source(stack: Stack) -> Iterator[CqlSession]:
    session = sessions.source_session(
        SourceSettings(stack.source.hosts, stack.source.port, stack.source.datacenter)
    )
    yield session
    session.close()


@pytest.fixture
def target(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[CqlSession]:
    """A session to a target that cuts most pages short and empties some."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.target.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.target.secret_access_key)
    at = stack.target
    session = sessions.target_session(TargetSettings(at.host, at.port, at.region, at.ca_file))
    stack.keyspaces.control.behave(short_pages=0.8, empty_pages=0.5, page_seed=4)
    yield session
    session.close()
    stack.keyspaces.control.reset()


def work() -> RowWork:
    """Every row and one that is not there, in one request."""
    return RowWork(ID, PARTITION, dict.fromkeys((*KEYS, ABSENT), (0,)))


def test_the_source_is_read_whole_where_a_guardrail_of_pages_is_heard_late(
    source: CqlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another answer's warning may lower the page size after the keys were put together."""
    monkeypatch.setattr(Guardrails, "rows_by_key", PAGE_ROWS)
    source.guardrails.page_rows = 5
    ((_, seen),) = CassandraSource(source, WallClock()).read([work()])
    assert isinstance(seen, Snapshot)
    assert sorted(seen.rows) == KEYS


def test_keys_of_the_service_are_read_whole(
    target: CqlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part of Hintferry reads keys of the service today; the window is the same."""
    table = Catalog(target).table(ID)
    reader = CassandraSource(target, WallClock())
    monkeypatch.setattr(reader, "table", lambda _: table)
    ((_, seen),) = reader.read([work()])
    assert isinstance(seen, Snapshot)
    assert sorted(seen.rows) == KEYS


def test_slices_and_ranges_of_the_service_are_read_whole(target: CqlSession) -> None:
    table = Catalog(target).table(ID)
    pages = KeyspacesTarget(target).rows(table, PARTITION, WHOLE_PARTITION)
    assert [key for page in pages for key in page] == KEYS
    scanned = TokenScan(target, lambda: 0).rows(table, TokenRange(-(2**63), 2**63 - 1))
    assert [row.clustering for page in scanned for row in page.keys] == KEYS


def test_a_table_is_described_whole_by_short_and_empty_pages(target: CqlSession) -> None:
    for _ in range(10):
        table = Catalog(target).table(ID)
        assert [column.name for column in table.columns] == ["a", "b", "v"]
