"""CQL as cqlsh prints it is understood; what Keyspaces cannot hold is refused with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hintferry.core.capacity import ON_DEMAND, Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from infra.cqlschema import Schema, refuse_what_cannot_be_held, schema_from
from infra.ddl_text import create_table, needs_statement
from keyspaces_local.capacity import own_capacity
from keyspaces_local.options import map_value, with_clause
from keyspaces_local.properties import TableSettings, changed, defaults
from sandbox.workload.schema import source_ddl
from tools.places import ROOT

PRINTED = """
/* as DESCRIBE prints it; a comment with ; in it */
CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'};
CREATE TYPE shop.address (street text, geo frozen<tuple<double, double>>);
CREATE TABLE IF NOT EXISTS shop."Visits" (
    page text, "When" timestamp, hits map<text, frozen<list<int>>>, -- kept ; for a year
    owner text static,
    PRIMARY KEY (page, "When")
) WITH CLUSTERING ORDER BY ("When" DESC)
    AND comment = 'it''s; a comment' AND cdc = true AND default_time_to_live = 0;
CREATE TABLE shop.totals (id UUID PRIMARY KEY, orders counter);
CREATE INDEX by_owner ON shop."Visits" (owner);
"""


def read(folder: Path, text: str) -> Schema:
    path = folder / "schema.cql"
    path.write_text(text)
    return schema_from(path)


def check(folder: Path, text: str) -> None:
    for table in read(folder, text).tables.values():
        refuse_what_cannot_be_held(folder / "schema.cql", table, with_ttl=True)


def test_what_cqlsh_prints_is_understood(tmp_path: Path) -> None:
    schema = read(tmp_path, PRINTED)
    assert list(schema.tables) == [TableId("shop", "Visits"), TableId("shop", "totals")]
    visits, totals = schema.tables.values()
    assert [column.name for column in visits.partition_key] == ["page"]
    (when,) = visits.clustering
    assert (when.name, when.cql_type, when.descending) == ("When", "timestamp", True)
    assert [(c.name, c.cql_type) for c in visits.regulars] == [
        ("hits", "map<text, frozen<list<int>>>")
    ]
    assert [(c.name, c.kind) for c in visits.statics] == [("owner", ColumnKind.STATIC)]
    assert (totals.is_counter, totals.partition_key[0].cql_type) == (True, "uuid")
    (address,) = schema.types["shop"]
    assert address.fields == (("street", "text"), ("geo", "frozen<tuple<double, double>>"))


def test_the_shop_of_the_sandbox_is_understood(tmp_path: Path) -> None:
    tables = read(tmp_path, ";\n".join(source_ddl("{'class': 'SimpleStrategy'}"))).tables
    orders = tables[TableId("shop", "orders")]
    assert [column.name for column in orders.partition_key] == ["customer", "month"]
    assert [(c.name, c.descending) for c in orders.clustering] == [
        ("placed", True),
        ("number", False),
    ]
    assert orders.static_names == ("credit", "note")
    assert {column.cql_type for column in orders.regulars} >= {
        "list<frozen<tuple<text, int>>>",
        "map<timestamp, text>",
    }


def test_a_table_of_statics_is_made_by_a_statement_that_says_the_same(tmp_path: Path) -> None:
    visits, totals = read(tmp_path, PRINTED).tables.values()
    assert needs_statement(visits)
    assert not needs_statement(totals)
    text = create_table(visits, "arn:aws:kms:x", ON_DEMAND)
    assert read(tmp_path, text).tables[visits.id] == visits
    assert "'client_side_timestamps': {'status': 'enabled'}" in text
    assert "'kms_key_identifier': 'arn:aws:kms:x'" in text
    assert "client_side" not in create_table(totals, "arn:aws:kms:x", ON_DEMAND)
    assert "capacity" not in text
    assert "warm" not in text


def test_the_statement_says_the_capacity() -> None:
    """As keyspaces-local reads it."""
    declared = Capacity(Mode.PROVISIONED, 100, 200, warm_write_units=300)
    visits = Table(TableId("shop", "visits"), (Column("page", "text", ColumnKind.PARTITION_KEY),))
    option = with_clause(create_table(visits, "arn:aws:kms:x", declared)).option(
        "custom_properties"
    )
    assert option is not None
    properties = changed(defaults(0), map_value(option))
    made = own_capacity(TableSettings("shop", "visits", properties=properties))
    assert (made.read, made.write) == (100, 200)
    assert properties["warm_throughput"] == {
        "read_units_per_second": "12000",
        "write_units_per_second": "300",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CREATE TABLE shop.a1 (id int, v vector<float, 3>, PRIMARY KEY (id))", "a1.v is a vector"),
        ("CREATE TABLE shop.a1 (id int PRIMARY KEY, v duration)", "a1.v is a duration"),
        (f"CREATE TABLE shop.{'a' * 49} (id int PRIMARY KEY)", "is not of 1 to 48"),
        ("CREATE TABLE shop.a1 (id int)", "has no column for its primary key"),
        ("CREATE TABLE shop.a1 (id int, PRIMARY KEY (other))", "primary key other"),
        ("CREATE TABLE a1 (id int PRIMARY KEY)", "is not written as keyspace.name"),
        ("CREATE TABLE shop.a1 (id, PRIMARY KEY (id))", "has a column without a type: id"),
        ("CREATE TABLE shop.a1 WITH cdc = true", "is not followed by its columns"),
        ("CREATE TABLE shop.", "ends early"),
    ],
)
def test_what_cannot_be_held_or_read_is_refused_by_name(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(tmp_path, text)
    assert str(tmp_path / "schema.cql") in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["v", '"Page"', "a" * 49])
def test_names_that_cloudformation_does_not_take_are_left_to_cql(name: str, tmp_path: Path) -> None:
    tables = read(tmp_path, f"CREATE TABLE shop.a1 ({name} int PRIMARY KEY)").tables
    assert needs_statement(tables[TableId("shop", "a1")])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="print it with cqlsh -e 'DESCRIBE KEYSPACE"):
        schema_from(tmp_path / "schema.cql")


def test_the_repositorys_own_schema_is_in_order() -> None:
    for table in schema_from(ROOT / "schema.cql").tables.values():
        refuse_what_cannot_be_held(ROOT / "schema.cql", table, with_ttl=True)
