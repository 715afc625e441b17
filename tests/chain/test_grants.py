"""A real Cassandra that asks for a password gives our role what the page grants, no more.

The page is `docs/explanation/security.md`.

The statements are taken from that page as they stand.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable, Session

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.source_settings import Auth, SourceSettings
from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.captures import CqlCaptures
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.adapters.source.catalog import VERSION_CHECK_S
from hintferry.adapters.sweep.ring import ranges_of
from hintferry.adapters.sweep.scan import Consistency, TokenScan
from hintferry.core.errors import ConfigurationError, HintferryError, Masked, Side, Unreachable
from hintferry.core.hint import Slice
from hintferry.core.rows import Snapshot
from hintferry.core.schema import TableId
from hintferry.core.tokens import WHOLE_RING
from hintferry.core.work import RowWork, SliceWork
from hintferry.wiring import sessions
from hintferry_ops.fit.inspection import CqlInspection
from sandbox.parts import cassandra
from sandbox.parts.addresses import claim
from sandbox.parts.cassandra import Node, Ring
from sandbox.parts.waiting import until
from sandbox.services.queue_source import client
from sandbox.stack import Stack
from tools.places import ROOT
from tools.releases import CASSANDRA_5

pytestmark = pytest.mark.stack

ORDERS, READINGS, SALARIES = (TableId("shop", name) for name in ("orders", "readings", "salaries"))
WIDE = TableId("shop", "wide")
MASK = {ORDERS: " MASKED WITH DEFAULT", READINGS: "", SALARIES: ""}
"""The page grants UNMASK on the first."""

PASSWORD = "not that of the page"
ASKS = """authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
dynamic_data_masking_enabled: true
in_select_cartesian_product_fail_threshold: 7
page_size_warn_threshold: 20
page_size_fail_threshold: 40
partition_keys_in_select_fail_threshold: 1
"""
FIRST_ROLE_S = 60.0
ROWS = 150


def granted() -> list[str]:
    """The statements of the page, with a password in place of its dots."""
    page = (ROOT / "docs" / "explanation" / "security.md").read_text()
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
                for statement in (*granted(), "GRANT SELECT ON TABLE shop.wide TO hintferry"):
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
        admin.execute(f"CREATE TABLE shop.{table.name} (a int PRIMARY KEY, v text{MASK[table]})")
        admin.execute(f"INSERT INTO shop.{table.name} (a, v) VALUES (1, 'v')")
    admin.execute("CREATE TABLE shop.wide (a int, b int, c int, v int, PRIMARY KEY (a, b, c))")
    for row in range(ROWS):
        admin.execute(f"INSERT INTO shop.wide (a, b, c, v) VALUES (1, {row}, {row}, {row})")


@pytest.fixture
def source_session(
    stack: Stack, node: Node, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CqlSession]:
    """Our session with it, whose secret lies where a function finds it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.aws.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.aws.secret_access_key)
    secrets = client(stack.aws, "secretsmanager")
    secret = json.dumps({"username": "hintferry", "password": PASSWORD})
    arn = secrets.create_secret(Name="locked", SecretString=secret)["ARN"]
    session = sessions.source_session(settings(node, auth=Auth.PASSWORD, secret_arn=arn))
    yield session
    session.close()
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def settings(node: Node, **login: Any) -> SourceSettings:
    return SourceSettings((node.host,), cassandra.PORT, "datacenter1", **login)


def test_the_role_reads_the_tables_that_are_granted_as_hints_and_as_a_sweep(
    source_session: CqlSession,
) -> None:
    clock = WallClock()
    source = CassandraSource(source_session, clock)
    key = ((1).to_bytes(4),)
    for table in (ORDERS, READINGS):
        ((_, seen),) = source.read([RowWork(table, key, {(): (0,)})])
        assert isinstance(seen, Snapshot)
        assert seen.rows[()].values == (b"v",)
        scan = TokenScan(source_session, clock.read_start, Consistency.LOCAL_QUORUM.value)
        pages = list(scan.rows(source.table(table), WHOLE_RING))
        assert sum(page.count for page in pages) == 1
    # Both sides of it: the ring is all that is asked of either.
    assert ranges_of(ORDERS, source_session, source_session)


def test_guardrails_of_the_node_are_kept_to_without_a_flood_of_warnings(
    source_session: CqlSession, caplog: pytest.LogCaptureFixture
) -> None:
    """S13: of keys in a list, and of pages, of which each row by itself was the last resort."""
    clock = WallClock()
    source = CassandraSource(source_session, clock)
    keys = [(row.to_bytes(4), row.to_bytes(4)) for row in range(ROWS)]
    partition = (1).to_bytes(4)
    works = [
        RowWork(WIDE, (partition,), {key: (i,) for i, key in enumerate(keys[at : at + 30])})
        for at in range(0, ROWS, 30)
    ]
    seen = [snapshot for _, snapshot in source.read(works)]
    assert all(isinstance(one, Snapshot) for one in seen), seen
    assert sorted(key for one in seen for key in cast(Snapshot, one).rows) == keys
    assert (source_session.guardrails.listed_keys, source_session.guardrails.page_rows) == (7, 20)
    asked = len(list(source.read(works)))
    assert asked == len(works) * -(-30 // 7)
    slice_ = SliceWork(WIDE, (partition,), Slice(), ())
    pages = list(source.pages(slice_))
    assert sorted(key for page in pages for key in page.rows) == keys
    assert max(len(page.rows) for page in pages) == 20
    scan = TokenScan(source_session, clock.read_start, Consistency.LOCAL_QUORUM.value)
    assert sum(page.count for page in scan.rows(source.table(WIDE), WHOLE_RING)) == ROWS
    warned = [record for record in caplog.records if "Guardrail" in record.getMessage()]
    assert len(warned) <= 3


def test_the_role_reads_no_other_table_and_writes_none(
    node: Node, source_session: CqlSession
) -> None:
    source = CassandraSource(source_session, WallClock())
    ((_, refused),) = source.read([RowWork(SALARIES, ((1).to_bytes(4),), {(): (0,)})])
    assert "has no SELECT permission" in str(refused)
    assert "salaries" in str(refused)
    with logged_in(node.host, "hintferry", PASSWORD) as session:
        for statement in (
            "INSERT INTO shop.orders (a, v) VALUES (2, 'w')",
            "DELETE FROM shop.orders WHERE a = 1",
            "TRUNCATE shop.orders",
            "ALTER TABLE shop.orders WITH comment = ''",
            "CREATE TABLE shop.more (a int PRIMARY KEY)",
            "CREATE ROLE more",
        ):
            with pytest.raises(Unauthorized):
                session.execute(statement)


ROLES = {
    "none": ([], False),
    "select_masked": (["GRANT SELECT_MASKED ON TABLE shop.{table} TO {role}"], False),
    "keyspace": (["GRANT UNMASK ON KEYSPACE shop TO {role}"], True),
    "everything": (["GRANT ALL PERMISSIONS ON KEYSPACE shop TO {role}"], True),
    "inherited": (
        [
            "CREATE ROLE up_{role}",
            "GRANT UNMASK ON TABLE shop.{table} TO up_{role}",
            "GRANT up_{role} TO {role}",
        ],
        True,
    ),
    "superuser": (["ALTER ROLE {role} WITH SUPERUSER = true"], True),
    "lists_all_roles": (["GRANT DESCRIBE ON ALL ROLES TO {role}"], False),
}
COLUMNS = {
    "text": "id text, v text MASKED WITH mask_inner(0, 1), PRIMARY KEY (id)",
    "key": "id text MASKED WITH DEFAULT, v text, PRIMARY KEY (id)",
    "clustering": "id text, v text MASKED WITH DEFAULT, PRIMARY KEY (id, v)",
    "collection": "id text, v map<text, text> MASKED WITH DEFAULT, PRIMARY KEY (id)",
}


@contextmanager
def as_role(node: Node, role: str) -> Iterator[CqlSession]:
    """A session of ours as that role."""

    def build() -> Cluster:
        login = PlainTextAuthProvider(role, PASSWORD)
        made = sessions.source_session(settings(node))._build_cluster()
        made.auth_provider = login
        return made

    session = CqlSession(Side.SOURCE, build)
    try:
        yield session
    finally:
        session.close()


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_masked_table_is_read_by_who_may_unmask_it_and_by_nobody_else(
    kind: str, node: Node
) -> None:
    table = TableId("shop", f"masked_{kind}")
    with logged_in(node.host, "cassandra", "cassandra") as admin:
        admin.execute(f"CREATE TABLE shop.{table.name} ({COLUMNS[kind]})")
        for name, (grants, _) in ROLES.items():
            role = f"{name}_{kind}"
            admin.execute(f"CREATE ROLE {role} WITH LOGIN = true AND PASSWORD = '{PASSWORD}'")
            admin.execute(f"GRANT SELECT ON TABLE shop.{table.name} TO {role}")
            for grant in grants:
                admin.execute(grant.format(role=role, table=table.name))
    for name, (_, may_read) in ROLES.items():
        with as_role(node, f"{name}_{kind}") as session:
            source = CassandraSource(session, WallClock())
            if may_read:
                assert source.table(table).masked
                continue
            with pytest.raises(Masked, match=f'GRANT UNMASK ON TABLE .* TO "{name}_{kind}"'):
                source.table(table)


def value_of(source: CassandraSource, table: TableId) -> bytes | str | None:
    """Return what a hint's read of the row sees, or the error that returns the hint."""
    ((_, seen),) = source.read([RowWork(table, ((1).to_bytes(4),), {(): (0,)})])
    return str(seen) if isinstance(seen, HintferryError) else seen.rows[()].values[0]


def test_a_mask_that_appears_holds_the_table_until_every_node_lets_us_see(
    node: Node, source_session: CqlSession
) -> None:
    """Grants are told at once, and each node masks until it has read them again: for 2 s here."""
    source = CassandraSource(source_session, WallClock())
    assert value_of(source, READINGS) == b"v"
    with logged_in(node.host, "cassandra", "cassandra") as admin:
        admin.execute("ALTER TABLE shop.readings ALTER v MASKED WITH mask_replace('hidden')")
        time.sleep(2 * VERSION_CHECK_S)
        assert "GRANT UNMASK" in str(value_of(source, READINGS))
        admin.execute("GRANT UNMASK ON TABLE shop.readings TO hintferry")
        seen: set[bytes | str | None] = set()

        def is_read() -> bool:
            seen.add(value_of(source, READINGS))
            return b"v" in seen

        until(is_read, 60, "it is read")
        assert b"hidden" not in seen
        admin.execute("REVOKE UNMASK ON TABLE shop.readings FROM hintferry")
        time.sleep(1.1)
        assert "GRANT UNMASK" in str(value_of(source, READINGS))
        admin.execute("ALTER TABLE shop.readings ALTER v DROP MASKED")
        until(lambda: value_of(source, READINGS) == b"v", 60, "it is read without a mask")


def connectors_grants() -> list[str]:
    """The grants that the page names for the connector."""
    page = (ROOT / "docs" / "explanation" / "security.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| the connector"))
    return [f"{one} TO connector" for one in re.findall(r"`(GRANT [^`]*)`", row)]


CAPTURES_WORK = (
    "SELECT value FROM system_views.settings WHERE name = 'cdc_enabled'",
    "INSERT INTO hintferry.captures (host_id, state) VALUES (uuid(), '') USING TTL 9",
    "INSERT INTO hintferry.watermarks (name, host_id, number) VALUES ('t', uuid(), 1)",
    "SELECT number FROM hintferry.markers WHERE name = 't'",
    "UPDATE hintferry.markers SET number = 2 WHERE name = 't' IF number = 1",
)
"""A statement of each kind that capture sends, but for those on the schema."""

SMALL_PAGE = 10
"""Below the node's guardrail."""


def test_the_connectors_role_needs_each_of_its_grants_and_nothing_else(node: Node) -> None:
    with logged_in(node.host, "cassandra", "cassandra") as admin:
        for statement in cql.SOURCE_TABLES:
            single = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
            admin.execute(statement.replace("{replication}", single))
        admin.execute(f"CREATE ROLE connector WITH LOGIN = true AND PASSWORD = '{PASSWORD}'")
        with logged_in(node.host, "connector", PASSWORD) as session:
            session.default_fetch_size = SMALL_PAGE
            session.execute("SELECT host_id, schema_version FROM system.local")
            session.execute("SELECT table_name, cdc FROM system_schema.tables")
            for statement in CAPTURES_WORK:
                with pytest.raises(Unauthorized):
                    session.execute(statement)
        for grant in connectors_grants():
            admin.execute(grant)
        until(lambda: allows(node), FIRST_ROLE_S, "every statement of capture is allowed")


def allows(node: Node) -> bool:
    try:
        with logged_in(node.host, "connector", PASSWORD) as session:
            session.default_fetch_size = SMALL_PAGE
            for statement in CAPTURES_WORK:
                session.execute(statement)
    except Unauthorized:
        return False
    return True


def test_preflight_of_a_role_without_grants_says_what_it_could_not_see(
    node: Node, source_session: CqlSession
) -> None:
    with logged_in(node.host, "cassandra", "cassandra") as admin:
        admin.execute(f"CREATE ROLE bare WITH LOGIN = true AND PASSWORD = '{PASSWORD}'")
    with as_role(node, "bare") as session:
        facts = CqlInspection(session).facts(with_settings=True)
        assert [one.settings for one in facts.nodes] == [None]
        captures = CqlCaptures(session, "datacenter1", False, WallClock(), str)
        with pytest.raises(ConfigurationError, match=r"GRANT SELECT .* hintferry\.captures"):
            captures.witness(ORDERS)


def test_nobody_is_let_in_without_a_password(node: Node) -> None:
    session = sessions.source_session(settings(node))
    try:
        with pytest.raises(Unreachable, match="cannot connect") as refused:
            session.current()
        assert PASSWORD not in str(refused.value)
    finally:
        session.close()
