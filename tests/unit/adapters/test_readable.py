"""Keys as a person reads them: CQL literals, and a blob where there is no better."""

from __future__ import annotations

from struct import pack
from uuid import UUID

import pytest

from hintferry.adapters.records.key_codec import readable
from hintferry.core.cql_type import NATIVES
from hintferry.core.hint import Hint, Scope
from hintferry.core.schema import Column, ColumnKind, Table, TableId

ID = TableId("shop", "orders")
UUID_TEXT = "0c1d2e3f-0011-4233-8455-66778899aabb"


def table(partition: str, clustering: str) -> Table:
    return Table(
        ID,
        (Column("a", partition, ColumnKind.PARTITION_KEY, 0),),
        (Column("b", clustering, ColumnKind.CLUSTERING, 0),),
        (),
        (),
    )


def shown(cql_type: str, value: bytes) -> str:
    hint = Hint(ID, (pack(">i", 7),), Scope.ROW, (value,))
    return readable(table("int", cql_type), hint)


@pytest.mark.parametrize(
    ("cql_type", "value", "text"),
    [
        ("text", b"it's", "'it''s'"),
        ("bigint", pack(">q", -5), "-5"),
        ("uuid", UUID(UUID_TEXT).bytes, UUID_TEXT),
        ("timestamp", pack(">q", 1_764_165_800_144), "'2025-11-26T14:03:20.144+00:00'"),
        ("date", pack(">I", 2**31 + 19_000), "'2022-01-08'"),
        ("blob", b"\xca\xfe", "0xcafe"),
        ("boolean", b"\x01", "True"),
        ("frozen<list<int>>", b"\x00\x01", "0x0001"),
        ("address", b"\x00\x01", "0x0001"),
        ("uuid", b"\x00\x01", "0x0001"),
        ("text", b"\xff\xfe", "0xfffe"),
        ("text", b"", "''"),
        ("varint", b"", "0x"),
    ],
)
def test_each_value_is_a_literal_or_a_blob(cql_type: str, value: bytes, text: str) -> None:
    assert shown(cql_type, value) == f"a = 7 AND b = {text}"


@pytest.mark.parametrize("cql_type", sorted(NATIVES))
@pytest.mark.parametrize("length", range(18))
@pytest.mark.parametrize("byte", [b"\x00", b"\x7f", b"\xff"])
def test_no_value_ends_who_shows_it(cql_type: str, length: int, byte: bytes) -> None:
    """An empty inet in a key ended the worker of a sweep."""
    assert shown(cql_type, byte * length).startswith("a = 7 AND b = ")


def test_a_name_stands_in_quotes_where_cql_wants_them() -> None:
    key = (Column("Case", "int", ColumnKind.PARTITION_KEY, 0),)
    assert readable(Table(ID, key), Hint(ID, (pack(">i", 7),), Scope.ROW, ())) == '"Case" = 7'


def test_a_partition_is_named_by_its_partition_key_alone() -> None:
    hint = Hint(ID, (b"x",), Scope.STATIC)
    assert readable(table("text", "int"), hint) == "a = 'x'"
