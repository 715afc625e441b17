"""Test what a text is: kinds, names, the clauses with rules; and what may not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_local.cql import classify
from keyspaces_local.statement import BatchType, Kind, Using
from keyspaces_local.tokens import CqlSyntaxError, literal, quoted


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select a from t", Kind.SELECT),
        ("SELECT JSON * FROM ks.t;", Kind.SELECT),
        ("/* x */ INSERT INTO ks.t JSON '{}'", Kind.INSERT),
        ("UPDATE t SET a = 1 WHERE k = 1", Kind.UPDATE),
        ("DELETE m['k'], l[0] FROM ks.t WHERE k = 1", Kind.DELETE),
        ("BEGIN UNLOGGED BATCH INSERT INTO t (a) VALUES (1) APPLY BATCH;", Kind.BATCH),
        ('USE "Ks"', Kind.USE),
        ("create keyspace if not exists ks with replication = {}", Kind.CREATE_KEYSPACE),
        ("ALTER KEYSPACE ks WITH durable_writes = true", Kind.ALTER_KEYSPACE),
        ("DROP KEYSPACE IF EXISTS ks", Kind.DROP_KEYSPACE),
        ("CREATE TABLE IF NOT EXISTS ks.t (a int PRIMARY KEY)", Kind.CREATE_TABLE),
        ("ALTER TABLE ks.t ADD b int", Kind.ALTER_TABLE),
        ("DROP TABLE ks.t", Kind.DROP_TABLE),
        ("CREATE TYPE ks.u (a int)", Kind.CREATE_TYPE),
        ("DROP TYPE ks.u", Kind.DROP_TYPE),
        ("ALTER TYPE ks.u ADD b int", Kind.ALTER_TYPE),
        ("TRUNCATE TABLE ks.t", Kind.TRUNCATE),
        ("CREATE CUSTOM INDEX i ON t (a)", Kind.INDEX),
        ("DROP INDEX i", Kind.INDEX),
        ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t", Kind.VIEW),
        ("CREATE OR REPLACE FUNCTION f () RETURNS int", Kind.FUNCTION),
        ("DROP AGGREGATE a", Kind.AGGREGATE),
        ("CREATE TRIGGER t ON t USING 'x'", Kind.TRIGGER),
        ("CREATE ROLE r", Kind.ROLE),
        ("GRANT ALL ON KEYSPACE ks TO r", Kind.ROLE),
        ("LIST ROLES", Kind.ROLE),
        ("DESCRIBE TABLES", Kind.UNKNOWN),
        ('"SELECT" a FROM t', Kind.UNKNOWN),
        ("(SELECT a FROM t)", Kind.UNKNOWN),
        ("EXPLAIN SELECT a FROM t", Kind.UNKNOWN),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    assert classify(text).kind is kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "-- nothing",
        "SELECT a FROM t; DROP TABLE t",
        "INSERT INTO t (a) VALUES (1); TRUNCATE t",
        "BEGIN BATCH INSERT INTO t (a) VALUES (1) APPLY BATCH; DROP TABLE t",
        "BEGIN BATCH DROP TABLE t APPLY BATCH",
        "BEGIN BATCH INSERT INTO t (a) VALUES (1)",
        "SELECT a",
        "INSERT INTO t (a) VALUES (1) USING WIBBLE 5",
        "INSERT INTO t (a) VALUES (1)) USING TTL 5",
        "UPDATE t USING TTL 'x' SET a = 1 WHERE k = 1",
        "DELETE",
    ],
)
def test_what_is_no_single_statement_is_refused(text: str) -> None:
    with pytest.raises(CqlSyntaxError):
        classify(text)


_NAMES = st.text(min_size=1, max_size=10)


@given(_NAMES, _NAMES, st.text(max_size=20))
def test_names_and_values_cannot_hide_a_clause(keyspace: str, table: str, text: str) -> None:
    statement = classify(
        f'INSERT INTO {quoted(keyspace)}.{quoted(table)} (a, "USING") VALUES ('
        f"{literal(text + ' USING TTL 5 IF NOT EXISTS ')}, 'a') /* USING TTL 1 */ -- IF"
    )
    assert (statement.kind, statement.keyspace, statement.name) == (Kind.INSERT, keyspace, table)
    assert statement.ttl is statement.timestamp is None
    assert not statement.conditional


@pytest.mark.parametrize(
    ("text", "timestamp", "ttl"),
    [
        ("INSERT INTO t (a) VALUES (?) USING TIMESTAMP ?", Using(marker=1), None),
        ("INSERT INTO t (a) VALUES (?) USING TTL ? AND TIMESTAMP ?", Using(marker=2),
         Using(marker=1)),
        ("UPDATE t USING TTL 60 AND TIMESTAMP 5 SET a = 1 WHERE k = ?", Using(literal=5),
         Using(literal=60)),
        ("UPDATE t USING TIMESTAMP -5 SET a = ? WHERE k = ?", Using(literal=-5), None),
        ("DELETE m[?] FROM t USING TIMESTAMP ? WHERE k = ?", Using(marker=1), None),
        ("INSERT INTO t (a, m, u) VALUES (:a, {'k': :v, 'l':true}, {f:?, g:'x'})"
         " USING TIMESTAMP :ts", Using(marker=3, marker_name="ts"), None),
        ("INSERT INTO t (a, m) VALUES (?, {?:?, 'b':now()}) USING TIMESTAMP ?", Using(marker=3),
         None),
        ("INSERT INTO t (a) VALUES (blobAsInt(:b)) USING TTL :x", None,
         Using(marker=1, marker_name="x")),
    ],
)  # fmt: skip
def test_using(text: str, timestamp: Using | None, ttl: Using | None) -> None:
    statement = classify(text)
    assert (statement.timestamp, statement.ttl) == (timestamp, ttl)


def test_conditions_and_in() -> None:
    assert classify("UPDATE t SET a = 1 WHERE k = 1 IF a IN (1, 2)").conditional
    assert not classify("UPDATE t SET a = 1 WHERE k = 1 IF a IN (1, 2)").in_restriction
    assert classify("DELETE FROM t WHERE k = 1 IF EXISTS").conditional
    assert classify("INSERT INTO t (a) VALUES (1) IF NOT EXISTS USING TTL 5").conditional
    assert classify("DELETE FROM t WHERE k IN (1, 2)").in_restriction
    assert classify("DELETE FROM t WHERE (c, d) IN ((1, 2))").in_restriction
    assert not classify('UPDATE t SET "IN" = 1 WHERE "IF" = 1').conditional


def test_functions_of_a_select() -> None:
    statement = classify("SELECT COUNT (*), writetime(a), b FROM ks.t WHERE token(k) > 0")
    assert statement.functions == {"count", "writetime"}
    assert statement.text[slice(*statement.name_span)] == "ks.t"


def test_a_text_batch_is_read_statement_by_statement() -> None:
    statement = classify(
        "BEGIN UNLOGGED BATCH USING TIMESTAMP ? INSERT INTO t (a) VALUES (?);"
        " UPDATE ks.u USING TTL ? SET a = ';' WHERE k = ? IF EXISTS DELETE FROM t WHERE a = 1"
        " APPLY BATCH"
    )
    assert statement.batch_type is BatchType.UNLOGGED
    assert statement.timestamp == Using(marker=0)
    first, second, third = statement.children
    assert [child.kind for child in statement.children] == [Kind.INSERT, Kind.UPDATE, Kind.DELETE]
    assert (second.keyspace, second.name, second.ttl) == ("ks", "u", Using(marker=2))
    assert [first.conditional, second.conditional, third.conditional] == [False, True, False]


def test_long_statements_are_read_too() -> None:
    text = literal("x" * 100_000)
    assert classify(f"INSERT INTO t (a) VALUES ({text}) USING TTL 1").ttl == Using(literal=1)
