"""Tables that CloudFormation has no words for are left to statements of CQL."""

from __future__ import annotations

import pytest

from hintferry.adapters.cqlfile import schema_of
from infra.tables import needs_statement, odd_types

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]


@pytest.mark.parametrize(
    ("columns", "needed"),
    [
        ("id int PRIMARY KEY, v1 int", False),
        ("v int PRIMARY KEY, other int", True),
        ('"Page" int PRIMARY KEY', True),
        (f"{'a' * 49} int PRIMARY KEY", True),
        ("id int, c1 int, s1 int static, PRIMARY KEY (id, c1)", True),
    ],
)
def test_what_cloudformation_does_not_take_is_left_to_cql(columns: str, needed: bool) -> None:
    (table,) = schema_of(f"CREATE TABLE shop.a1 ({columns})", "test").tables.values()
    assert needs_statement(table) is needed


def test_types_with_names_of_their_own_and_what_uses_them_are_left_to_cql() -> None:
    text = """
    CREATE TYPE shop.phone (number1 text);
    CREATE TYPE shop."Phone" (number1 text);
    CREATE TYPE shop.contact (main frozen<map<text, frozen<"Phone">>>);
    CREATE TYPE shop.other (main frozen<phone>);
    CREATE TABLE shop.a1 (id int PRIMARY KEY, v1 list<frozen<contact>>);
    CREATE TABLE shop.a2 (id int PRIMARY KEY, v1 list<frozen<other>>);
    """
    schema = schema_of(text, "test")
    odd = odd_types(schema.types["shop"])
    assert [one.name for one in odd] == ["Phone", "contact"]
    assert [needs_statement(table, odd) for table in schema.tables.values()] == [True, False]
