"""Test that what capture cannot read costs precision, never a hint, nor what comes after."""

from typing import Any

import pytest

from sandbox import tables
from sandbox.stack import Stack
from tests.capture.hints import b64, read, topic

pytestmark = pytest.mark.stack

KEYSPACE = "unreadable"
WIDE = (
    "CREATE TABLE {ks}.wide (id int, ck int, v int, old int, PRIMARY KEY (id, ck)) WITH cdc = true"
)
OTHER = "CREATE TABLE {ks}.other (id int PRIMARY KEY, v int) WITH cdc = true"


@pytest.fixture(scope="module")
def cql(stack: Stack) -> Any:
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}"
    stack.create_tables(keyspace, WIDE.format(ks=KEYSPACE), OTHER.format(ks=KEYSPACE))
    with tables.session(stack.source) as session:
        session.set_keyspace(KEYSPACE)
        yield session


def test_a_batch_with_a_dropped_table_hints_the_partition_and_reading_goes_on(
    stack: Stack, cql: Any
) -> None:
    """The log still holds a write that no schema explains, and with it one of another table."""
    pk = b64((1).to_bytes(4, "big"))
    with topic(stack, KEYSPACE, "wide") as hints:
        stack.captures[0].kill()
        cql.execute("CREATE TABLE short (id int PRIMARY KEY) WITH cdc = true")
        cql.execute(
            "BEGIN BATCH INSERT INTO wide (id, ck, v) VALUES (1, 1, 1);"
            " INSERT INTO short (id) VALUES (1); APPLY BATCH"
        )
        cql.execute("DROP TABLE short")
        cql.execute("INSERT INTO wide (id, ck, v) VALUES (1, 2, 2)")
        stack.captures[0].start()
        first, second = (hint.value for hint in read(hints, 2))
    assert (first["scope"], first["op"], first["pk"], first["ck"]) == ("partition", "u", pk, None)
    assert (second["scope"], second["op"], second["pk"]) == ("row", "i", pk)
    assert "its whole partition is hinted" in stack.captures[0].output()


def test_writes_of_a_dropped_table_do_not_hold_up_the_others(stack: Stack, cql: Any) -> None:
    """The node does not know their table any more, and that is the answer."""
    with topic(stack, KEYSPACE, "other") as hints:
        stack.captures[0].kill()
        cql.execute("CREATE TABLE gone (id int PRIMARY KEY) WITH cdc = true")
        cql.execute("INSERT INTO gone (id) VALUES (1)")
        cql.execute("DROP TABLE gone")
        cql.execute("INSERT INTO other (id, v) VALUES (1, 1)")
        stack.captures[0].start()
        assert [hint.value["ck"] for hint in read(hints, 1)] == [[]]
    assert "LOST HINT" not in stack.captures[0].output()
