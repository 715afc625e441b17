"""Test what a client of Amazon Keyspaces sees, through the public driver. Nothing is local-only."""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    InvalidRequest,
    Unauthorized,
)
from cassandra.cluster import NoHostAvailable, Session
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from acceptance.questions.client import (
    UTCNOW,
    Target,
    connected,
    patiently,
    wait_active,
    wait_gone,
)
from acceptance.questions.tables import made_keyspace
from keyspaces_local import tls
from keyspaces_local.cql import classify
from tests.keyspaces_local.conftest import ENDPOINT

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings(UTCNOW)]


PACES = ["as it is"] if ENDPOINT in os.environ else ["at once", "as the service"]


@pytest.fixture(scope="module", params=PACES)
def pace(request: pytest.FixtureRequest) -> Iterator[None]:
    """Return the behaviour: without limits, or with slow DDL and the service's quotas."""
    if request.param != "as the service":
        yield
        return
    control = request.getfixturevalue("stack").keyspaces.control
    control.behave(ddl_seconds=0.3, quotas=True)
    yield
    control.reset()


@pytest.fixture(scope="module")
def keyspace(pace: None, session: Session) -> Iterator[str]:
    with made_keyspace(session) as name:
        yield name


def now_us() -> int:
    return time.time_ns() // 1000


def at(level: int, text: str) -> SimpleStatement:
    return SimpleStatement(text, consistency_level=level)


def properties(session: Session, keyspace: str, table: str) -> dict[str, dict[str, str]]:
    row = session.execute(
        "SELECT custom_properties FROM system_schema_mcs.tables"
        " WHERE keyspace_name = %s AND table_name = %s",
        (keyspace, table),
    ).one()
    return {name: dict(fields) for name, fields in row.custom_properties.items()}


# --- connecting


def test_a_driver_with_default_settings_sees_its_hosts(session: Session, target: Target) -> None:
    assert session.cluster.protocol_version == 4
    hosts = session.cluster.metadata.all_hosts()
    assert {(host.endpoint.port, host.datacenter) for host in hosts} == {
        (target.port, target.region)
    }
    assert {host.release_version for host in hosts} == {"3.11.2"}
    assert "system_schema_mcs" in session.cluster.metadata.keyspaces


def test_a_prepared_read_of_system_local_shows_the_same(session: Session) -> None:
    text = "SELECT * FROM system.local WHERE key = 'local'"
    assert session.execute(session.prepare(text)).one() == session.execute(text).one()


@pytest.mark.parametrize(
    "login",
    [
        {"aws_secret_access_key": "wrong"},
        {"aws_access_key_id": "AKIAWRONG"},
        {"region_name": "eu-central-1"},
    ],
)
def test_a_wrong_login_is_refused(target: Target, login: dict[str, str]) -> None:
    with pytest.raises(NoHostAvailable) as caught, connected(target, **login):
        pass
    assert {type(error) for error in caught.value.errors.values()} == {AuthenticationFailed}


def test_a_wrong_name_is_noticed(target: Target) -> None:
    name = "cassandra.eu-central-1.amazonaws.com"
    with pytest.raises(NoHostAvailable) as caught, connected(target, server_name=name):
        pass
    assert "certificate is not valid for" in str(caught.value)


def test_a_wrong_ca_is_noticed(target: Target, tmp_path: Path) -> None:
    tls.server_context(tmp_path, ["localhost"])
    with (
        pytest.raises(NoHostAvailable) as caught,
        connected(target, ca_file=tmp_path / tls.CA_FILE),
    ):
        pass
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)


# --- consistency

WRITE_LEVELS = [ConsistencyLevel.LOCAL_QUORUM]
READ_LEVELS = [*WRITE_LEVELS, ConsistencyLevel.ONE, ConsistencyLevel.LOCAL_ONE]
LEVELS = [*READ_LEVELS, ConsistencyLevel.QUORUM, ConsistencyLevel.ALL, ConsistencyLevel.TWO]


@pytest.mark.parametrize("level", LEVELS, ids=ConsistencyLevel.value_to_name.get)
@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("SELECT v FROM plain WHERE k = 1", READ_LEVELS),
        ("INSERT INTO plain (k, v) VALUES (1, 'a')", WRITE_LEVELS),
        ("UPDATE plain SET v = 'a' WHERE k = 1", WRITE_LEVELS),
        ("DELETE FROM plain WHERE k = 1", WRITE_LEVELS),
        ("BEGIN BATCH DELETE FROM plain WHERE k = 1 APPLY BATCH", WRITE_LEVELS),
    ],
)
def test_levels(session: Session, keyspace: str, level: int, text: str, allowed: list[int]) -> None:
    prepared = session.prepare(text)
    prepared.consistency_level = level
    for statement in (at(level, text), prepared.bind(())):
        if level in allowed:
            session.execute(statement)
        else:
            with pytest.raises(InvalidRequest, match=r"Consistency level .* is not supported"):
                session.execute(statement)


def test_a_batch_frame_needs_local_quorum(session: Session, keyspace: str) -> None:
    batch = BatchStatement(consistency_level=ConsistencyLevel.LOCAL_ONE)
    batch.add("DELETE FROM plain WHERE k = 1")
    with pytest.raises(InvalidRequest, match="LOCAL_QUORUM"):
        session.execute(batch)


# --- write times and TTL


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("UPDATE {} USING TTL 60 SET v = 'a' WHERE k = 1", r"^.*TTL is not yet supported\."),
        ("UPDATE {} USING TIMESTAMP {now} SET v = 'a' WHERE k = 1", "imestamp"),
        ("SELECT writetime(v) FROM {}", "imestamp"),
    ],
)
def test_switches_are_needed(session: Session, keyspace: str, text: str, words: str) -> None:
    for statement in (text.format("plain", now=now_us()), text.format("plain", now="?")):
        with pytest.raises(InvalidRequest, match=words):
            session.execute(session.prepare(statement).bind(()))


def test_a_switch_turned_on_counts_for_later_statements(session: Session, keyspace: str) -> None:
    session.execute("CREATE TABLE later (k int PRIMARY KEY, v text)")
    wait_active(session, keyspace, "later")
    write = "INSERT INTO later (k, v) VALUES (1, 'a') USING TTL 500"
    with pytest.raises(InvalidRequest):
        session.execute(write)
    session.execute("ALTER TABLE later WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}")
    wait_active(session, keyspace, "later")
    session.execute(write)
    assert 490 < session.execute("SELECT ttl(v) AS left FROM later").one().left <= 500


def test_the_highest_write_time_wins(session: Session, keyspace: str) -> None:
    write = session.prepare("INSERT INTO timed (k, v) VALUES (?, ?) USING TIMESTAMP ?")
    now = now_us()
    session.execute(write, (1, "new", now))
    session.execute(write, (1, "old", now - 1_000_000))
    row = session.execute("SELECT v, writetime(v) AS at FROM timed WHERE k = 1").one()
    assert (row.v, row.at) == ("new", now)
    session.execute(f"DELETE FROM timed USING TIMESTAMP {now + 1} WHERE k = 1")
    assert session.execute("SELECT v FROM timed WHERE k = 1").one() is None


@pytest.mark.parametrize(
    ("hours", "allowed"), [(0, True), (-47.9, True), (0.08, True), (-48.1, False), (0.1, False)]
)
def test_the_window_of_write_times(
    session: Session, keyspace: str, hours: float, allowed: bool
) -> None:
    moment = now_us() + int(hours * 3_600_000_000)
    bound = session.prepare("UPDATE timed USING TIMESTAMP ? SET v = ? WHERE k = ?")
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(bound, (moment, "a", 2))
    for statement in (
        f"INSERT INTO timed (k, v) VALUES (2, 'a') USING TIMESTAMP {moment}",
        bound.bind((moment, "a", 2)),
        batch,
    ):
        if allowed:
            session.execute(statement)
        else:
            with pytest.raises(InvalidRequest):
                session.execute(statement)


def test_without_the_switch_the_last_write_to_arrive_wins(session: Session, keyspace: str) -> None:
    write = session.prepare("INSERT INTO plain (k, v) VALUES (?, ?)")
    plain = session.timestamp_generator
    try:
        session.execute(write, (7, "first"))
        session.timestamp_generator = lambda: now_us() - 3_600_000_000
        session.execute(write, (7, "second"))
    finally:
        session.timestamp_generator = plain
    assert session.execute("SELECT v FROM plain WHERE k = 7").one().v == "second"


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO timed (k, v) VALUES (?, ?) USING TIMESTAMP ?",
        "UPDATE timed USING TIMESTAMP ? SET v = ? WHERE k = ?",
        "DELETE v FROM timed USING TIMESTAMP ? WHERE k = ?",
        "UPDATE rich USING TIMESTAMP ? SET m[?] = ?, l[?] = ? WHERE p = ? AND c = ?",
        "INSERT INTO rich (p, c, m, l) VALUES (?, :c, {'a': 1, '?': 2}, ?) USING TIMESTAMP :at",
        "DELETE m[?] FROM rich USING TIMESTAMP ? WHERE p = ? AND c = ?",
    ],
)
def test_markers_are_found_where_the_server_binds_them(
    session: Session, keyspace: str, text: str
) -> None:
    names = [column.name for column in session.prepare(text).column_metadata]
    timestamp = classify(text).timestamp
    assert timestamp is not None
    assert names[timestamp.marker] == (timestamp.marker_name or "[timestamp]")


# --- tables and their record


def test_a_new_table_is_shown(session: Session, keyspace: str) -> None:
    session.execute(
        "CREATE TABLE shown (k int PRIMARY KEY, v text) WITH comment = 'it''s shown' AND"
        " default_time_to_live = 3600 AND CUSTOM_PROPERTIES = {'client_side_timestamps':"
        " {'status': 'enabled'}, 'point_in_time_recovery': {'status': 'enabled'}}"
    )
    wait_active(session, keyspace, "shown")
    row = session.execute(
        "SELECT * FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s",
        (keyspace, "shown"),
    ).one()
    assert (row.status, row.comment, row.default_time_to_live) == ("ACTIVE", "it's shown", 3600)
    assert isinstance(row.creation_time, datetime)
    shown = properties(session, keyspace, "shown")
    on = {"status": "enabled"}
    assert shown["client_side_timestamps"] == shown["point_in_time_recovery"] == on
    assert shown["ttl"] == on
    assert shown["capacity_mode"]["throughput_mode"] == "PAY_PER_REQUEST"
    session.execute("INSERT INTO shown (k, v) VALUES (1, 'a')")
    assert 3590 < session.execute("SELECT ttl(v) AS left FROM shown").one().left <= 3600


def test_properties_change_one_at_a_time_and_switches_one_way(
    session: Session, keyspace: str
) -> None:
    session.execute("CREATE TABLE altered (k int PRIMARY KEY)")
    wait_active(session, keyspace, "altered")
    alter = "ALTER TABLE altered WITH CUSTOM_PROPERTIES = {}"
    with pytest.raises(InvalidRequest):
        session.execute(
            alter.replace("{}", "{'ttl': {'status': 'enabled'}, 'cdc': {'status': 'enabled'}}")
        )
    for name in ("ttl", "client_side_timestamps"):
        session.execute(alter.replace("{}", f"{{'{name}': {{'status': 'enabled'}}}}"))
        wait_active(session, keyspace, "altered")
        assert properties(session, keyspace, "altered")[name] == {"status": "enabled"}
        with pytest.raises(InvalidRequest):
            session.execute(alter.replace("{}", f"{{'{name}': {{'status': 'disabled'}}}}"))
    session.execute("ALTER TABLE altered ADD v text")
    wait_active(session, keyspace, "altered")
    assert "ttl" in properties(session, keyspace, "altered")
    columns = session.cluster.metadata.keyspaces[keyspace].tables["altered"].columns
    assert set(columns) == {"k", "v"}


def test_a_dropped_table_is_gone_and_comes_back_plain(session: Session, keyspace: str) -> None:
    create = "CREATE TABLE {} fleeting (k int PRIMARY KEY)"
    switch = " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"
    session.execute(create.format("") + switch)
    wait_active(session, keyspace, "fleeting")
    session.execute(create.format("IF NOT EXISTS"))
    assert "ttl" in properties(session, keyspace, "fleeting")
    session.execute("DROP TABLE fleeting")
    with pytest.raises(InvalidRequest, match=r"unconfigured table .*fleeting"):
        session.execute("SELECT k FROM fleeting")
    wait_gone(session, keyspace, "fleeting")
    session.execute(create.format(""))
    wait_active(session, keyspace, "fleeting")
    assert "ttl" not in properties(session, keyspace, "fleeting")


def test_system_tables_show_keyspaces_and_columns(session: Session, keyspace: str) -> None:
    row = session.execute(
        "SELECT * FROM system_schema_mcs.keyspaces WHERE keyspace_name = %s", (keyspace,)
    ).one()
    assert row.durable_writes
    assert row.replication["class"].endswith(".SimpleStrategy")
    assert row.replication["replication_factor"] == "3"
    columns = session.execute(
        "SELECT column_name, kind FROM system_schema_mcs.columns"
        " WHERE keyspace_name = %s AND table_name = 'rich'",
        (keyspace,),
    )
    kinds = {row.column_name: row.kind for row in columns}
    assert kinds == {
        "p": "partition_key", "c": "clustering", "s": "static",
        "t": "regular", "l": "regular", "m": "regular",
    }  # fmt: skip


def test_tags_are_kept(session: Session, keyspace: str) -> None:
    session.execute("CREATE TABLE tagged (k int PRIMARY KEY) WITH TAGS = {'team': 'x', 'env': 'y'}")
    wait_active(session, keyspace, "tagged")
    rows = session.execute("SELECT resource_name, tags FROM system_schema_mcs.tags")
    tags = {row.resource_name: dict(row.tags) for row in rows}
    assert tags["tagged"] == {"env": "y", "team": "x"}


# --- statements


@pytest.mark.parametrize(
    "text",
    [
        "TRUNCATE plain",
        "CREATE INDEX ON plain (v)",
        "CREATE MATERIALIZED VIEW w AS SELECT k FROM plain WHERE k IS NOT NULL PRIMARY KEY (k)",
        "CREATE FUNCTION f (a int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'x'",
        "ALTER TYPE u ADD f int",
        "ALTER TABLE plain DROP v",
        "ALTER TABLE plain RENAME k TO j",
        "CREATE ROLE r",
        "SELECT count(*) FROM plain",
        "SELECT max(k) FROM plain",
        "DELETE FROM plain WHERE k IN (1, 2)",
        "UPDATE plain SET v = 'a' WHERE k IN (1, 2)",
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy',"
        " 'replication_factor': 1}",
        "SELECT * FROM system.peers_v2",
    ],
)
def test_what_keyspaces_lacks_is_an_invalid_request(
    session: Session, keyspace: str, text: str
) -> None:
    with pytest.raises(InvalidRequest):
        session.execute(text)


@pytest.mark.parametrize("text", ["WIBBLE", "DESCRIBE TABLES", "SELECT k FROM plain; DROP TABLE p"])
def test_what_is_no_statement_is_a_syntax_error(session: Session, keyspace: str, text: str) -> None:
    with pytest.raises(SyntaxException):
        session.execute(text)


def test_system_keyspaces_are_read_only(session: Session) -> None:
    for text in (
        "DELETE FROM system_schema_mcs.tables WHERE keyspace_name = 'a'",
        "DROP KEYSPACE system_schema_mcs",
    ):
        with pytest.raises(Unauthorized):
            session.execute(text)


def test_ddl_cannot_be_prepared(session: Session, keyspace: str) -> None:
    with pytest.raises(InvalidRequest):
        session.prepare("CREATE TABLE prepared (k int PRIMARY KEY)")


@pytest.mark.parametrize(
    ("kind", "size", "allowed"),
    [
        (BatchType.UNLOGGED, 30, True),
        (BatchType.UNLOGGED, 31, False),
        (BatchType.LOGGED, 100, True),
        (BatchType.LOGGED, 101, False),
    ],
)
def test_batch_sizes(
    session: Session, keyspace: str, kind: BatchType, size: int, allowed: bool
) -> None:
    write = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, ?)")
    batch = BatchStatement(kind)
    for number in range(size):
        batch.add(write, (size, number, "a"))
    if not allowed:
        with pytest.raises(InvalidRequest):
            session.execute(batch)
        return
    session.execute(batch)
    assert len(session.execute(f"SELECT c FROM rich WHERE p = {size}").all()) == size


def test_a_range_delete_of_too_many_rows_is_refused(session: Session, keyspace: str) -> None:
    write = session.prepare("INSERT INTO rich (p, c, t) VALUES (?, ?, 'a')")
    for numbers in (range(first, min(first + 30, 1001)) for first in range(0, 1001, 30)):
        rows = BatchStatement(BatchType.UNLOGGED)
        for number in numbers:
            rows.add(write, (77, number))
        patiently(session, rows)
    whole = "DELETE FROM rich WHERE p = {}"
    prepared = session.prepare(whole.format("?"))
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(prepared, (77,))
    for statement in (whole.format(77), prepared.bind((77,)), batch):
        with pytest.raises(InvalidRequest, match="Range delete requests are limited"):
            session.execute(statement)
    patiently(session, "DELETE FROM rich WHERE p = 77 AND c < 1")
    patiently(session, prepared, (77,))
    assert session.execute("SELECT c FROM rich WHERE p = 77 LIMIT 1").one() is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_too_large_is_refused(session: Session, keyspace: str, number: int) -> None:
    """The row; the clustering columns; the digits of a varint."""
    session.execute(
        "CREATE TABLE IF NOT EXISTS large (p int, c text, v varint, t text, PRIMARY KEY (p, c))"
    )
    wait_active(session, keyspace, "large")
    large = {1: ("c", 1, "t" * 1_100_000), 2: ("c" * 851, 1, "t"), 3: ("c", 10**38 + 1, "t")}
    write = session.prepare("INSERT INTO large (p, c, v, t) VALUES (1, ?, ?, ?)")
    patiently(session, write, ("c" * 850, 10**38 - 1, "t" * 900_000))
    with pytest.raises(InvalidRequest):
        session.execute(write, large[number])


@pytest.mark.parametrize("ttl", [False, True])
def test_a_statement_writes_so_many_columns(session: Session, keyspace: str, ttl: bool) -> None:
    table, limit = ("wide_ttl", 166) if ttl else ("wide", 225)
    names = [f"v{number}" for number in range(limit + 1)]
    switch = " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}" if ttl else ""
    columns = ", ".join(f"{name} int" for name in names)
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, {columns}){switch}")
    wait_active(session, keyspace, table)
    changes = [f"{name} = 1" for name in names]
    session.execute(f"UPDATE {table} SET {', '.join(changes[:limit])} WHERE k = 1")
    with pytest.raises(InvalidRequest):
        session.execute(f"UPDATE {table} SET {', '.join(changes)} WHERE k = 1")


def test_an_in_makes_so_many_reads(session: Session, keyspace: str) -> None:
    text = "SELECT v FROM plain WHERE k IN ?"
    read = session.prepare(text)
    session.execute(read, (list(range(100)),))
    with pytest.raises(InvalidRequest):
        session.execute(read, (list(range(101)),))


def test_types_that_keyspaces_lacks_are_refused(session: Session, keyspace: str) -> None:
    for text in (
        "CREATE TABLE vectors (k int PRIMARY KEY, v vector<float, 3>)",
        "ALTER TABLE plain ADD v2 vector<float, 3>",
        "CREATE TYPE vectors (v vector<float, 3>)",
    ):
        with pytest.raises((InvalidRequest, SyntaxException)):
            session.execute(text)


def test_conditions_belong_in_logged_batches(session: Session, keyspace: str) -> None:
    text = "INSERT INTO rich (p, c) VALUES (500, 1) IF NOT EXISTS"
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(text)
    with pytest.raises(InvalidRequest):
        session.execute(batch)
    assert session.execute(text).was_applied
    assert not session.execute(text).was_applied


def test_every_kind_of_value_passes(session: Session, keyspace: str) -> None:
    big = "ü" * 400_000
    write = session.prepare("INSERT INTO rich (p, c, s, t, l, m) VALUES (?, ?, ?, ?, ?, ?)")
    session.execute(write, (9, 1, "static", big, [1, 2], {"a": 1}))
    session.execute("UPDATE rich SET l = l + [3], m['b'] = 2 WHERE p = 9 AND c = 1")
    row = session.execute("SELECT s, t, l, m FROM rich WHERE p = 9 AND c = 1").one()
    assert (row.s, row.t, row.l, dict(row.m)) == ("static", big, [1, 2, 3], {"a": 1, "b": 2})
    for _ in range(2):
        session.execute("UPDATE counts SET n = n + 2 WHERE k = 1")
    assert session.execute("SELECT n FROM counts WHERE k = 1").one().n == 4


def test_pages_follow_each_other(session: Session, keyspace: str) -> None:
    write = session.prepare("INSERT INTO rich (p, c) VALUES (?, ?)")
    for number in range(50):
        session.execute(write, (10, number))
    read: Any = session.prepare("SELECT c FROM rich WHERE p = ?")
    read.fetch_size = 7
    assert [row.c for row in session.execute(read, (10,))] == list(range(50))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("UPDATE rich SET m[?] = ? WHERE p = 11 AND c = 1", ("k" * 3_000_000, 1)),
        ("UPDATE rich SET m = m + ? WHERE p = 11 AND c = 1", ({"k" * 3_000_000: 1},)),
        ("UPDATE rich SET t = blobAsText(?) WHERE p = 11 AND c = 1", (b"t" * 3_000_000,)),
        ("INSERT INTO rich JSON ?", ('{"p": 11, "c": 1, "t": "' + "t" * 3_000_000 + '"}',)),
    ],
)
def test_no_way_of_writing_passes_a_limit(
    session: Session, keyspace: str, text: str, values: tuple[object, ...]
) -> None:
    write = session.prepare(text)
    small = tuple(b"t" if isinstance(value, bytes) else value for value in values)
    with pytest.raises(InvalidRequest):
        session.execute(write, values)
    assert session.execute("SELECT c FROM rich WHERE p = 11").one() is None
    if small != values:
        session.execute(write, small)
        assert session.execute("SELECT t FROM rich WHERE p = 11").one().t == "t"
        session.execute("DELETE FROM rich WHERE p = 11")


def test_many_requests_at_once_get_their_own_answers(session: Session, keyspace: str) -> None:
    write = session.prepare("INSERT INTO timed (k, v) VALUES (?, ?) USING TIMESTAMP ?")
    read = session.prepare("SELECT k, v FROM timed WHERE k = ?")
    keys = range(1000, 1300)
    for future in [session.execute_async(write, (k, str(k), now_us())) for k in keys]:
        future.result()
    wrong = session.prepare("INSERT INTO timed (k, v) VALUES (?, ?) USING TIMESTAMP ?")
    refused = [session.execute_async(wrong, (k, "x", 1)) for k in keys]
    found = [session.execute_async(read, (k,)) for k in keys]
    assert [future.result().one() for future in found] == [(k, str(k)) for k in keys]
    for future in refused:
        with pytest.raises(InvalidRequest):
            future.result()
