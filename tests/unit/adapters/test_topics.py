"""No two tables have topics that Kafka takes for one, whatever their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.records.topics import (
    LONGEST_NAME,
    LONGEST_PREFIX,
    LONGEST_TOPIC,
    PREFIX,
    stock_topic_of,
    table_of,
    topic_of,
)
from hintferry.core.schema import TableId

NAMES = st.text("aA_1", min_size=1, max_size=6) | st.text("aZ_9", min_size=40, max_size=48)
TABLES = st.builds(TableId, NAMES, NAMES)
PREFIXES = st.text("aA_1.-", min_size=1, max_size=8)


def folded(topic: str) -> str:
    """As Kafka compares the names of topics."""
    return topic.replace(".", "_")


@given(TABLES, TABLES, PREFIXES)
def test_two_tables_never_meet(one: TableId, other: TableId, prefix: str) -> None:
    first, second = topic_of(prefix, one), topic_of(prefix, other)
    assert (folded(first) == folded(second)) is (one == other)


@given(TABLES, PREFIXES)
def test_a_topic_tells_its_table_in_either_form(table: TableId, prefix: str) -> None:
    assert table_of(topic_of(prefix, table)) == str(table)
    assert table_of(stock_topic_of(prefix, table)) == str(table)


def test_the_longest_names_fit_a_topic() -> None:
    table, prefix = TableId("_" * LONGEST_NAME, "t" * LONGEST_NAME), "p" * LONGEST_PREFIX
    assert len(topic_of(prefix, table)) == LONGEST_TOPIC
    assert PREFIX.fullmatch(prefix)
    assert not PREFIX.fullmatch(prefix + "p")


@pytest.mark.parametrize(
    ("table", "topic"),
    [
        (TableId("shop", "orders"), "p.shop.orders"),
        (TableId("shop", "x_events"), "p.shop.x_events"),
        (TableId("shop_x", "events"), "p.shop_x-events"),
        (TableId("Shop", "Events"), "p.Shop.Events"),
    ],
)
def test_a_name_can_be_read_and_never_changes(table: TableId, topic: str) -> None:
    """Hints that wait in a topic are read by no other name."""
    assert topic_of("p", table) == topic
