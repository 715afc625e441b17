"""Whatever names, types, views and keyspaces people make, what has cdc is captured, and says so."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import tables
from sandbox.parts.kafka import create_topics
from sandbox.parts.waiting import until
from sandbox.stack import Stack
from tests.capture.hints import b64, read, topic

pytestmark = pytest.mark.stack

KEYSPACE, SYSTEM_LIKE = "odd", "system_shop"
SOON_S = 60.0
A_WAIT_S = 10.0
"""So long capture once waited at each mutation that it could not read."""
Hinted = Callable[..., list[str]]


@pytest.fixture(scope="module")
def cql(stack: Stack) -> Iterator[Any]:
    stack.create_tables(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}",
        f"CREATE KEYSPACE {SYSTEM_LIKE} WITH replication = {stack.replication}",
        f"CREATE TABLE {KEYSPACE}.plain (id int PRIMARY KEY, v int, old int) WITH cdc = true",
        f"CREATE TABLE {KEYSPACE}.unwatched (id int PRIMARY KEY, v int)",
    )
    with tables.session(stack.source) as session:
        session.set_keyspace(KEYSPACE)
        yield session


@pytest.fixture
def hinted(stack: Stack, cql: Any) -> Hinted:
    """Run DDL, wait until the table is captured, write its row 1; the scopes that were hinted."""

    def run(table: str, insert: str, *ddl: str, keyspace: str = KEYSPACE) -> list[str]:
        create_topics(stack.kafka, [stack.topic(f"{keyspace}.{table}")])
        for statement in ddl:
            cql.execute(statement)
        stack.captures[0].wait_for_table(keyspace, table, SOON_S)
        with topic(stack, keyspace, table) as hints:
            cql.execute(insert)
            return [hint.value["scope"] for hint in read(hints, 1)]

    return run


def entry(stack: Stack, table: str, keyspace: str = KEYSPACE) -> dict[str, Any] | None:
    """Return what the state says of a table."""
    listed = stack.captures[0].state()["tables"]
    named = [one for one in listed if (one["keyspace"], one["table"]) == (keyspace, table)]
    return named[0] if named else None


def since(stack: Stack, table: str = "plain") -> int:
    found = entry(stack, table)
    assert found is not None
    return int(found["since"])


@pytest.mark.parametrize(
    ("name", "inner", "outer"),
    [
        ("mixed", '"Phone"', '"Contact"'),
        ("reserved", '"order"', "invoice"),
        ("words", '"vector"', "org"),
        ("brackets", '"frozen"', '"list<int>"'),
    ],
)
def test_types_are_taken_over_whatever_their_names(
    name: str, inner: str, outer: str, hinted: Hinted, cql: Any
) -> None:
    """A type in a type, and another table of the keyspace altered while they are there."""
    own = hinted(
        name,
        f"INSERT INTO {name} (id, o) VALUES (1, {{i: {{n: 1}}}})",
        f"CREATE TYPE {inner} (n int)",
        f"CREATE TYPE {outer} (i frozen<{inner}>)",
        f"CREATE TABLE {name} (id int PRIMARY KEY, o {outer}, l list<frozen<{outer}>>)"
        " WITH cdc = true",
    )
    other = hinted(
        f"{name}_other",
        f"INSERT INTO {name}_other (id) VALUES (1)",
        f"CREATE TABLE {name}_other (id int PRIMARY KEY)",
        f"ALTER TABLE {name}_other WITH cdc = true",
    )
    assert (own, other) == (["row"], ["row"])


def test_a_vector_of_another_table_costs_nothing(stack: Stack, hinted: Hinted) -> None:
    """The driver's own schema stops at that type, and knows no table that is made later."""
    if stack.release.version == "4.1":
        pytest.skip("no such type there")
    assert hinted(
        "beside",
        "INSERT INTO beside (id) VALUES (1)",
        "CREATE TABLE embeddings (id int PRIMARY KEY, v vector<float, 3>)",
        "CREATE TABLE beside (id int PRIMARY KEY) WITH cdc = true",
    ) == ["row"]


def test_tables_whose_names_kafka_would_take_for_one_have_topics_of_their_own(
    stack: Stack, hinted: Hinted, cql: Any
) -> None:
    """`odd.x_events` and `odd_x.events`: to Kafka the first dot of a name is a `_`."""
    cql.execute(f"CREATE KEYSPACE {KEYSPACE}_x WITH replication = {stack.replication}")
    create = "CREATE TABLE {} (id int PRIMARY KEY) WITH cdc = true"
    for keyspace, table in ((KEYSPACE, "x_events"), (f"{KEYSPACE}_x", "events")):
        name = f"{keyspace}.{table}"
        insert = f"INSERT INTO {name} (id) VALUES (1)"
        assert hinted(table, insert, create.format(name), keyspace=keyspace) == ["row"]
        assert (entry(stack, table, keyspace) or {})["topic"] == stack.topic(name)


def test_a_keyspace_that_is_named_like_cassandras_own_is_a_users(hinted: Hinted) -> None:
    table = f"{SYSTEM_LIKE}.carts"
    insert = f"INSERT INTO {table} (id) VALUES (1)"
    create = f"CREATE TABLE {table} (id int PRIMARY KEY) WITH cdc = true"
    assert hinted("carts", insert, create, keyspace=SYSTEM_LIKE) == ["row"]


def test_a_view_that_is_made_meanwhile_holds_nothing_up(
    stack: Stack, hinted: Hinted, cql: Any
) -> None:
    """The updates of the view stand in the log under the view's own id."""
    scopes = hinted(
        "viewed",
        "INSERT INTO viewed (id, v) VALUES (1, 1)",
        "CREATE TABLE viewed (id int PRIMARY KEY, v int) WITH cdc = true",
        "CREATE MATERIALIZED VIEW by_v AS SELECT * FROM viewed WHERE v IS NOT NULL AND id IS NOT"
        " NULL PRIMARY KEY (v, id)",
    )
    with topic(stack, KEYSPACE, "plain") as hints:
        began = time.monotonic()
        for number in range(20):
            cql.execute("INSERT INTO viewed (id, v) VALUES (%s, %s)", [number, number])
        cql.execute("INSERT INTO plain (id) VALUES (100)")
        assert [hint.value["pk"] for hint in read(hints, 1)] == [b64(i32(100))]
        assert time.monotonic() - began < A_WAIT_S
    assert scopes == ["row"]
    assert entry(stack, "by_v") is None
    assert "LOST" not in stack.captures[0].output()


def test_a_write_of_a_table_without_cdc_that_cannot_be_read_costs_nothing(
    stack: Stack, cql: Any
) -> None:
    with topic(stack, KEYSPACE, "plain") as hints:
        settled(stack)
        stack.captures[0].kill()
        cql.execute("CREATE TABLE gone (id int PRIMARY KEY)")
        cql.execute("INSERT INTO gone (id) VALUES (1)")
        cql.execute("DROP TABLE gone")
        cql.execute("INSERT INTO plain (id) VALUES (2)")
        stack.captures[0].start()
        began = time.monotonic()
        assert [hint.value["pk"] for hint in read(hints, 1)] == [b64(i32(2))]
        assert time.monotonic() - began < A_WAIT_S
    said = stack.captures[0].output()
    assert "LOST" not in said
    assert "its whole partition" not in said


def test_writes_of_a_column_that_is_dropped_and_added_meanwhile_are_rows(
    stack: Stack, cql: Any
) -> None:
    """The log still holds its values; the schema tells of what type they were."""
    with topic(stack, KEYSPACE, "plain") as hints:
        settled(stack)
        stack.captures[0].kill()
        cql.execute("INSERT INTO plain (id, old) VALUES (3, 1)")
        cql.execute("ALTER TABLE plain DROP old")
        cql.execute("INSERT INTO plain (id, v) VALUES (4, 2)")
        cql.execute("ALTER TABLE plain ADD old int")
        cql.execute("INSERT INTO plain (id, old) VALUES (5, 3)")
        stack.captures[0].start()
        values = [hint.value for hint in read(hints, 3)]
    found = sorted((value["pk"], value["scope"]) for value in values)
    assert found == [(b64(i32(number)), "row") for number in (3, 4, 5)]


def test_a_hint_says_when_its_table_or_a_type_of_it_was_altered(stack: Stack, cql: Any) -> None:
    def altered() -> int:
        with topic(stack, KEYSPACE, "mooded") as hints:
            cql.execute("INSERT INTO mooded (id, m) VALUES (1, {name: 'glad'})")
            [hint] = read(hints, 1)
        return int(hint.value["altered_us"])

    def told(column: str, table: str, named: str) -> int:
        query = (
            f"SELECT WRITETIME({column}) FROM system_schema.{table}s"
            f" WHERE keyspace_name = '{KEYSPACE}' AND {table}_name = '{named}'"
        )
        return int(cql.execute(query).one()[0])

    create_topics(stack.kafka, [stack.topic(f"{KEYSPACE}.mooded")])
    cql.execute("CREATE TYPE mood (name text)")
    cql.execute("CREATE TABLE mooded (id int PRIMARY KEY, m frozen<mood>) WITH cdc = true")
    assert altered() == told("gc_grace_seconds", "table", "mooded")
    cql.execute("ALTER TYPE mood ADD degree int")
    # A write that can be read without it does not wait for it: it is seen within 250 ms.
    by_type = told("field_names", "type", "mood")
    until(lambda: altered_of(stack, "mooded") == by_type, SOON_S, "the ALTER is known")
    assert altered() == by_type
    # A type that it does not use does not count: it may be dropped, and this must not go back.
    cql.execute("CREATE TYPE weather (name text)")
    assert altered() == by_type
    cql.execute("DROP TYPE weather")
    assert altered() == by_type


def test_the_state_names_the_node_its_schema_and_what_was_acknowledged(
    stack: Stack, cql: Any
) -> None:
    local = cql.execute("SELECT host_id, schema_version FROM system.local").one()
    segments = {path.stem.split("-")[2] for path in raw(stack).glob("*.log")}
    cql.execute("INSERT INTO plain (id) VALUES (6)")

    def state() -> dict[str, Any]:
        return stack.captures[0].state()

    assert uuid.UUID(state()["host_id"]) == local.host_id
    assert state()["node"] == stack.source.hosts[0]
    until(lambda: uuid.UUID(state()["schema_version"]) == version(cql), SOON_S, "its schema")
    until(lambda: time.time() * 1000 - state()["at_ms"] < SOON_S * 1000, SOON_S, "it is fresh")
    assert entry(stack, "unwatched") is None
    assert str(state()["acknowledged"]["segment"]) in segments
    settled(stack)


def test_the_state_says_when_the_newest_hinted_write_was_made(stack: Stack, cql: Any) -> None:
    def newest() -> int:
        return int((entry(stack, "plain") or {}).get("newest_us", 0))

    now_us = int(time.time() * 1e6)
    insert = "INSERT INTO plain (id) VALUES (7) USING TIMESTAMP"
    cql.execute(f"{insert} {now_us}")
    until(lambda: newest() == now_us, SOON_S, "the write is the newest")
    cql.execute(f"{insert} 1000")
    cql.execute(f"{insert} {now_us + 10**12}")
    until(lambda: newest() > now_us, SOON_S, "a write of the future counts as of now")
    assert newest() < time.time() * 1e6


def test_the_state_is_told_to_the_cluster_too(stack: Stack, cql: Any) -> None:
    cql.execute(f"CREATE KEYSPACE IF NOT EXISTS hintferry WITH replication = {stack.replication}")
    cql.execute(
        "CREATE TABLE IF NOT EXISTS hintferry.captures (host_id uuid PRIMARY KEY, state text)"
    )

    def told() -> bool:
        rows = cql.execute("SELECT host_id, state FROM hintferry.captures").all()
        return bool(rows) and f'"id":"{table_id(cql)}"' in rows[0].state

    until(told, SOON_S, "hintferry.captures holds the state")


def test_since_outlasts_a_restart_and_an_alter_that_is_watched(stack: Stack, cql: Any) -> None:
    before = since(stack)
    cql.execute("ALTER TABLE plain ADD watched int")
    until(lambda: altered_of(stack) == altered_at(cql), SOON_S, "the ALTER is known")
    stack.captures[0].kill()
    stack.captures[0].start()
    until(lambda: fresh(stack), SOON_S, "it tells its state again")
    assert since(stack) == before


def test_since_begins_again_after_any_time_without_capture(stack: Stack, cql: Any) -> None:
    capture = stack.captures[0]
    seen = [since(stack)]
    capture.kill()
    cql.execute("ALTER TABLE plain WITH comment = 'altered while nobody looked'")
    capture.start()
    seen.append(since(stack))
    cql.execute("ALTER TABLE plain WITH cdc = false")
    until(lambda: entry(stack, "plain") is None, SOON_S, "it is captured no more")
    cql.execute("ALTER TABLE plain WITH cdc = true")
    capture.wait_for_table(KEYSPACE, "plain", SOON_S)
    seen.append(since(stack))
    cql.execute("DROP TABLE plain")
    cql.execute("CREATE TABLE plain (id int PRIMARY KEY, v int, old int) WITH cdc = true")
    until(lambda: str(table_id(cql)) in str(entry(stack, "plain")), SOON_S, "the new table")
    seen.append(since(stack))
    capture.kill()
    (capture.log.parent / "offsets" / "capture_state.json").unlink()
    capture.start()
    seen.append(since(stack))
    assert len(set(seen)) == 5
    assert seen == sorted(seen)


def test_since_begins_again_where_hints_went_to_another_topic(stack: Stack, cql: Any) -> None:
    """An earlier release named no topic in its state, and `_` of a keyspace was nothing to it."""

    def both() -> list[int]:
        found = entry(stack, "plain"), entry(stack, "events", f"{KEYSPACE}_x")
        return [one["since"] for one in found if one is not None]

    capture = stack.captures[0]
    before = both()
    capture.kill()
    path = capture.log.parent / "offsets" / "capture_state.json"
    state = json.loads(path.read_text())
    assert [table.pop("topic") for table in state["tables"]]
    path.write_text(json.dumps(state))
    capture.start()
    until(lambda: fresh(stack), SOON_S, "it tells its state again")
    after = both()
    assert after[0] == before[0]
    assert after[1] > before[1]


def i32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def raw(stack: Stack) -> Any:
    return stack.source_nodes[0].home / "cdc_raw"


def settled(stack: Stack) -> None:
    """All of the log is acknowledged, and the state says so: a restart sends nothing again."""
    synced = max(
        (int(idx.stem.split("-")[2].removesuffix("_cdc")), int(idx.read_text().split()[0]))
        for idx in raw(stack).glob("*_cdc.idx")
    )
    state = stack.captures[0].state
    until(lambda: tuple(state()["acknowledged"].values()) >= synced, SOON_S, "all is acknowledged")


def version(cql: Any) -> uuid.UUID:
    found: uuid.UUID = cql.execute("SELECT schema_version FROM system.local").one()[0]
    return found


def table_id(cql: Any) -> uuid.UUID:
    query = "SELECT id FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
    found: uuid.UUID = cql.execute(query, [KEYSPACE, "plain"]).one()[0]
    return found


def altered_at(cql: Any) -> int:
    query = (
        "SELECT WRITETIME(gc_grace_seconds) FROM system_schema.tables"
        " WHERE keyspace_name = %s AND table_name = %s"
    )
    return int(cql.execute(query, [KEYSPACE, "plain"]).one()[0])


def altered_of(stack: Stack, table: str = "plain") -> int:
    return int((entry(stack, table) or {})["altered_us"])


def fresh(stack: Stack) -> bool:
    return bool(time.time() * 1000 - stack.captures[0].state()["at_ms"] < 2_000)
