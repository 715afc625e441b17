"""Statements in files of CQL and in string literals of source code."""

from __future__ import annotations

from pathlib import Path

import pytest

from hintferry.core.errors import ConfigurationError
from hintferry_ops.statements.collection import Collection
from hintferry_ops.statements.sources import read_code, read_cql, read_path

JAVA = """
class Orders {
  static final String READ = "SELECT a, b FROM shop.orders " + // by key
      "WHERE id = ? AND c IN (?, ?)";
  @Query("INSERT INTO shop.orders (id, n) VALUES (:id, :n) IF NOT EXISTS") void add();
  void f(String ks) {
    log.info("Select the one from the list");
    session.execute(String.format("DELETE FROM shop.orders WHERE id = %s", id));
    session.execute("SELECT * FROM " + ks + ".orders");
    statement.setConsistencyLevel(ConsistencyLevel.QUORUM);
    session.execute(selectFrom("shop", "orders").all().build());
  }
}
"""
PYTHON = '''
Q = """
    BEGIN BATCH
    INSERT INTO shop.orders (id) VALUES ('x');
    APPLY BATCH
"""
session.execute(f"UPDATE shop.orders SET n = {n} WHERE id = {order.id}")
session.execute("SELECT a "
                "FROM shop.orders")
profile = ExecutionProfile(consistency_level=ConsistencyLevel.LOCAL_ONE)
'''
GO = """
const q = `SELECT x FROM shop.orders
           WHERE id = ?`
cluster.Consistency = gocql.Quorum; other := gocql.LocalQuorum
"""


def found_in(text: str, name: str) -> dict[str, list[str]]:
    found = Collection()
    read_code(text, name, found)
    assert found.unread == []
    return {one.text: one.origins for one in found.statements}


def test_literals_of_java_are_read_and_joined() -> None:
    assert found_in(JAVA, "A.java") == {
        "SELECT a, b FROM shop.orders WHERE id = ? AND c IN (?, …)": ["A.java:3"],
        "INSERT INTO shop.orders (id, n) VALUES (?, ?) IF NOT EXISTS": ["A.java:5"],
        "DELETE FROM shop.orders WHERE id = ?": ["A.java:8"],
        "SELECT * FROM ?.orders": ["A.java:9"],
        "CONSISTENCY quorum": ["A.java:10"],
    }


def test_literals_of_python_are_read_with_what_is_put_in() -> None:
    assert found_in(PYTHON, "a.py") == {
        "BEGIN BATCH INSERT INTO shop.orders(id) VALUES (?); APPLY BATCH": ["a.py:2"],
        "UPDATE shop.orders SET n = ? WHERE id = ?": ["a.py:7"],
        "SELECT a FROM shop.orders": ["a.py:8"],
        "CONSISTENCY local_one": ["a.py:10"],
    }


def test_literals_of_go_may_have_several_lines() -> None:
    assert found_in(GO, "a.go") == {
        "SELECT x FROM shop.orders WHERE id = ?": ["a.go:2"],
        "CONSISTENCY quorum": ["a.go:4"],
        "CONSISTENCY local_quorum": ["a.go:4"],
    }


def test_what_is_not_read_is_said() -> None:
    found = Collection()
    read_code(JAVA, "A.java", found)
    (remark,) = found.remarks
    assert remark.startswith("A.java: 1 call of a query builder (line 11) were not read")
    joined = Collection()
    read_code('x("SELECT * FROM t WHERE " + where + " LIMIT 1")', "B.java", joined)
    assert [one.origin for one in joined.unread] == ["B.java:1"]


def test_a_file_of_cql_has_its_keyspace_and_lines() -> None:
    found = Collection()
    read_cql("USE shop;\nSELECT * FROM orders;\n\nSELEC x;\nSELECT a FROM 'b", "q.cql", found)
    assert {one.text: one.keyspace for one in found.statements} == {
        "USE shop": "", "SELECT * FROM orders": "shop",
    }  # fmt: skip
    assert [(one.origin, one.why) for one in found.unread] == [
        ("q.cql:4", "1:1: no statement begins with selec"),
        ("q.cql", "5:15: ' is not closed; what follows it was not read"),
    ]


def test_a_folder_is_walked_without_what_others_made(tmp_path: Path) -> None:
    for name, text in {
        "src/A.java": 'x("SELECT a FROM t");',
        "q.cql": "SELECT b FROM t;",
        "node_modules/x/B.js": 'x("SELECT c FROM t");',
        "notes.txt": "SELECT d FROM t",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = Collection()
    assert read_path(tmp_path, found, lambda read: None) == 2
    assert [one.text for one in found.statements] == ["SELECT a FROM t", "SELECT b FROM t"]


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gone does not exist; name a file or a folder"):
        read_path(tmp_path / "gone", Collection(), lambda read: None)
    with pytest.raises(ConfigurationError, match="holds no file of CQL or source code"):
        read_path(tmp_path, Collection(), lambda read: None)
