"""Write units as the service publishes them, and what they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core import metering
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.rows import Row, Scanned
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.testing.wirelist import encode
from hintferry_ops.cost.prices import price_book
from hintferry_ops.cost.usd import usd
from keyspaces_local import encoding
from keyspaces_local import schema as local
from keyspaces_local.cql import classify
from keyspaces_local.properties import TableSettings
from keyspaces_local.shape import WriteShape

KINDS = {
    "p": (ColumnKind.PARTITION_KEY, local.ColumnKind.PARTITION, "text"),
    "c": (ColumnKind.CLUSTERING, local.ColumnKind.CLUSTERING, "int"),
    "s": (ColumnKind.STATIC, local.ColumnKind.STATIC, "blob"),
    "n": (ColumnKind.REGULAR, local.ColumnKind.REGULAR, "bigint"),
    "t": (ColumnKind.REGULAR, local.ColumnKind.REGULAR, "text"),
}


def of(kind: ColumnKind) -> tuple[Column, ...]:
    chosen = ((name, cql) for name, (type_kind, _, cql) in KINDS.items() if type_kind is kind)
    return tuple(Column(name, cql, kind) for name, cql in chosen)


TABLE = Table(
    TableId("ks", "t"),
    of(ColumnKind.PARTITION_KEY),
    of(ColumnKind.CLUSTERING),
    of(ColumnKind.STATIC),
    of(ColumnKind.REGULAR),
)
INSERT = "INSERT INTO t (p, c, n, t) VALUES (?, ?, ?, ?)"
INSERT_STATIC = "INSERT INTO t (p, s) VALUES (?, ?)"


def metered(text: str, values: list[bytes | None], ttl: bool) -> int:
    """Return what keyspaces-local takes the statement for, bytes."""
    columns = {name: local.Column(name, kind, cql) for name, (_, kind, cql) in KINDS.items()}
    switches = {"client_side_timestamps": True, "ttl": ttl}
    on = {name: {"status": "enabled"} for name, is_on in switches.items() if is_on}
    schema = local.TableSchema(columns, ("p",), ("c",))
    shape = WriteShape(
        classify(text), TableSettings("ks", "t", properties=on, schema=schema), schema
    )
    sizes = shape.sizes(values)
    return sizes.static or sizes.row


@given(
    st.binary(max_size=40),
    st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.binary(max_size=3000),
    st.booleans(),
)
def test_a_row_is_as_large_as_the_target_meters_it(
    p: bytes, c: int, n: int | None, t: bytes | None, ttl: bool
) -> None:
    key, number = c.to_bytes(4, signed=True), None if n is None else n.to_bytes(8, signed=True)
    expected = metered(INSERT, [p, key, number, t], ttl)
    assert metering.row_size(TABLE, (p,), (key,), (number, t), ttl) == expected


NUMBERS = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "varint": None, "counter": 8}


@given(st.data(), st.lists(st.sampled_from([*NUMBERS, "text", "set<int>"]), max_size=12))
def test_the_units_of_a_row_are_those_of_its_size(data: st.DataObject, types: list[str]) -> None:
    def value(cql_type: str) -> bytes:
        if cql_type == "set<int>":
            return encode(data.draw(st.lists(st.binary(max_size=4), max_size=90)))
        width = NUMBERS.get(cql_type)
        size = {"max_size": 400} if width is None else {"min_size": width, "max_size": width}
        # Digits count, and no number of its width has more than the lowest one.
        return data.draw(st.just(b"\x80" + bytes((width or 300) - 1)) | st.binary(**size))

    columns = [Column(f"v{n}", cql_type, ColumnKind.REGULAR, n) for n, cql_type in enumerate(types)]
    table = replace(TABLE, regulars=tuple(columns))
    key, clustering = (value("text"),), (value("int"),)
    values = tuple(data.draw(st.none() | st.just(value(one))) for one in types)
    for ttl in (True, False):
        units = metering.write_units(metering.row_size(table, key, clustering, values, ttl))
        scanned = Scanned(0, key, clustering, Row(values, (None,) * len(values)))
        assert metering.rows_units(table, [scanned, scanned], ttl) == 2 * units


@given(st.binary(max_size=40), st.none() | st.binary(max_size=3000))
def test_so_are_static_columns(p: bytes, s: bytes | None) -> None:
    assert metering.static_size(TABLE, (p,), (s,)) == metered(INSERT_STATIC, [p, s], False)


@pytest.mark.parametrize(("size", "writes", "reads"), [(1, 1, 1), (1024, 1, 1), (4097, 5, 2)])
def test_units_round_up(size: int, writes: int, reads: int) -> None:
    assert (metering.write_units(size), metering.read_units(size)) == (writes, reads)


def test_on_demand_units_are_paid_and_provisioned_ones_by_the_hour() -> None:
    prices = price_book().keyspaces("us-east-1")
    assert usd(prices, Capacity(), 2_000_000, 1_000_000, 5.0) == pytest.approx(1.375)
    declared = Capacity(Mode.PROVISIONED, read_units=1000, write_units=2000)
    assert usd(prices, declared, 9e9, 9e9, 7200.0) == pytest.approx(2 * (1.3 + 0.13))


def test_a_table_takes_what_was_declared_or_what_a_new_one_takes() -> None:
    assert Capacity().writes_per_s == 4_000
    assert Capacity(warm_write_units=9_000).writes_per_s == 9_000
    assert Capacity(Mode.PROVISIONED, 10, 20).writes_per_s == 20


@pytest.mark.parametrize("filled", range(41))
@pytest.mark.parametrize("ttl", [True, False])
def test_nulls_cost_no_more_than_a_delete_beside_the_rest(filled: int, ttl: bool) -> None:
    """Up to 40 columns, however few of them hold a value: decision 9."""
    columns = tuple(Column(f"v{place}", "text", ColumnKind.REGULAR) for place in range(40))
    table = Table(TableId("ks", "t"), of(ColumnKind.PARTITION_KEY), regulars=columns)
    fewer = Table(table.id, table.partition_key, regulars=columns[:filled])
    values = (b"y" * 20,) * filled
    nulls = metering.row_size(table, (b"p" * 16,), (), values + (None,) * (40 - filled), ttl)
    rest = metering.row_size(fewer, (b"p" * 16,), (), values, ttl)
    a_delete = 1
    assert metering.write_units(nulls) <= a_delete + metering.write_units(rest)


SET = Column("e", "set<text>", ColumnKind.REGULAR)


@given(st.lists(st.binary(max_size=9), max_size=300), st.booleans())
def test_each_element_has_a_ttl_of_its_own(elements: list[bytes], ttl: bool) -> None:
    """As keyspaces-local meters it, but for the lengths on the wire: never less than that."""
    table = replace(TABLE, regulars=(SET,))
    value = encode(elements)
    size = metering.row_size(table, (b"p",), (bytes(4),), (value,), ttl)
    sized = encoding.sizer("set<text>", ttl)(value)
    bare = metering.row_size(table, (b"p",), (bytes(4),), (None,), ttl) - 1
    assert sized <= size - bare <= sized + 4 + 3 * len(elements)


def test_elements_that_expire_apart_are_statements_of_their_own() -> None:
    table, value = replace(TABLE, regulars=(SET,)), encode([b"a", b"b", b"c"])
    units = [
        metering.rows_units(
            table, [Scanned(0, (b"p",), (bytes(4),), Row((value,), (expiry,)))], True
        )
        for expiry in (None, (9, 9, 9), (9, 9, None), (9, 8, 7))
    ]
    assert units == [1, 1, 2, 3]
    assert [metering.further((expiry, 9)) for expiry in (None, (9, 9), (9, None, 7))] == [0, 0, 2]
