"""Test that a schema printed by Cassandra is read as its schema tables have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cassandra.cluster import Cluster
from cassandra.policies import DCAwareRoundRobinPolicy

from hintferry.adapters.driver.catalog import Catalog
from hintferry.adapters.driver.session import COMMON_OPTIONS, CqlSession
from hintferry.core.errors import Side
from hintferry.core.schema import TableId
from hintferry.wiring import sessions
from hintferry_cli.init.files import masks_text
from hintferry_ops.fit.inspection import CqlInspection
from hintferry_ops.fit.misfits import FeatureKind, Schema, differences
from hintferry_ops.fit.schema_file import schema_of
from sandbox.parts import cassandra
from sandbox.parts.addresses import claim
from sandbox.parts.cassandra import Node, Ring
from sandbox.sessions import any_cassandra_session
from tools.releases import CASSANDRA_5, Release

pytestmark = pytest.mark.stack

ALLOWED = """
user_defined_functions_enabled: true
drop_compact_storage_enabled: true
"""
MASKS = "dynamic_data_masking_enabled: true\n"
STATEMENTS = """
CREATE KEYSPACE odd WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
CREATE TYPE odd."Phone" (country text, "number" text);
CREATE TYPE odd.contact (name text, phones frozen<map<text, frozen<"Phone">>>, "select" int);
CREATE TYPE odd."order" (lines list<int>, at frozen<tuple<timestamp, text>>);
CREATE TYPE odd."say ""when""; now" (x int);
CREATE TABLE odd.people (
    id uuid PRIMARY KEY, who frozen<contact>, "Phone" "Phone", calls list<frozen<"Phone">>,
    deep frozen<map<text, list<set<int>>>>, pair tuple<int, list<text>>, gone text, gone_too int,
    odd frozen<"say ""when""; now">)
    WITH cdc = true AND comment = 'it''s; -- a /* comment' AND default_time_to_live = 3600;
ALTER TABLE odd.people DROP gone;
ALTER TABLE odd.people DROP gone_too USING TIMESTAMP 1750000000000000;
ALTER TABLE odd.people ADD gone text;
CREATE TABLE odd."Events" (
    "primary" text, "Day" date, "static" timeuuid, c varint, s frozen<"order"> static, v blob,
    PRIMARY KEY (("primary", "Day"), "static", c)) WITH CLUSTERING ORDER BY ("static" DESC, c ASC);
CREATE TABLE odd.hits (page text PRIMARY KEY, hits counter);
CREATE TABLE odd.keys_only (a int, b ascii, PRIMARY KEY ((a, b)));
CREATE INDEX ON odd."Events" (v);
CREATE INDEX "By_Value" ON odd.people (gone);
CREATE INDEX ON odd.people (values(calls));
CREATE MATERIALIZED VIEW odd."by_Day" AS SELECT "Day", "primary", "static", c, v FROM odd."Events"
    WHERE "primary" IS NOT NULL AND "Day" IS NOT NULL AND "static" IS NOT NULL AND c IS NOT NULL
    PRIMARY KEY ("Day", "primary", "static", c);
CREATE FUNCTION odd.sum_of (a int, b int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java
    AS $$ /* ; */ return a + b; $$;
CREATE AGGREGATE odd.total (int) SFUNC sum_of STYPE int INITCOND 0;
CREATE TABLE odd.compact (k text PRIMARY KEY, v int) WITH COMPACT STORAGE;
CREATE TABLE odd.dense (k text, c int, PRIMARY KEY (k, c)) WITH COMPACT STORAGE;
CREATE TABLE odd.was_dense (k text, c int, PRIMARY KEY (k, c)) WITH COMPACT STORAGE;
ALTER TABLE odd.was_dense DROP COMPACT STORAGE;
"""
NEWER = """
CREATE TABLE odd.masked (
    id int PRIMARY KEY, card text MASKED WITH mask_inner(0, 4), n int MASKED WITH DEFAULT);
CREATE TABLE odd.vectors (id int PRIMARY KEY, v vector<float, 3>, w list<frozen<vector<int, 2>>>);
"""
NEW_TABLES = {"masked", "vectors"}


@pytest.fixture(scope="module")
def node(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node that has these tables."""
    newer = release is CASSANDRA_5
    settings = release.yaml + ALLOWED + (MASKS if newer else "")
    home = tmp_path_factory.mktemp("described")
    with claim([(11, cassandra.PORT), (11, cassandra.STORAGE_PORT)]) as block:
        host = block.address(11)
        ring = Ring(
            "odd", "datacenter1", (host,), cdc=True, release=replace(release, yaml=settings)
        )
        running = Node(ring, host, home)
        running.start()
        try:
            with any_cassandra_session(host, cassandra.PORT) as session:
                for statement in (STATEMENTS + (NEWER if newer else "")).split(";\n"):
                    if statement.strip():
                        session.execute(statement, timeout=60.0)
            yield host
        finally:
            running.kill()


def cluster(host: str) -> Cluster:
    return Cluster(
        [host],
        port=cassandra.PORT,
        execution_profiles=sessions._profile(DCAwareRoundRobinPolicy("datacenter1")),
        **COMMON_OPTIONS,
    )


@pytest.fixture(scope="module")
def source_session(node: str) -> Iterator[CqlSession]:
    """A session as the command has it."""
    session = CqlSession(Side.SOURCE, lambda: cluster(node))
    yield session
    session.close()


def described(host: str, text: str) -> str:
    with any_cassandra_session(host, cassandra.PORT) as session:
        rows = session.execute(text)
        return "\n".join(row.create_statement for row in rows)


TABLES = {"Events", "hits", "keys_only", "people", "was_dense"}
COMPACT = {"compact", "dense"}
FEATURES = {
    (FeatureKind.INDEX, "Events_v_idx"),
    (FeatureKind.INDEX, "By_Value"),
    (FeatureKind.INDEX, "people_calls_idx"),
    (FeatureKind.VIEW, "by_Day"),
    (FeatureKind.FUNCTION, "sum_of"),
    (FeatureKind.AGGREGATE, "total"),
}
MASKED = {(FeatureKind.MASK, "masked.card"), (FeatureKind.MASK, "masked.n")}


@pytest.mark.parametrize("how", ["DESCRIBE KEYSPACE odd", "DESCRIBE KEYSPACE odd WITH INTERNALS"])
def test_what_cassandra_prints_says_what_its_schema_tables_say(
    how: str, node: str, source_session: CqlSession, release: Release
) -> None:
    newer = release is CASSANDRA_5
    schema = schema_of(described(node, how), how)
    # Cassandra prints what COMPACT STORAGE hides as a comment only.
    assert {table.name for table in schema.tables} == TABLES | (NEW_TABLES if newer else set())
    found = {(one.kind, one.name) for one in schema.features}
    assert found == FEATURES | (MASKED if newer else set())
    compare(schema, source_session)


def test_what_init_writes_says_what_the_schema_tables_say(
    source_session: CqlSession, release: Release
) -> None:
    inspection = CqlInspection(source_session)
    facts = inspection.facts(with_settings=False)
    live = [inspection.table(table) for table in facts.own_tables]
    schema = schema_of(facts.cql(facts.own_tables) + masks_text(live), "init")
    newer = release is CASSANDRA_5
    masked = {(one.kind, one.name) for one in schema.features if one.kind is FeatureKind.MASK}
    assert masked == (MASKED if newer else set())
    assert set(facts.own_tables) == set(schema.tables)
    assert {table.name for table in schema.tables} >= COMPACT
    compare(schema, source_session)


def compare(schema: Schema, source_session: CqlSession) -> None:
    """Hold all tables, and the user types that they use, against what the pipeline reads."""
    catalog = Catalog(source_session)
    for table in schema.tables:
        assert differences(schema, catalog.table(table)) == "", table
    people = catalog.table(TableId("odd", "people"))
    assert {one.name for one in people.user_types} == {"Phone", "contact", 'say "when"; now'}
