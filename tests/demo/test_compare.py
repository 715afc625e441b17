"""The comparer sees every way in which two tables can differ, on real Cassandras."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from sandbox.compare import compare_table
from sandbox.sessions import cassandra_session
from sandbox.stack import Stack

pytestmark = pytest.mark.stack

TABLE = """CREATE TABLE compared.things (
    p int, c int, s text static, d double, n decimal, l list<int>, m map<text, int>,
    PRIMARY KEY (p, c))"""


@pytest.fixture(scope="module")
def sides(stack: Stack) -> Iterator[tuple[Session, Session]]:
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as target,
    ):
        for session, datacenter in ((source, stack.source), (target, stack.behind)):
            replication = f"{{'class': 'NetworkTopologyStrategy', '{datacenter.datacenter}': 1}}"
            session.execute(f"CREATE KEYSPACE compared WITH replication = {replication}")
            session.execute(TABLE)
        yield source, target
        for session in (source, target):
            session.execute("DROP KEYSPACE compared")


@pytest.fixture(autouse=True)
def filled(sides: tuple[Session, Session]) -> None:
    for session in sides:
        session.execute("TRUNCATE compared.things")
        for c in range(3):
            session.execute(
                "INSERT INTO compared.things (p, c, s, d, n, l, m)"
                f" VALUES (1, {c}, 'same', NaN, 1.0, [1, 2], {{'a': 1}})"
            )


def test_equal_tables_have_no_difference(sides: tuple[Session, Session]) -> None:
    comparison = compare_table(*sides, "compared.things")
    assert (comparison.rows_source, comparison.rows_target) == (3, 3)
    assert comparison.differences == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DELETE FROM compared.things WHERE p = 1 AND c = 1", (1, 0, 0)),
        ("DELETE FROM compared.things WHERE p = 1 AND c > 0", (2, 0, 0)),
        ("INSERT INTO compared.things (p, c) VALUES (1, 9)", (0, 1, 0)),
        ("INSERT INTO compared.things (p, s) VALUES (2, 'alone')", (0, 1, 0)),
        ("UPDATE compared.things SET s = 'other' WHERE p = 1", (0, 0, 3)),
        ("DELETE s FROM compared.things WHERE p = 1", (0, 0, 3)),
        ("UPDATE compared.things SET d = 1.0 WHERE p = 1 AND c = 0", (0, 0, 1)),
        ("UPDATE compared.things SET n = 1.00 WHERE p = 1 AND c = 0", (0, 0, 1)),
        ("UPDATE compared.things SET l = [2, 1] WHERE p = 1 AND c = 0", (0, 0, 1)),
        ("UPDATE compared.things SET m = m + {'b': 1} WHERE p = 1 AND c = 0", (0, 0, 1)),
        ("DELETE m FROM compared.things WHERE p = 1 AND c = 0", (0, 0, 1)),
    ],
)
def test_a_change_of_the_target_alone_is_found(
    sides: tuple[Session, Session], change: str, found: tuple[int, int, int]
) -> None:
    sides[1].execute(change)
    comparison = compare_table(*sides, "compared.things")
    assert (comparison.missing, comparison.extra, comparison.differing) == found


@pytest.mark.parametrize(
    ("source_delay", "target_delay", "differing"),
    [(60, 60, 0), (60, 62, 0), (60, 66, 1), (60, 56, 1)],
)
def test_a_value_expires_on_the_target_never_before_it_does_on_the_source(
    sides: tuple[Session, Session], source_delay: int, target_delay: int, differing: int
) -> None:
    for session, seconds in zip(sides, (source_delay, target_delay), strict=True):
        session.execute(
            f"INSERT INTO compared.things (p, c, d) VALUES (3, 3, 1.0) USING TTL {seconds}"
        )
    assert compare_table(*sides, "compared.things").differing == differing
