"""Every kind of change arrives as a hint with exactly these fields (our capture, one node)."""

from collections.abc import Callable, Iterator
from struct import pack
from typing import Any

import pytest

from sandbox import tables
from sandbox.stack import Stack
from tests.capture.hints import b64, read, topic

pytestmark = pytest.mark.stack

KEYSPACE = "capture"
AT = 1_761_990_000_000_000  # every statement is written at this microsecond, or counts up from it
DDL = (
    "CREATE TYPE {ks}.address (street text, city text)",
    "CREATE TABLE {ks}.plain (id int PRIMARY KEY, v text) WITH cdc = true",
    "CREATE TABLE {ks}.wide (id int, a int, b text, s text static, v text,"
    " tags map<text, timestamp>, seen list<int>, home address,"
    " PRIMARY KEY (id, a, b)) WITH CLUSTERING ORDER BY (a DESC, b ASC) AND cdc = true",
    "CREATE TABLE {ks}.blobs (x blob, y int, c blob, v int, PRIMARY KEY ((x, y), c))"
    " WITH cdc = true",
    "CREATE TABLE {ks}.hits (id int, day int, n counter, PRIMARY KEY (id, day)) WITH cdc = true",
    "CREATE TABLE {ks}.unwatched (id int PRIMARY KEY, v text)",
)
_ids = iter(range(1, 10_000))


def i32(number: int) -> bytes:
    return pack(">i", number)


@pytest.fixture(scope="module")
def cql(stack: Stack) -> Iterator[Any]:
    keyspace = f"CREATE KEYSPACE {KEYSPACE} WITH replication = {stack.replication}"
    stack.create_tables(keyspace, *(statement.format(ks=KEYSPACE) for statement in DDL))
    with tables.session(stack.source) as session:
        session.set_keyspace(KEYSPACE)
        yield session


Changes = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def changes(stack: Stack, cql: Any) -> Changes:
    """Run statements; give back the values of the hints they brought, checked for what is common.

    The fields that differ from run to run (file, pos) are checked and taken out.
    """

    def run(table: str, *statements: str, count: int) -> list[dict[str, Any]]:
        with topic(stack, KEYSPACE, table) as consumer:
            for statement in statements:
                cql.execute(statement)
            records = read(consumer, count)
        assert len({record.partition for record in records}) == 1
        for record in records:
            assert record.key == {"pk": record.value["pk"]}
            assert record.value.pop("file").startswith("CommitLog-7-")
            assert record.value.pop("pos") > 0
            assert record.value.pop("altered_us") >= 0
            assert record.value.pop("node") == stack.source.hosts[0]
        return [record.value for record in records]

    return run


@pytest.fixture
def key() -> int:
    """A partition that no other test writes."""
    return next(_ids)


def hint(scope: str, op: str, pk: list[str], table: str = "wide", **fields: Any) -> dict[str, Any]:
    common = {"hint": 1, "scope": scope, "op": op, "keyspace": KEYSPACE, "table": table, "pk": pk}
    return {**common, "ck": None, "start": None, "end": None, "ts_us": AT, **fields}


def bound(*parts: bytes, inclusive: bool = True) -> dict[str, Any]:
    return {"values": b64(*parts), "inclusive": inclusive}


def test_an_insert_is_a_row_hint_with_liveness(changes: Changes, key: int) -> None:
    insert = f"INSERT INTO wide (id, a, b, v) VALUES ({key}, 7, 'x', 'v') USING TIMESTAMP {AT}"
    expected = hint("row", "i", b64(i32(key)), ck=b64(i32(7), b"x"))
    assert changes("wide", insert, count=1) == [expected]


def test_an_update_is_a_row_hint_without_liveness(changes: Changes, key: int) -> None:
    update = f"UPDATE wide USING TIMESTAMP {AT} SET v = 'v' WHERE id = {key} AND a = 7 AND b = ''"
    expected = hint("row", "u", b64(i32(key)), ck=b64(i32(7), b""))
    assert changes("wide", update, count=1) == [expected]


def test_a_row_delete_is_a_row_hint(changes: Changes, key: int) -> None:
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = 7 AND b = 'x'"
    expected = hint("row", "d", b64(i32(key)), ck=b64(i32(7), b"x"))
    assert changes("wide", delete, count=1) == [expected]


def test_a_column_delete_is_a_row_hint(changes: Changes, key: int) -> None:
    delete = f"DELETE v FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = 7 AND b = 'x'"
    expected = hint("row", "u", b64(i32(key)), ck=b64(i32(7), b"x"))
    assert changes("wide", delete, count=1) == [expected]


def test_a_static_only_write_is_a_static_hint(changes: Changes, key: int) -> None:
    update = f"UPDATE wide USING TIMESTAMP {AT} SET s = 'z' WHERE id = {key}"
    assert changes("wide", update, count=1) == [hint("static", "u", b64(i32(key)))]


def test_an_insert_with_a_static_is_two_hints(changes: Changes, key: int) -> None:
    insert = f"INSERT INTO wide (id, a, b, s) VALUES ({key}, 7, 'x', 's') USING TIMESTAMP {AT}"
    row = hint("row", "i", b64(i32(key)), ck=b64(i32(7), b"x"))
    assert changes("wide", insert, count=2) == [hint("static", "u", b64(i32(key))), row]


def test_a_partition_delete_is_a_partition_hint(changes: Changes, key: int) -> None:
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key}"
    assert changes("wide", delete, count=1) == [hint("partition", "d", b64(i32(key)))]


def test_a_table_without_clustering_has_row_hints_only(changes: Changes, key: int) -> None:
    insert = f"INSERT INTO plain (id, v) VALUES ({key}, 'v') USING TIMESTAMP {AT}"
    delete = f"DELETE FROM plain USING TIMESTAMP {AT} WHERE id = {key}"
    expected = [hint("row", op, b64(i32(key)), table="plain", ck=[]) for op in "id"]
    assert changes("plain", insert, delete, count=2) == expected


def test_a_range_delete_has_its_bounds_in_clustering_order(changes: Changes, key: int) -> None:
    """`a` is DESC: the greater value comes first, whatever the statement says first."""
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a >= 2 AND a < 5"
    start, end = bound(i32(5), inclusive=False), bound(i32(2))
    assert changes("wide", delete, count=1) == [
        hint("slice", "r", b64(i32(key)), start=start, end=end)
    ]


def test_a_prefix_delete_is_the_slice_of_that_prefix(changes: Changes, key: int) -> None:
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = 3"
    assert changes("wide", delete, count=1) == [
        hint("slice", "r", b64(i32(key)), start=bound(i32(3)), end=bound(i32(3)))
    ]


def test_a_range_inside_a_prefix_names_both_columns(changes: Changes, key: int) -> None:
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = 3 AND b > 'm'"
    start = bound(i32(3), b"m", inclusive=False)
    assert changes("wide", delete, count=1) == [
        hint("slice", "r", b64(i32(key)), start=start, end=bound(i32(3)))
    ]


def test_an_open_range_has_no_values_at_its_open_end(changes: Changes, key: int) -> None:
    delete = f"DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a < 5"
    assert changes("wide", delete, count=1) == [
        hint("slice", "r", b64(i32(key)), start=bound(i32(5), inclusive=False), end=bound())
    ]


def test_adjacent_range_tombstones_are_their_union(changes: Changes, key: int) -> None:
    """Two ranges that touch, of different times, meet in a boundary marker."""
    batch = (
        "BEGIN BATCH"
        f" DELETE FROM wide USING TIMESTAMP {AT - 1} WHERE id = {key} AND a >= 2 AND a < 5;"
        f" DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a >= 5 AND a < 9;"
        " APPLY BATCH"
    )
    start, end = bound(i32(9), inclusive=False), bound(i32(2))
    assert changes("wide", batch, count=1) == [
        hint("slice", "r", b64(i32(key)), start=start, end=end)
    ]


def test_separate_range_tombstones_are_separate_slices(changes: Changes, key: int) -> None:
    deletes = "".join(
        f" DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = {a};" for a in (1, 4)
    )
    expected = [
        hint("slice", "r", b64(i32(key)), start=bound(i32(a)), end=bound(i32(a))) for a in (4, 1)
    ]
    assert changes("wide", f"BEGIN BATCH{deletes} APPLY BATCH", count=2) == expected


def test_more_than_a_hundred_ranges_are_one_open_slice(changes: Changes, key: int) -> None:
    deletes = "".join(
        f" DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a = {a};"
        for a in range(0, 202, 2)
    )
    assert changes("wide", f"BEGIN BATCH{deletes} APPLY BATCH", count=1) == [
        hint("slice", "r", b64(i32(key)), start=bound(), end=bound())
    ]


def test_all_that_one_batch_changes_is_hinted(changes: Changes, key: int) -> None:
    """Partition delete first, then the static, the rows in clustering order, the ranges."""
    batch = (
        "BEGIN BATCH"
        f" INSERT INTO wide (id, a, b, v) VALUES ({key}, 1, 'x', 'v') USING TIMESTAMP {AT};"
        f" INSERT INTO wide (id, a, b, s) VALUES ({key}, 2, 'y', 's') USING TIMESTAMP {AT};"
        f" DELETE FROM wide USING TIMESTAMP {AT} WHERE id = {key} AND a > 6;"
        f" DELETE FROM wide USING TIMESTAMP {AT - 9} WHERE id = {key};"
        " APPLY BATCH"
    )
    pk = b64(i32(key))
    assert changes("wide", batch, count=5) == [
        hint("partition", "d", pk),
        hint("static", "u", pk),
        hint("row", "i", pk, ck=b64(i32(2), b"y")),
        hint("row", "i", pk, ck=b64(i32(1), b"x")),
        hint("slice", "r", pk, start=bound(), end=bound(i32(6), inclusive=False)),
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DELETE tags['k'] FROM wide USING TIMESTAMP {at}", id="map element delete"),
        pytest.param("UPDATE wide USING TIMESTAMP {at} SET tags['k'] = 0", id="map element put"),
        pytest.param("UPDATE wide USING TIMESTAMP {at} SET seen = seen + [1]", id="list append"),
        pytest.param(
            "UPDATE wide USING TIMESTAMP {at} SET home = {{street: 's', city: 'c'}}", id="UDT write"
        ),
        pytest.param("UPDATE wide USING TIMESTAMP {at} SET home.city = 'c'", id="UDT field"),
        pytest.param("DELETE home FROM wide USING TIMESTAMP {at}", id="UDT delete"),
    ],
)
def test_a_change_inside_a_value_is_a_row_hint(changes: Changes, key: int, change: str) -> None:
    where = f" WHERE id = {key} AND a = 1 AND b = 'x'"
    expected = hint("row", "u", b64(i32(key)), ck=b64(i32(1), b"x"))
    [found] = changes("wide", change.format(at=AT) + where, count=1)
    # Replacing a whole collection or UDT first deletes the old one a microsecond earlier.
    assert found == expected


def test_a_counter_update_is_a_row_hint(changes: Changes, key: int) -> None:
    update = f"UPDATE hits SET n = n + 1 WHERE id = {key} AND day = 3"
    [found] = changes("hits", update, count=1)
    expected = hint("row", "u", b64(i32(key)), table="hits", ck=b64(i32(3)))
    assert found.pop("ts_us") > AT  # a counter takes no timestamp of ours
    expected.pop("ts_us")
    assert found == expected


def test_blobs_in_a_composite_key_arrive_exactly(changes: Changes, key: int) -> None:
    insert = (
        f"INSERT INTO blobs (x, y, c, v) VALUES (0x0102, {key}, 0x00ff00, 1) USING TIMESTAMP {AT}"
    )
    expected = hint("row", "i", b64(b"\x01\x02", i32(key)), table="blobs", ck=b64(b"\x00\xff\x00"))
    assert changes("blobs", insert, count=1) == [expected]


def test_a_table_without_cdc_in_a_captured_batch_brings_no_hint(changes: Changes, key: int) -> None:
    batch = (
        "BEGIN BATCH"
        f" INSERT INTO plain (id, v) VALUES ({key}, 'v') USING TIMESTAMP {AT};"
        f" INSERT INTO unwatched (id, v) VALUES ({key}, 'v') USING TIMESTAMP {AT};"
        " APPLY BATCH"
    )
    expected = hint("row", "i", b64(i32(key)), table="plain", ck=[])
    assert changes("plain", batch, count=1) == [expected]


def test_a_write_right_after_its_column_was_added_is_not_lost(
    changes: Changes, cql: Any, key: int
) -> None:
    """DDL does not pass the log: the reader meets the column before the driver tells of it."""
    insert = f"INSERT INTO plain (id, fresh) VALUES ({key}, 1) USING TIMESTAMP {AT}"
    expected = hint("row", "i", b64(i32(key)), table="plain", ck=[])
    assert changes("plain", "ALTER TABLE plain ADD fresh int", insert, count=1) == [expected]
