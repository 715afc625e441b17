"""A real Cassandra that asks for a password gives our role what `docs/security.md` grants, no more.

The statements are taken from that page as they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable, Session

from hintferry import wiring
from hintferry.adapters.cassandra import CassandraSource
from hintferry.adapters.clock import WallClock
from hintferry.adapters.ring import ranges_of
from hintferry.adapters.scan import Consistency, TokenScan
from hintferry.adapters.session import CqlSession
from hintferry.adapters.source_settings import Auth, SourceSettings
from hintferry.core.coalesce import RowWork
from hintferry.core.errors import Unreachable
from hintferry.core.rows import Snapshot
from hintferry.core.schema import TableId
from hintferry.core.tokens import WHOLE_RING
from sandbox import cassandra
from sandbox.addresses import claim
from sandbox.cassandra import Node, Ring
from sandbox.queue_source import client
from sandbox.release import CASSANDRA_5
from sandbox.stack import Stack
from sandbox.waiting import until
from tools.places import ROOT

pytestmark = pytest.mark.stack

ORDERS, READINGS, SALARIES = (TableId("shop", name) for name in ("orders", "readings", "salaries"))
PASSWORD = "not that of the page"
ASKS = "authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\n"
FIRST_ROLE_S = 60.0


def granted() -> list[str]:
    """The statements of the page, with a password in place of its dots."""
    page = (ROOT / "docs" / "security.md").read_text()
    (block,) = re.findall(r"```\n(CREATE ROLE.*?)```", page, flags=re.DOTALL)
    code = re.sub(r"--.*", "", block).replace("'...'", f"'{PASSWORD}'")
    return [statement.strip() for statement in code.split(";") if statement.strip()]


@contextmanager
def logged_in(host: str, name: str, password: str) -> Iterator[Session]:
    """A plain session as that role."""
    login = PlainTextAuthProvider(name, password)
    cluster = Cluster([host], cassandra.PORT, auth_provider=login, protocol_version=4)
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One Cassandra with a row in each of three tables, of which the page grants two."""
    release = replace(CASSANDRA_5, yaml=f"{CASSANDRA_5.yaml}\n{ASKS}")
    with claim([(11, cassandra.PORT), (11, cassandra.STORAGE_PORT)]) as block:
        host = block.address(11)
        ring = Ring("locked", "datacenter1", (host,), cdc=True, release=release)
        one = Node(ring, host, tmp_path_factory.mktemp("locked"))
        one.start()
        try:
            until(lambda: is_open(host), FIRST_ROLE_S, "the first role is made")
            with logged_in(host, "cassandra", "cassandra") as admin:
                fill(admin)
                for statement in granted():
                    admin.execute(statement)
            yield one
        finally:
            one.kill()


def is_open(host: str) -> bool:
    try:
        with logged_in(host, "cassandra", "cassandra"):
            return True
    except NoHostAvailable:
        return False


def fill(admin: Session) -> None:
    single = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
    admin.execute(f"CREATE KEYSPACE shop WITH replication = {single}")
    for table in (ORDERS, READINGS, SALARIES):
        admin.execute(f"CREATE TABLE shop.{table.name} (a int PRIMARY KEY, v text)")
        admin.execute(f"INSERT INTO shop.{table.name} (a, v) VALUES (1, 'v')")


@pytest.fixture
def near(stack: Stack, node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[CqlSession]:
    """Our session with it, whose secret lies where a function finds it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.aws.secret_access_key)
    secrets = client(stack.aws, "secretsmanager")
    secret = json.dumps({"username": "hintferry", "password": PASSWORD})
    arn = secrets.create_secret(Name="locked", SecretString=secret)["ARN"]
    session = wiring.source_session(settings(node, auth=Auth.PASSWORD, secret_arn=arn))
    yield session
    session.close()
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def settings(node: Node, **login: Any) -> SourceSettings:
    return SourceSettings((node.host,), cassandra.PORT, "datacenter1", **login)


def test_the_role_reads_the_tables_that_are_granted_as_hints_and_as_a_sweep(
    near: CqlSession,
) -> None:
    clock = WallClock()
    source = CassandraSource(near, clock, frozenset())
    key = ((1).to_bytes(4),)
    for table in (ORDERS, READINGS):
        ((_, seen),) = source.read([RowWork(table, key, {(): (0,)})])
        assert isinstance(seen, Snapshot)
        assert seen.rows[()] is not None
        scan = TokenScan(near, clock.read_start, frozenset(), Consistency.LOCAL_QUORUM.value)
        pages = list(scan.rows(source.table(table), WHOLE_RING))
        assert sum(page.count for page in pages) == 1
    # Both sides of it: the ring is all that is asked of either.
    assert ranges_of(ORDERS, near, near)


def test_the_role_reads_no_other_table_and_writes_none(node: Node, near: CqlSession) -> None:
    source = CassandraSource(near, WallClock(), frozenset())
    ((_, refused),) = source.read([RowWork(SALARIES, ((1).to_bytes(4),), {(): (0,)})])
    assert "has no SELECT permission" in str(refused)
    assert "salaries" in str(refused)
    with logged_in(node.host, "hintferry", PASSWORD) as ours:
        for statement in (
            "INSERT INTO shop.orders (a, v) VALUES (2, 'w')",
            "DELETE FROM shop.orders WHERE a = 1",
            "TRUNCATE shop.orders",
            "ALTER TABLE shop.orders WITH comment = ''",
            "CREATE TABLE shop.more (a int PRIMARY KEY)",
            "CREATE ROLE more",
        ):
            with pytest.raises(Unauthorized):
                ours.execute(statement)


def test_nobody_is_let_in_without_a_password(node: Node) -> None:
    session = wiring.source_session(settings(node))
    try:
        with pytest.raises(Unreachable, match="cannot connect") as refused:
            session.current()
        assert PASSWORD not in str(refused.value)
    finally:
        session.close()
