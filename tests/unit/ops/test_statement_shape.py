"""Statements in their normal form, and taken apart."""

from __future__ import annotations

import pytest

from hintferry.core.cql_text import BadCql
from hintferry.core.schema import TableId
from hintferry_ops.statements.collection import split
from hintferry_ops.statements.normal import normal, scrubbed
from hintferry_ops.statements.shape import BatchKind, Kind, Shape, shape_of


def shaped(text: str) -> Shape:
    return shape_of(normal(text))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (
            "select  A, b from shop.T where id=50554d6e-29bb-11e5-b345-feff819cdc9f and c>-5",
            "SELECT a, b FROM shop.t WHERE id = ? AND c > ?",
        ),
        ("SELECT * FROM t WHERE a IN (1, 2,3)", "SELECT * FROM t WHERE a IN (?, …)"),
        ("SELECT * FROM t WHERE a IN (?)", "SELECT * FROM t WHERE a IN (?, …)"),
        (
            "SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4))",
            "SELECT * FROM t WHERE (a, b) IN ((?, ?), …)",
        ),
        (
            'INSERT INTO "T"("k", m) VALUES (:k, {\'a\': 1}) USING TTL 60 AND TIMESTAMP ?;',
            'INSERT INTO "T" ("k", m) VALUES (?, {…}) USING TTL ? AND TIMESTAMP ?',
        ),
        (
            "UPDATE t SET m['k'] = 'it''s', l = l + ['x'], n = n-1 WHERE a = 0x01 -- why",
            "UPDATE t SET m[?] = ?, l = l + […], n = n - ? WHERE a = ?",
        ),
        (
            "UPDATE t SET u = {street: :s, n: 1.5e-3} WHERE k = true",
            "UPDATE t SET u = {…} WHERE k = ?",
        ),
        (
            "BEGIN BATCH INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (2);"
            " DELETE FROM t WHERE a = 3; APPLY BATCH",
            "BEGIN BATCH INSERT INTO t(a) VALUES (?); [repeated] DELETE FROM t WHERE a = ?;"
            " APPLY BATCH",
        ),
        ("SELECT a FROM t PER PARTITION LIMIT 2", "SELECT a FROM t PER PARTITION LIMIT ?"),
        ("SELECT $$a'b$$ FROM t", "SELECT ? FROM t"),
    ],
)  # fmt: skip
def test_the_normal_form_has_no_literal_and_one_spelling(text: str, form: str) -> None:
    assert normal(text).text == form


def test_a_longer_list_and_a_longer_batch_are_the_same_statement() -> None:
    short, long = (
        normal(f"SELECT * FROM t WHERE a IN ({', '.join('?' * count)})") for count in (2, 90)
    )
    assert short.text == long.text
    insert = "INSERT INTO t (a) VALUES (?); DELETE FROM t WHERE a = ?; "
    assert (
        normal(f"BEGIN UNLOGGED BATCH {insert * 2}APPLY BATCH").text
        == normal(f"BEGIN UNLOGGED BATCH {insert * 40}APPLY BATCH").text
    )


def test_the_literals_are_taken_out_of_what_a_server_says() -> None:
    found = normal("SELECT * FROM t WHERE mail = 'ann@example.org' AND n = 7")
    assert found.literals == ("ann@example.org", "7")
    said = "Invalid STRING constant (ann@example.org) for mail of type int, near 7"
    assert scrubbed(said, found.literals) == (
        "Invalid STRING constant (?) for mail of type int, near 7"
    )


def test_a_select_is_taken_apart() -> None:
    shape = shaped(
        "SELECT JSON count(*), shop.f(b), toDate(now()) FROM shop.t WHERE token(a) > token(?)"
        " AND m CONTAINS KEY 'x' AND (c, d) >= (1, ?) AND e IN ? GROUP BY a ORDER BY c DESC, d"
        " PER PARTITION LIMIT 2 LIMIT ? ALLOW FILTERING"
    )
    assert (shape.kind, shape.table) == (Kind.SELECT, TableId("shop", "t"))
    assert shape.functions == {"count", "shop.f", "todate", "now", "token"}
    assert [(one.columns, one.operator) for one in shape.where] == [
        (("a",), ">"), (("m",), "contains key"), (("c", "d"), ">="), (("e",), "in"),
    ]  # fmt: skip
    assert (shape.where[0].on_token, shape.where[3].values, shape.order) == (True, 0, ("c", "d"))
    assert shape.clauses == {
        "json", "group by", "order by", "per partition limit", "limit", "allow filtering",
    }  # fmt: skip


def test_markers_keep_their_place_in_a_statement_and_in_a_part_of_a_batch() -> None:
    insert = "INSERT INTO t (a, b, c) VALUES (?, 'fixed', ?)"
    places = {name: one.marker for name, one in shaped(insert).equal.items()}
    assert places == {"a": 0, "b": -1, "c": 1}
    batch = shaped(f"BEGIN BATCH UPDATE t SET n = ? WHERE a = ?; {insert}; APPLY BATCH")
    first, second = batch.parts
    assert first.equal["a"].marker == 1
    assert {name: one.marker for name, one in second.equal.items()} == places


def test_a_batch_has_its_parts_with_and_without_semicolons() -> None:
    batch = shaped(
        "BEGIN UNLOGGED BATCH USING TIMESTAMP 5 INSERT INTO t (a) VALUES (1)"
        " DELETE FROM t WHERE a = 2 APPLY BATCH"
    )
    assert batch.batch is BatchKind.UNLOGGED
    assert [part.kind for part in batch.parts] == [Kind.INSERT, Kind.DELETE]
    assert "using timestamp" in batch.clauses


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELEC a", "no statement begins with selec"),
        ("SELECT a FORM t", "FROM is missing"),
        ("INSERT INTO t (a, b) VALUES (1)", "2 columns have 1 values"),
        ("UPDATE t SET a = 1", "WHERE is missing"),
        ("BEGIN BATCH INSERT INTO t (a) VALUES (1)", "APPLY BATCH is missing"),
        ("BEGIN BATCH APPLY BATCH", "the batch has no statement"),
        ("SELECT a FROM t WHERE b ~ 3", "~ is no operator"),
        ("SELECT a FROM t WHERE b =", "a value is missing"),
        ("SELECT 'a FROM t", "' is not closed"),
        ("", "a statement is missing"),
        ("INSERT INTO t (a) VALUES (1) USING SPEED 3", "USING speed is not known"),
    ],
)
def test_what_does_not_parse_says_where_and_why(text: str, words: str) -> None:
    with pytest.raises(BadCql, match=words):
        shaped(text)


def test_a_file_is_split_at_semicolons_but_not_within_a_batch_or_a_string() -> None:
    text = (
        "USE shop; -- a; comment\nSELECT 'a;b' FROM t;\n;\nBEGIN BATCH\n"
        "INSERT INTO t (a) VALUES (1);\nAPPLY BATCH;\nSELECT 1 FROM t"
    )
    found = list(split(text))
    assert [line for line, _ in found] == [1, 2, 4, 7]
    assert found[1][1] == "SELECT 'a;b' FROM t"
    assert found[2][1].endswith("APPLY BATCH")
