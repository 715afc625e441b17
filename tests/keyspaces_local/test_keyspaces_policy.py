"""Every rule about statements: what passes and what is refused, by which rule."""

import pytest

from keyspaces_local import policy, rules
from keyspaces_local.admin import Address, AdminSession
from keyspaces_local.catalog import Catalog
from keyspaces_local.cql import classify
from keyspaces_local.policy import Plan
from keyspaces_local.properties import TableSettings
from keyspaces_local.protocol import ErrorCode
from keyspaces_local.rules import Refusal, Rule
from keyspaces_local.schema import Column, ColumnKind, TableSchema
from keyspaces_local.statement import BatchType

NOW = 1_795_000_000_000_000
DAY, MINUTE = 24 * 3600 * 1_000_000, 60 * 1_000_000


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog(AdminSession(Address("127.0.0.1", 1)), "us-east-1")
    made.keyspaces.add("ks")
    on = {"status": "enabled"}
    made.publish(TableSettings("ks", "plain"))
    kinds = {
        "p": (ColumnKind.PARTITION, "int"), "c": (ColumnKind.CLUSTERING, "frozen<list<int>>"),
        "d": (ColumnKind.CLUSTERING, "int"), "f": (ColumnKind.REGULAR, "frozen<map<int, int>>"),
        "l": (ColumnKind.REGULAR, "list<int>"), "u": (ColumnKind.REGULAR, "pair"),
    }  # fmt: skip
    columns = {name: Column(name, *kind) for name, kind in kinds.items()}
    schema = TableSchema(columns, ("p",), ("c", "d"), {"pair": ("int", "int")})
    made.publish(TableSettings("ks", "keyed", schema=schema))
    made.publish(TableSettings("ks", "timed", properties={"client_side_timestamps": on}))
    made.publish(TableSettings("ks", "expiring", properties={"ttl": on}))
    return made


def admitted(catalog: Catalog, text: str, keyspace: str | None = "ks") -> Plan:
    statement = classify(text)
    policy.check_kind(statement)
    plan = policy.admit(statement, keyspace, catalog)
    policy.check_switches(plan, NOW)
    return plan


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, ttl(a), token(k) FROM plain",
        "SELECT writetime(a) FROM timed",
        "SELECT * FROM system_schema_mcs.tables",
        "SELECT * FROM system_schema.columns",
        "SELECT * FROM system.local",
        "INSERT INTO plain (a) VALUES (1)",
        "SELECT * FROM plain WHERE k = 1 AND (c, d) IN ((1, 2), (3, 4))",
        "SELECT * FROM plain WHERE token(k) > 1 AND token(k) <= 5",
        "SELECT * FROM keyed WHERE p = 1 AND c = [1] AND d > 1",
        "UPDATE keyed SET f = {} WHERE p = 1 AND c = [1] AND d = 1 IF f = {1: 2} AND d > 0",
        "UPDATE keyed SET f = {} WHERE p = 1 AND c = [1] AND d = 1 IF l > [1] AND u.a > 1",
        "INSERT INTO plain (a) VALUES (1) IF NOT EXISTS",
        f"INSERT INTO timed (a) VALUES (1) USING TIMESTAMP {NOW}",
        "UPDATE expiring USING TTL 5 SET a = 1 WHERE k = 1",
        "BEGIN BATCH INSERT INTO plain (a) VALUES (1) IF NOT EXISTS APPLY BATCH",
        f"BEGIN UNLOGGED BATCH {'DELETE FROM plain WHERE k = 1; ' * 30} APPLY BATCH",
        f"BEGIN BATCH {'DELETE FROM plain WHERE k = 1; ' * 100} APPLY BATCH",
        f"BEGIN BATCH USING TIMESTAMP {NOW} DELETE FROM timed WHERE k = 1 APPLY BATCH",
    ],
)
def test_what_the_service_takes(catalog: Catalog, text: str) -> None:
    admitted(catalog, text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("TRUNCATE plain", rules.STATEMENT_KIND),
        ("CREATE INDEX ON plain (a)", rules.STATEMENT_KIND),
        ("CREATE MATERIALIZED VIEW v AS SELECT a FROM plain", rules.STATEMENT_KIND),
        ("CREATE FUNCTION f () RETURNS int", rules.STATEMENT_KIND),
        ("CREATE AGGREGATE a", rules.STATEMENT_KIND),
        ("CREATE TRIGGER t ON plain USING 'x'", rules.STATEMENT_KIND),
        ("ALTER TYPE u ADD a int", rules.STATEMENT_KIND),
        ("CREATE ROLE r", rules.STATEMENT_KIND),
        ("DROP USER u", rules.STATEMENT_KIND),
        ("RESTORE TABLE a FROM TABLE b", rules.STATEMENT_KIND),
        ("WIBBLE plain", rules.SYNTAX),
        ("SELECT count(*) FROM plain", rules.AGGREGATE),
        ("SELECT k, Max(a) FROM plain", rules.AGGREGATE),
        ("SELECT writetime(a) FROM plain", rules.WRITETIME_SWITCH),
        ("SELECT a FROM missing", rules.UNCONFIGURED_TABLE),
        ("SELECT a FROM other.plain", rules.UNKNOWN_KEYSPACE),
        ("SELECT * FROM system.peers_v2", rules.UNCONFIGURED_TABLE),
        ("SELECT * FROM system_auth.roles", rules.UNKNOWN_KEYSPACE),
        ("INSERT INTO missing (a) VALUES (1)", rules.UNCONFIGURED_TABLE),
        ("INSERT INTO system.local (key) VALUES ('x')", rules.SYSTEM_READ_ONLY),
        ("DELETE FROM system_schema_mcs.tables WHERE k = 1", rules.SYSTEM_READ_ONLY),
        ("DELETE FROM plain WHERE k IN (1)", rules.MODIFY_IN),
        ("SELECT * FROM plain WHERE k IN (1, 2) AND c > 5", rules.IN_WITH_SLICE),
        ("SELECT * FROM plain WHERE k IN ? AND (c, d) >= (1, 2)", rules.IN_WITH_SLICE),
        ("SELECT * FROM plain WHERE token(k) IN (1, 2)", rules.IN_WITH_SLICE),
        ("SELECT * FROM plain WHERE token(k) > 1 AND c IN (1, 2)", rules.IN_WITH_SLICE),
        ("SELECT * FROM keyed WHERE p = 1 AND c > [1]", rules.FROZEN_INEQUALITY),
        ("DELETE FROM keyed WHERE p = 1 AND c < ?", rules.FROZEN_INEQUALITY),
        ("DELETE FROM keyed WHERE p = 1 AND c = [1] AND d = 1 IF u > {a: 1, b: 2}",
         rules.FROZEN_INEQUALITY),
        ("UPDATE keyed SET f = {} WHERE p = 1 AND c = [1] AND d = 1 IF f != ?",
         rules.FROZEN_INEQUALITY),
        ("UPDATE keyed SET f = {} WHERE p = 1 AND c = [1] AND d = 1 IF d = 1 AND f >= {1: 2}",
         rules.FROZEN_INEQUALITY),
        (f"INSERT INTO plain (a) VALUES (1) USING TIMESTAMP {NOW}", rules.TIMESTAMP_SWITCH),
        ("INSERT INTO plain (a) VALUES (1) USING TIMESTAMP ?", rules.TIMESTAMP_SWITCH),
        ("INSERT INTO timed (a) VALUES (1) USING TTL 5", rules.TTL_SWITCH),
        ("UPDATE plain USING TTL ? SET a = 1 WHERE k = 1", rules.TTL_SWITCH),
        ("INSERT INTO timed (a) VALUES (1) USING TIMESTAMP 1", rules.TIMESTAMP_WINDOW),
        (f"DELETE FROM timed USING TIMESTAMP {NOW - 2 * DAY - 1} WHERE k = 1",
         rules.TIMESTAMP_WINDOW),
        (f"DELETE FROM timed USING TIMESTAMP {NOW + 5 * MINUTE + 1} WHERE k = 1",
         rules.TIMESTAMP_WINDOW),
        ("BEGIN BATCH USING TIMESTAMP 1 DELETE FROM timed WHERE k = 1 APPLY BATCH",
         rules.TIMESTAMP_WINDOW),
        ("BEGIN BATCH USING TIMESTAMP ? DELETE FROM plain WHERE k = 1 APPLY BATCH",
         rules.TIMESTAMP_SWITCH),
        ("BEGIN BATCH UPDATE plain USING TTL 5 SET a = 1 WHERE k = 1 APPLY BATCH",
         rules.TTL_SWITCH),
        ("BEGIN UNLOGGED BATCH DELETE FROM plain WHERE k = 1 IF EXISTS APPLY BATCH",
         rules.UNLOGGED_CONDITION),
        (f"BEGIN UNLOGGED BATCH {'DELETE FROM plain WHERE k = 1; ' * 31} APPLY BATCH",
         rules.UNLOGGED_LIMIT),
        (f"BEGIN BATCH {'DELETE FROM plain WHERE k = 1; ' * 101} APPLY BATCH",
         rules.LOGGED_LIMIT),
    ],
)  # fmt: skip
def test_what_the_service_refuses(catalog: Catalog, text: str, rule: Rule) -> None:
    with pytest.raises(Refusal) as caught:
        admitted(catalog, text)
    assert caught.value.rule is rule
    assert "{" not in str(caught.value)


def test_a_name_without_keyspace_needs_a_used_one(catalog: Catalog) -> None:
    with pytest.raises(Refusal) as caught:
        admitted(catalog, "SELECT a FROM plain", None)
    assert caught.value.rule is rules.NO_KEYSPACE


def test_a_batch_frame_holds_modifications_only(catalog: Catalog) -> None:
    select = admitted(catalog, "SELECT a FROM plain")
    with pytest.raises(Refusal) as caught:
        policy.check_batch(BatchType.LOGGED, [select])
    assert caught.value.code is ErrorCode.SYNTAX_ERROR
