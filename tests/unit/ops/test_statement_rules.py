"""Each rule of what Keyspaces does otherwise: what it finds, what it passes by, and its source."""

from __future__ import annotations

import pytest

from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.statements.collection import Collection
from hintferry_ops.statements.judge import Migrated, judged, subjects
from hintferry_ops.statements.rules import GUIDE, RULES, Effect, Rule, findings
from hintferry_ops.statements.shape import Shape

SCHEMA = schema_of(
    """
    CREATE TABLE shop.orders (id uuid PRIMARY KEY, n int, made timestamp, tags set<text>);
    CREATE TABLE shop.lines (id uuid, line int, part text, v text, PRIMARY KEY (id, line, part));
    CREATE TABLE shop.plain (k text PRIMARY KEY, v text);
    CREATE TABLE shop.visits (page text PRIMARY KEY, n counter);
    """,
    "the test's",
)
PLAIN = next(one for one in SCHEMA.tables if one.name == "plain")
MIGRATED = Migrated({}, frozenset({PLAIN}))

MET: dict[str, tuple[str, ...]] = {
    "aggregate": ("SELECT count(*) FROM shop.orders", "SELECT max(n) FROM shop.orders"),
    "user-function": ("SELECT shop.twice(n) FROM shop.orders WHERE id = ?",),
    "function": (
        "SELECT abs(n) FROM shop.orders WHERE id = ?",
        "SELECT to_timestamp(id) FROM shop.orders",
    ),
    "truncate": ("TRUNCATE shop.orders", "TRUNCATE TABLE shop.orders"),
    "index": ("CREATE INDEX ON shop.orders (n)", "CREATE CUSTOM INDEX i ON t (n)", "DROP INDEX i"),
    "view": ("CREATE MATERIALIZED VIEW shop.v AS SELECT * FROM shop.orders",),
    "function-or-trigger": ("CREATE OR REPLACE FUNCTION f (x int)", "CREATE TRIGGER t ON x"),
    "permissions": ("GRANT SELECT ON shop.orders TO x", "CREATE ROLE x", "LIST ROLES"),
    "alter": ("ALTER TABLE shop.orders DROP n", "ALTER TYPE shop.a ADD b int"),
    "per-partition-limit": ("SELECT id FROM shop.lines PER PARTITION LIMIT 1",),
    "later-operator": (
        "SELECT * FROM shop.orders WHERE n LIKE 'a%'",
        "SELECT * FROM shop.lines WHERE id = ? AND line NOT IN (1, 2)",
        "SELECT * FROM shop.lines WHERE id = ? AND line BETWEEN 1 AND 2",
        "SELECT * FROM shop.lines WHERE id = ? AND v != 'x' ALLOW FILTERING",
    ),
    "in-on-change": (
        "DELETE FROM shop.orders WHERE id IN (?, ?)",
        "UPDATE shop.orders SET n = 1 WHERE id IN ?",
    ),
    "in-with-slice": ("SELECT * FROM shop.lines WHERE id IN ? AND line > 3",),
    "in-subqueries": (
        f"SELECT * FROM shop.orders WHERE id IN ({', '.join('?' * 101)})",
        "SELECT * FROM shop.lines WHERE id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " AND line IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    "unlogged-batch-size": (
        f"BEGIN UNLOGGED BATCH {'INSERT INTO shop.orders (id) VALUES (?); ' * 31}APPLY BATCH",
    ),
    "logged-batch-size": (
        f"BEGIN BATCH {'INSERT INTO shop.orders (id) VALUES (?); ' * 101}APPLY BATCH",
    ),
    "condition-in-unlogged-batch": (
        "BEGIN UNLOGGED BATCH INSERT INTO shop.orders (id) VALUES (?) IF NOT EXISTS; APPLY BATCH",
    ),
    "logged-range-delete": ("BEGIN BATCH DELETE FROM shop.lines WHERE id = ?; APPLY BATCH",),
    "logged-inequality": (
        "BEGIN BATCH DELETE FROM shop.lines WHERE id = ? AND line > ?; APPLY BATCH",
    ),
    "logged-counter": ("BEGIN BATCH UPDATE shop.visits SET n = n + 1 WHERE page = ?; APPLY BATCH",),
    "ttl-switch": ("INSERT INTO shop.plain (k) VALUES (?) USING TTL 60",),
    "consistency": ("CONSISTENCY QUORUM", "CONSISTENCY ANY", "CONSISTENCY EACH_QUORUM"),
    "consistency-of-writes": ("CONSISTENCY ONE", "CONSISTENCY LOCAL_ONE"),
    "in-order": (
        "SELECT * FROM shop.orders WHERE id IN ?",
        "SELECT * FROM shop.lines WHERE id = ? AND line IN (3, 1)",
    ),
    "in-with-order": ("SELECT * FROM shop.lines WHERE id IN (?, ?) ORDER BY line DESC",),
    "filtering": ("SELECT * FROM shop.orders WHERE n = 3 ALLOW FILTERING",),
    "token": (
        "SELECT * FROM shop.orders WHERE token(id) > ?",
        "SELECT token(id) FROM shop.orders",
    ),
    "logged-batch": ("BEGIN BATCH INSERT INTO shop.orders (id) VALUES (?); APPLY BATCH",),
    "unlogged-batch": (
        "BEGIN UNLOGGED BATCH INSERT INTO shop.orders (id) VALUES (?); APPLY BATCH",
    ),
    "unlogged-several-tables": (
        "BEGIN UNLOGGED BATCH INSERT INTO shop.orders (id) VALUES (?);"
        " INSERT INTO shop.plain (k) VALUES (?); APPLY BATCH",
    ),
    "range-delete": (
        "DELETE FROM shop.lines WHERE id = ?",
        "DELETE FROM shop.lines WHERE id = ? AND line > 3",
    ),
    "timestamp-window": ("DELETE FROM shop.orders USING TIMESTAMP ? WHERE id = ?",),
    "asynchronous-ddl": ("CREATE TABLE t (k int PRIMARY KEY)", "DROP KEYSPACE shop"),
    "system-tables": ("SELECT peer FROM system.peers",),
    "silent-grammar": (
        "SELECT DISTINCT id FROM shop.lines",
        "SELECT id FROM shop.lines GROUP BY id",
    ),
    "several-columns": ("SELECT * FROM shop.lines WHERE id = ? AND (line, part) > (?, ?)",),
    "condition-in": ("UPDATE shop.orders SET n = ? WHERE id = ? IF n IN (1, 2)",),
    "whole-table": ("SELECT * FROM shop.orders",),
    "condition": (
        "INSERT INTO shop.orders (id) VALUES (?) IF NOT EXISTS",
        "BEGIN BATCH DELETE FROM shop.orders WHERE id = ? IF n = 3; APPLY BATCH",
    ),
    "constant-partition": (
        "INSERT INTO shop.plain (k, v) VALUES ('all', ?)",
        "UPDATE shop.plain SET v = ? WHERE k = 'all'",
    ),
    "paging": ("SELECT * FROM shop.lines WHERE id = ?",),
}
"""Statements that each rule has to find."""

QUIET = (
    "SELECT * FROM shop.orders WHERE id = ?",
    "SELECT n, ttl(n), writetime(n), blobAsInt(intAsBlob(n)) FROM shop.orders WHERE id = ?",
    "SELECT count, max FROM shop.orders WHERE id = ?",
    "INSERT INTO shop.orders (id, n) VALUES (?, ?)",
    "INSERT INTO shop.orders (id, n) VALUES (now(), ?) USING TTL ?",
    "INSERT INTO shop.plain (k, v) VALUES ('one', 'constant')",
    "UPDATE shop.orders SET tags = tags + {'a'}, n = ? WHERE id = ?",
    "DELETE n FROM shop.orders WHERE id = ?",
    "DELETE v FROM shop.lines WHERE id = ? AND line = ? AND part = ?",
    "DELETE FROM shop.lines WHERE id = ? AND line = 1 AND part = ?",
    "UPDATE shop.visits SET n = n + 1 WHERE page = ?",
    "CONSISTENCY LOCAL_QUORUM",
    "USE shop",
)


def collected(*texts: str) -> Collection:
    """The statements, beside the schema above."""
    found = Collection(SCHEMA.tables)
    for text in texts:
        assert found.add(text, "test") is not None, found.unread
    return found


def names(text: str) -> set[str]:
    found = collected(text)
    (one,) = found.statements
    first, *parts = subjects(one, found, MIGRATED)
    return {rule.name for rule in findings(first, tuple(parts))}


def test_each_rule_has_statements_that_it_has_to_find() -> None:
    assert sorted(MET) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in MET.items() for text in texts]
)
def test_a_rule_finds_what_it_is_about(name: str, text: str) -> None:
    assert name in names(text)


@pytest.mark.parametrize("text", QUIET)
def test_nothing_is_said_of_a_statement_that_runs_alike(text: str) -> None:
    assert names(text) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_what_to_do_and_where_it_is_known_from(rule: Rule) -> None:
    assert rule.source.startswith(GUIDE)
    assert rule.source.partition("#")[0].endswith(".html")
    assert not rule.seen or rule.seen.startswith("https://github.com/")
    assert rule.what.endswith(".")
    assert rule.instead.endswith(".")


def test_the_worst_finding_comes_first() -> None:
    (one,) = judged(
        collected("SELECT count(*) FROM shop.orders WHERE n = 3 ALLOW FILTERING"),
        MIGRATED,
        {},
        None,
    )
    order = [list(Effect).index(rule.effect) for rule in one.rules]
    assert order == sorted(order)
    assert one.rules[0].name == "aggregate"


def test_a_rule_needs_no_table_to_be_asked() -> None:
    """A statement on a table that nobody knows is judged as far as its text goes."""
    found = names("SELECT * FROM other.t WHERE a IN (1, 2) ORDER BY b")
    assert found == {"in-order", "paging"}
    assert isinstance(collected("DELETE FROM other.t WHERE a = 1").statements[0].shape, Shape)
