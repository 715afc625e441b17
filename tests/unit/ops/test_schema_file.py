"""CQL as cqlsh prints it is understood; what Keyspaces cannot hold is refused with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hintferry.adapters.target.ddl import create_table
from hintferry.core.capacity import ON_DEMAND, Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry_ops.fit.misfits import Feature, FeatureKind, Schema, keyspace_misfits, table_misfits
from hintferry_ops.fit.schema_file import refuse_misfits, schema_from
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
    schema = read(folder, text)
    for table in schema.tables.values():
        refuse_misfits(folder / "schema.cql", schema, table, with_ttl=True)


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
        (f"CREATE TABLE shop.{'a' * 49} (id int PRIMARY KEY)", "allows 1 to 48"),
        ("CREATE TABLE shop.a1 (id int)", "has no column for its primary key"),
        ("CREATE TABLE shop.a1 (id int, PRIMARY KEY (other))", "primary key other"),
        ("CREATE TABLE a1 (id int PRIMARY KEY)", "is not written as keyspace.name"),
        ("CREATE TABLE shop.a1 (id, PRIMARY KEY (id))", "cql:1:25: id has no type at ,"),
        ("CREATE TABLE shop.a1 WITH cdc = true", "cql:1:22: ( is missing at with"),
        ("CREATE TABLE shop.", "a name in the keyspace shop is missing at the end"),
    ],
)
def test_what_cannot_be_held_or_read_is_refused_by_name(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(tmp_path, text)
    assert str(tmp_path / "schema.cql") in str(refused.value)
    assert said in str(refused.value)


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "schema.cql"
    path.write_bytes('CREATE TABLE shop.a ("é" int PRIMARY KEY)'.encode("utf-8-sig"))
    (table,) = schema_from(path).tables.values()
    assert [column.name for column in table.columns] == ["é"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write it with `hintferry init`"):
        schema_from(tmp_path / "schema.cql")


BESIDE = """
CREATE TABLE shop.visits (id int PRIMARY KEY, v int) WITH COMPACT STORAGE AND cdc = true;
CREATE TABLE shop.old (id int PRIMARY KEY, v int)
    WITH comment = 'compact storage; default_time_to_live = 9' AND default_time_to_live = 86400;
CREATE CUSTOM INDEX by_v ON shop.visits (v) USING 'StorageAttachedIndex';
CREATE INDEX IF NOT EXISTS "By on" ON shop.old (v);
CREATE MATERIALIZED VIEW shop.by_v AS SELECT v, id FROM shop.visits WHERE v IS NOT NULL
    PRIMARY KEY (v, id);
CREATE OR REPLACE FUNCTION shop.twice (x int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java
    AS $$ int y = 2; return x * y; $$;
CREATE AGGREGATE shop.most (int) SFUNC twice STYPE int;
CREATE TRIGGER IF NOT EXISTS audit ON shop.old USING 'org.example.Audit';
CREATE TYPE shop.span (length duration);
"""


def test_what_keyspaces_has_no_counterpart_for_is_found(tmp_path: Path) -> None:
    schema = read(tmp_path, BESIDE)
    visits, old = TableId("shop", "visits"), TableId("shop", "old")
    assert schema.features == [
        Feature(FeatureKind.COMPACT, "shop", "visits", visits),
        Feature(FeatureKind.INDEX, "shop", "by_v", visits),
        Feature(FeatureKind.INDEX, "shop", "By on", old),
        Feature(FeatureKind.VIEW, "shop", "by_v", visits),
        Feature(FeatureKind.FUNCTION, "shop", "twice"),
        Feature(FeatureKind.AGGREGATE, "shop", "most"),
        Feature(FeatureKind.TRIGGER, "shop", "audit", old),
    ]
    assert schema.default_ttls == {old: 86400}
    said = [str(misfit) for misfit in keyspace_misfits(schema, {"shop"})]
    assert [one.partition(" ")[0] for one in said] == [
        f"shop.{name}" for name in ("by_v", "By", "by_v", "twice", "most", "audit")
    ]
    assert list(keyspace_misfits(schema, {"other"})) == []


@pytest.mark.parametrize(
    ("text", "with_ttl", "said"),
    [
        (BESIDE, True, "ALTER TABLE shop.visits DROP COMPACT STORAGE"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY) with compact storage", True, "DROP COMPACT"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY, v int) WITH default_time_to_live = 5", False,
         "remove ttl = false"),
        ("CREATE TABLE shop.a (id int, c int, n counter static, PRIMARY KEY (id, c))", True,
         "static counter columns"),
        ("CREATE TABLE shop.a (id int, c double, n counter, PRIMARY KEY (id, c))", True,
         "equal values can have different bytes"),
        (f"CREATE TABLE shop.a (id int PRIMARY KEY, v {'frozen<list<' * 9}int{'>>' * 9})", True,
         "8 deep"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY, v 'org.example.Own')", True, "no custom types"),
        ("CREATE TABLE shop.a (id int, v duration, PRIMARY KEY (id, v))", True,
         "does not document the type duration; leave the table out of migration.toml"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_migrated_is_told_with_the_choices(
    text: str, with_ttl: bool, said: str, tmp_path: Path
) -> None:
    schema = read(tmp_path, text)
    table = next(iter(schema.tables.values()))
    (misfit,) = table_misfits(schema, table, with_ttl)
    assert misfit.fatal
    assert said in str(misfit)
    with pytest.raises(ConfigurationError, match=r"schema\.cql"):
        refuse_misfits(tmp_path / "schema.cql", schema, table, with_ttl)


def columns_of(folder: Path, text: str) -> dict[str, str]:
    (table,) = read(folder, text).tables.values()
    return {column.name: column.cql_type for column in table.columns}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ('id int PRIMARY KEY, a frozen<"Address">', {"a": 'frozen<"Address">'}),
        ("id int PRIMARY KEY, card text MASKED WITH system.mask_inner(0, 4)", {"card": "text"}),
        ("id int PRIMARY KEY, card text MASKED WITH DEFAULT, n int,", {"card": "text", "n": "int"}),
        ("id varchar MASKED WITH DEFAULT PRIMARY KEY,", {}),
        ("id int, PRIMARY KEY (id), v frozen<vector>,", {"v": "frozen<vector>"}),
        ('id int PRIMARY KEY, "primary" text, "a;b" text', {"primary": "text", "a;b": "text"}),
    ],
)
def test_columns_are_understood_by_structure(
    columns: str, expected: dict[str, str], tmp_path: Path
) -> None:
    found = columns_of(tmp_path, f"CREATE TABLE shop.a ({columns})")
    assert {name: kind for name, kind in found.items() if name != "id"} == expected


WITHIN = ", ".join(["frozen<list<int>>"] * 9)


@pytest.mark.parametrize("kind", ["frozen<org>", "frozen<vector>", "duration2", f"tuple<{WITHIN}>"])
def test_a_word_or_a_bracket_alone_is_no_fault(kind: str, tmp_path: Path) -> None:
    schema = read(tmp_path, f"CREATE TABLE shop.a (id int PRIMARY KEY, v {kind})")
    (table,) = schema.tables.values()
    assert list(table_misfits(schema, table, with_ttl=True)) == []


def test_statements_that_alter_are_followed(tmp_path: Path) -> None:
    text = """
    USE shop;
    CREATE TYPE IF NOT EXISTS "Point" (x int, y int,);
    CREATE TYPE IF NOT EXISTS "Point" (x int);
    ALTER TYPE "Point" ADD z text;
    ALTER TYPE "Point" RENAME x TO lon AND y TO lat;
    CREATE TABLE IF NOT EXISTS visits (id int, c int, old text, PRIMARY KEY (id, c),)
        WITH CLUSTERING ORDER BY (c DESC) AND cdc = true;
    CREATE TABLE IF NOT EXISTS visits (id int PRIMARY KEY);
    INSERT INTO visits (id, c) VALUES (1, 2);
    ALTER TABLE visits ADD (at frozen<"Point">, owner text static);
    ALTER TABLE visits ADD n int, m int;
    ALTER TABLE shop.visits DROP (old, m) USING TIMESTAMP 1750000000000000;
    ALTER TABLE visits RENAME id TO page AND c TO "When";
    ALTER TABLE visits ALTER n TYPE bigint;
    ALTER TABLE visits ALTER owner MASKED WITH mask_null();
    ALTER TABLE visits WITH default_time_to_live = 60 AND comment = 'a -- b';
    CREATE TABLE gone (id int PRIMARY KEY);
    CREATE INDEX ON gone (id);
    DROP TABLE IF EXISTS gone;
    CREATE INDEX ON visits (n);
    CREATE INDEX ON visits (values("at"));
    CREATE INDEX other ON visits (n);
    DROP INDEX shop.other;
    """
    schema = read(tmp_path, text)
    visits = TableId("shop", "visits")
    (table,) = schema.tables.values()
    assert [(c.name, c.descending) for c in table.clustering] == [("When", True)]
    assert columns_of(tmp_path, text) == {
        "page": "int",
        "When": "int",
        "owner": "text",
        "at": 'frozen<"Point">',
        "n": "bigint",
    }
    (point,) = schema.types["shop"]
    assert point.fields == (("lon", "int"), ("lat", "int"), ("z", "text"))
    assert schema.default_ttls == {visits: 60}
    assert schema.features == [
        Feature(FeatureKind.MASK, "shop", "visits.owner", visits),
        Feature(FeatureKind.INDEX, "shop", "visits_n_idx", visits),
        Feature(FeatureKind.INDEX, "shop", "visits_at_idx", visits),
    ]
    (masked,) = (one for one in keyspace_misfits(schema, {"shop"}) if "mask" in one.what)
    assert (masked.where, masked.fatal) == ("shop.visits.owner", False)
    assert "UNMASK" in masked.choices


T = "CREATE TABLE shop.a (id int PRIMARY KEY, v int);\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (T + "  FROB TABLE shop.a;", "cql:2:3: the statement FROB is not known"),
        (T + "CREATE WIDGET w;", "2:8: CREATE WIDGET is not known"),
        (T + "CONSISTENCY QUORUM\n" + T, "2:1: the statement CONSISTENCY is not known"),
        (T + T, "2:14: shop.a is defined a second time"),
        (T + "ALTER TABLE shop.b ADD w int", "2:13: shop.b is not defined before it is altered"),
        (T + "ALTER TYPE shop.b ADD w int", "2:12: shop.b is not defined before it is altered"),
        (T + "ALTER TABLE shop.a DROP w", "2:25: no such column can be dropped at w"),
        (T + "ALTER TABLE shop.a DROP id", "2:25: no such column can be dropped at id"),
        (T + "ALTER TABLE shop.a RENAME w TO x", "2:27: there is nothing of that name"),
        (T + "ALTER TABLE shop.a ADD w int CHECK w > 0", "the statement does not end at check"),
        ("CREATE TABLE shop.a (id int CHECK id > 0)", "1:29: ) is missing at check"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY) WITH x = 1 OR", "AND is missing at or"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY) WITH x = {'a': 1", "a value is missing at the"),
        (T.replace(";", "") + T, "2:1: ; is missing before CREATE"),
        (T + "CREATE INDEX ON shop.a (v)\n" + T, "3:1: ; is missing before CREATE"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY) WHERE", "1:42: WITH is missing at where"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY, 'x' int)", "the name of a column is missing"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY, v map<int>)", "map has not as many"),
        ("CREATE TABLE shop.a (id int PRIMARY KEY) WITH CLUSTERING ORDER BY (id DESC)",
         "id is no clustering column"),
        ("/* never closed\nCREATE TABLE", "1:1: /* is not closed"),
        (T + "CREATE INDEX ON shop.a ()", "a column is missing at )"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_place(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


def test_what_compact_storage_leaves_behind_is_dropped_likewise(tmp_path: Path) -> None:
    text = 'CREATE TABLE "Old"."order" (id int, c int, value empty, PRIMARY KEY (id, c))'
    schema = read(tmp_path, text)
    (table,) = schema.tables.values()
    (misfit,) = table_misfits(schema, table, with_ttl=True)
    assert misfit.fatal
    assert 'ALTER TABLE "Old"."order" DROP value' in str(misfit)


def test_a_user_type_that_cassandra_prints_like_its_own_is_refused(tmp_path: Path) -> None:
    text = 'CREATE TYPE shop."int" (x text); CREATE TABLE shop.t (id text PRIMARY KEY, n int);'
    text += "CREATE TABLE shop.other (id text PRIMARY KEY, n bigint)"
    schema = read(tmp_path, text)
    taken, other = schema.tables.values()
    (misfit,) = table_misfits(schema, taken, with_ttl=True)
    assert (misfit.fatal, misfit.where) == (True, "shop.int")
    assert list(table_misfits(schema, other, with_ttl=True)) == []


def test_a_type_is_in_the_way_of_the_tables_that_use_it_and_of_no_other(tmp_path: Path) -> None:
    """Keyspaces makes no type that it does not know, and nobody has to drop one that is unused."""
    text = """CREATE TYPE shop.span (length duration);
    CREATE TYPE shop.trip (way list<text>, took frozen<span>);
    CREATE TABLE shop.trips (id int PRIMARY KEY, t frozen<map<int, frozen<trip>>>);
    CREATE TABLE shop.spanless (id int PRIMARY KEY, span text)"""
    schema = read(tmp_path, text)
    trips, spanless = schema.tables.values()
    (misfit,) = table_misfits(schema, trips, with_ttl=True)
    assert (misfit.fatal, misfit.where) == (True, "shop.span.length")
    assert "shop.trips" in misfit.choices
    assert list(table_misfits(schema, spanless, with_ttl=True)) == []
    assert schema.types_of([spanless]) == {"shop": ()}
    assert [one.name for one in schema.types_of([trips])["shop"]] == ["span", "trip"]


def test_types_are_made_after_those_that_they_use(tmp_path: Path) -> None:
    """The driver sorts quoted names by the alphabet."""
    text = """CREATE TYPE shop."Address" (p frozen<"Phone">);
    CREATE TYPE shop."Order" (at frozen<list<frozen<"Address">>>);
    CREATE TYPE shop."Phone" (n text);
    CREATE TABLE shop.t (id int PRIMARY KEY, o frozen<"Order">)"""
    schema = read(tmp_path, text)
    made = schema.types_of(schema.tables.values())["shop"]
    assert [one.name for one in made] == ["Phone", "Address", "Order"]


def test_options_are_passed_over_up_to_their_end(tmp_path: Path) -> None:
    text = """CREATE TABLE shop.a (id int PRIMARY KEY)
    WITH ID = 5a1c395e-b41f-11e5-9f22-ba0be0483c18
    AND comment = '' AND other = '-' AND bloom = 0.01 AND low = -1
    AND caching = {'keys': 'ALL', 'and': 'x'} AND list = ['a', 'b']
    AND default_time_to_live = 7 AND cdc = true"""
    assert read(tmp_path, text).default_ttls == {TableId("shop", "a"): 7}


def test_the_repositorys_own_schema_is_in_order() -> None:
    schema = schema_from(ROOT / "schema.cql")
    for table in schema.tables.values():
        refuse_misfits(ROOT / "schema.cql", schema, table, with_ttl=True)
