"""Tables that CloudFormation has no words for are left to statements of CQL."""

from __future__ import annotations

import pytest

from hintferry.adapters.cqlfile import schema_of
from infra.tables import needs_statement

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
