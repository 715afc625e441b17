"""Names of strangers' tables and types never meet, however they are folded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.schema import TableId
from hintferry_ops.names import told_apart

PARTS = st.text("aAbB_01.", min_size=1, max_size=5) | st.text(min_size=1, max_size=90)


def folded(name: str) -> str:
    """As CloudFormation makes an id of it, and as what knows no case compares them."""
    return re.sub("[^0-9a-z]", "", name.lower())


@given(PARTS, PARTS, st.integers(20, 64))
def test_two_names_stay_two(one: str, other: str, longest: int) -> None:
    first, second = told_apart(one, longest), told_apart(other, longest)
    assert (folded(first) == folded(second)) is (one == other)
    assert all(re.fullmatch(f"[0-9A-Za-z_.-]{{1,{longest}}}", name) for name in (first, second))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TableId("shop", "user_logins"), TableId("shop", "userlogins")),
        (TableId("shop", "x_events"), TableId("shop_x", "events")),
        (TableId("shop", "events"), TableId("shope", "vents")),
        (TableId("shop", "Events"), TableId("shop", "events")),
        (TableId("shop", "a" * 48), TableId("shop", "a" * 47 + "b")),
    ],
)
def test_tables_that_met_do_so_no_more(one: TableId, other: TableId) -> None:
    assert folded(told_apart(str(one), 50)) != folded(told_apart(str(other), 50))


def test_a_name_can_be_read_and_never_changes() -> None:
    """The offsets of a mapping, and a table's data, hang on it."""
    assert told_apart("shop.orders") == "shop.orders-7458f44c"
