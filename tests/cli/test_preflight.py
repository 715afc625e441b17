"""`hintferry preflight`: each fault of either side is found and told with its fix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import NoCredentialsError
from rich.console import Console

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.config.settings import TableSettings
from hintferry.core.capture import Witness
from hintferry.core.errors import (
    ConfigurationError,
    HintferryError,
    Masked,
    SchemaMismatch,
    Side,
    Unreachable,
)
from hintferry.core.rows import Row
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType
from hintferry.ports import Captures
from hintferry.testing.captures import ScriptedCaptures, host_of
from hintferry_cli.exits import Status
from hintferry_cli.preflight import command, view
from hintferry_cli.preflight.finding import Finding, Level, from_error
from hintferry_cli.preflight.source import ttl_findings
from hintferry_ops import wiring
from hintferry_ops.cutover.gate.facts import NodeReport
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import KeyspaceText, SourceFacts, SourceNode
from hintferry_ops.testing.cutover import ScriptedSurroundings
from hintferry_ops.testing.inspection import (
    GOOD_SETTINGS,
    ScriptedInspection,
    ScriptedTarget,
    facts_of,
)
from tests.cli.sources import LOOK, TEXT, Rows, answering, run, scan_of
from tests.cli.test_schema_command import HEAD

ORDERS = TableId("shop", "orders")
PLAIN = KeyspaceText([], [], {"orders": "CREATE TABLE shop.orders (id uuid PRIMARY KEY, n int);"})
GOOD = {"shop": PLAIN, "hintferry": TEXT["hintferry"]}
OLD = replace(
    TEXT["hintferry"],
    tables={
        **TEXT["hintferry"].tables,
        "markers": "CREATE TABLE hintferry.markers (name text PRIMARY KEY, written uuid);",
    },
)
NODES = [SourceNode(f"10.0.{n}.11", "dc1", "5.0.4", True, GOOD_SETTINGS) for n in (1, 2, 3)]

Change = Mapping[str, Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that is in order, beside its schema."""
    path = tmp_path / "migration.toml"
    path.write_text(HEAD.replace("[target]", "nodes = 3\n[target]") + '[tables."shop.orders"]\n')
    (tmp_path / "schema.cql").write_text(PLAIN.tables["orders"])
    return path


def settled(
    monkeypatch: pytest.MonkeyPatch,
    facts: SourceFacts | Exception | None = None,
    faults: Mapping[TableId, Sequence[HintferryError]] | None = None,
    control: Sequence[HintferryError] = (),
    failure: HintferryError | None = None,
    rows: Rows | None = None,
    captures: Captures | None = None,
) -> ScriptedSurroundings:
    """Both sides as a test wants them, and a report of each node."""
    answering(monkeypatch, facts or facts_of(GOOD), rows)
    target = ScriptedTarget(faults or {}, control, failure)
    monkeypatch.setattr(wiring, "target_check", lambda settings: target)
    around, clock = ScriptedSurroundings(), WallClock()
    now = clock.now()
    connectors = captures or ScriptedCaptures(clock.now, tuple(one.address for one in NODES))
    monkeypatch.setattr(wiring, "captures", lambda migration: nullcontext(connectors))
    around.said = [NodeReport(node.address, now, now, 0, None) for node in NODES]
    monkeypatch.setattr(wiring, "node_reports", lambda migration: around)
    return around


def found(config: Path, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    result = run("preflight", "--json", "--config", str(config), *arguments)
    told = json.loads(result.stdout)
    assert told["fit"] is (result.exit_code == 0)
    return result.exit_code, told["findings"]


def test_what_is_in_order_is_fit_and_only_the_writers_are_asked_for(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    status, findings = found(config)
    assert (status, [one["level"] for one in findings]) == (0, ["question"])
    assert "LOCAL_QUORUM or more in dc1" in findings[0]["what"]


def test_a_table_that_is_shown_masked_is_a_fault_with_the_grant(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    source = answering(monkeypatch, facts_of(GOOD))
    grant = 'GRANT UNMASK ON TABLE "shop"."orders" TO "hintferry"'
    source.masked = Masked(Side.SOURCE, f"it may show our login column card masked; run: {grant}")
    status, findings = found(config)
    assert status == 1
    assert [one["fix"] for one in findings if one["level"] == "fault"] == [grant]
    status, findings = found(config, "--only", "target")
    assert (status, [one["level"] for one in findings]) == (3, ["unknown"])


def changed(facts: SourceFacts, kind: str, name: str, **values: Any) -> SourceFacts:
    """Rows of `system_schema` of this name with other values."""
    rows = [
        {**row, **values} if name in (row.get("table_name"), row["keyspace_name"]) else row
        for row in getattr(facts, kind)
    ]
    return replace(facts, **cast(Any, {kind: rows}))


def settings(**values: str) -> SourceNode:
    return replace(NODES[1], settings={**GOOD_SETTINGS, **values})


def replicated(**copies: str) -> dict[str, str]:
    return {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", **copies}


def text(ddl: str, *functions: str) -> dict[str, KeyspaceText]:
    return {**GOOD, "shop": KeyspaceText([], functions, {"orders": ddl})}


@pytest.mark.parametrize(
    ("facts", "level", "where", "what", "fix"),
    [
        (facts_of(GOOD, NODES[0], settings(cdc_enabled="false"), NODES[2]),
         "fault", "10.0.2.11", "cdc_enabled: false", "set cdc_enabled: true"),
        (facts_of(GOOD, NODES[0], settings(commitlog_compression="x"), NODES[2]),
         "advice", "10.0.2.11", "commitlog_compression", "remove"),
        (facts_of(GOOD, NODES[0], NODES[1], replace(NODES[2], answers=False)),
         "unknown", "10.0.3.11", "does not answer", "start it"),
        (facts_of(GOOD, NODES[0], NODES[1], replace(NODES[2], settings=None, version="3.11.17")),
         "unknown", "10.0.3.11", "Cassandra 3.11.17 does not show", "install check"),
        (facts_of(GOOD, *NODES, replace(NODES[0], address="10.0.4.11")),
         "fault", "migration.toml", "source.nodes is 3, and dc1 has 4", "nodes = 4"),
        (replace(facts_of(GOOD), partitioner="RandomPartitioner"),
         "fault", "source", "RandomPartitioner", "first"),
        (changed(facts_of(GOOD), "tables", "orders", cdc=False),
         "fault", "table shop.orders", "cdc = false", "ALTER TABLE shop.orders WITH cdc = true"),
        (changed(facts_of(GOOD), "tables", "orders", read_repair="NONE"),
         "fault", "table shop.orders", "read_repair = NONE", "WITH read_repair = 'BLOCKING'"),
        (changed(facts_of(GOOD), "tables", "markers", cdc=False),
         "fault", "table hintferry.markers", "cdc = false", "hintferry.markers WITH cdc = true"),
        (changed(facts_of(GOOD), "keyspaces", "shop", durable_writes=False),
         "fault", "keyspace shop", "durable_writes", "ALTER KEYSPACE shop"),
        (facts_of({**GOOD, "other": TEXT["other"]}),
         "fault", "table other.Readings", "not in migration.toml", "WITH cdc = false"),
        (facts_of({"shop": PLAIN}),
         "fault", "source", "no table hintferry.markers", "'dc1': 3}; CREATE TABLE IF NOT EXISTS"),
        (facts_of({"shop": PLAIN}),
         "fault", "source", "no table hintferry.captures", "hintferry.captures (host_id uuid"),
        (facts_of({"shop": PLAIN}),
         "fault", "source", "no table hintferry.watermarks", "waits text, PRIMARY KEY (name"),
        (facts_of({**GOOD, "hintferry": OLD}),
         "fault", "table hintferry.markers", "lacks drawn_at, number",
         "ALTER TABLE hintferry.markers ADD (drawn_at timestamp, number bigint)"),
        (changed(facts_of(GOOD), "keyspaces", "hintferry", replication=replicated(dc1="2")),
         "fault", "keyspace hintferry", "has no replica on every node", "ALTER KEYSPACE hintferry"),
        (changed(facts_of(GOOD), "keyspaces", "shop", replication=replicated(dc2="3")),
         "fault", "keyspace shop", "is not replicated to dc1", "source.datacenter"),
        (changed(facts_of(GOOD), "keyspaces", "shop", replication=replicated(dc1="1")),
         "advice", "keyspace shop", "has one replica in dc1", "one node may be down"),
        (changed(facts_of(GOOD), "keyspaces", "shop", replication=replicated(dc1="3/1", dc2="3")),
         "question", "writers", "tables in dc2", "EACH_QUORUM"),
        (facts_of(text("CREATE TABLE shop.orders (id int PRIMARY KEY, v vector<float, 3>);")),
         "fault", "shop.orders.v", "is a vector", "leave the table out"),
        (facts_of(text(PLAIN.tables["orders"].replace(";", " WITH COMPACT STORAGE;"))),
         "fault", "shop.orders", "COMPACT STORAGE", "DROP COMPACT STORAGE"),
        (facts_of(text(PLAIN.tables["orders"] + "CREATE INDEX by_n ON shop.orders (n);")),
         "advice", "shop.by_n", "is an index on shop.orders", "create a table keyed by"),
        (facts_of(text(PLAIN.tables["orders"], "CREATE FUNCTION shop.f (x int) RETURNS int ...;")),
         "advice", "shop.f", "is a user-defined function", "in the application"),
        (facts_of(text("CREATE TABLE shop.orders (id uuid PRIMARY KEY, n bigint);")),
         "fault", "schema.cql", "not as the source has it", "hintferry init --force"),
    ],
)  # fmt: skip
def test_each_finding_of_the_source_comes_with_its_fix(
    facts: SourceFacts,
    level: str,
    where: str,
    what: str,
    fix: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settled(monkeypatch, facts)
    status, findings = found(config, "--only", "source")
    expected = {"fault": 1, "unknown": 3}.get(level, 0)
    told = [one for one in findings if what in one["what"] and one["where"].endswith(where)]
    assert len(told) == 1, findings
    assert (told[0]["level"], fix in told[0]["fix"]) == (level, True), told
    worst = {one["level"] for one in findings}
    assert status == expected or (status == 1 and "fault" in worst)


def test_a_type_that_has_changed_at_the_source_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    known = schema_of(PLAIN.tables["orders"], "test").tables[ORDERS]
    live = replace(known, user_types=(UserType("Address", (("street", "text"),)),))
    inspection = ScriptedInspection(facts_of(GOOD), {ORDERS: live}, scan_of({}))
    monkeypatch.setattr(wiring, "source_inspection", lambda settings: inspection)
    schema = config.parent / "schema.cql"
    (told,) = (one for one in found(config, "--only", "source")[1] if one["level"] == "fault")
    assert "shop.orders not as the source has it: type Address" in told["what"]
    schema.write_text(schema.read_text() + 'CREATE TYPE shop."Address" (street varchar);')
    assert found(config, "--only", "source")[0] == 0


def test_a_vector_of_another_table_is_in_the_way_of_the_stock_connector_alone(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = {"keyspace_name": "other", "table_name": "v", "type": "vector<float, 3>"}
    settled(monkeypatch, replace(facts_of(GOOD), columns=[column]))
    assert found(config, "--only", "source")[0] == 0
    config.write_text(config.read_text() + "\n[capture]\nstock = true\n")
    (told,) = (one for one in found(config, "--only", "source")[1] if one["level"] == "fault")
    assert (told["where"], told["what"]) == ("table other.v", "has a vector column")


def held(*values: bytes | None, expiry: int | None = None) -> Row:
    return Row(values, (expiry,) * len(values))


BLOBS = text("CREATE TABLE shop.orders (id text, c text, b blob, v varint, PRIMARY KEY (id, c));")


@pytest.mark.parametrize(
    ("id_", "clustering", "row", "level", "what"),
    [
        (b"k", b"c", held(b"x" * 1_048_576, None), "fault", "has a row of 1,048,"),
        (b"k", b"c", held(b"x" * 900_000, None), "advice", "has a row of 900,"),
        (b"k", b"c", held(b"x" * 700_000, None), None, ""),
        (b"k" * 2049, b"c", held(None, None), "fault", "partition key of 2,049 of 2,048 bytes"),
        (b"k", b"c" * 851, held(None, None), "fault", "clustering key of 851 of 850 bytes"),
        (b"k", b"c" * 800, held(None, None), "advice", "clustering key of 800 of 850 bytes"),
        (b"k", b"c", held(None, (10**37).to_bytes(16)), None, ""),
        (b"k", b"c", held(None, (10**38).to_bytes(16)), "fault", "varint of 39 digits"),
        (b"k", b"c", held(None, b"\x01" * 3000), "fault", "varint of 7230 digits"),
        (b"k", b"c", held(b"x", None, expiry=2_000_000_000), "fault", "(1 of 1 sampled rows)"),
    ],
)
def test_a_sample_of_rows_is_held_against_the_limits(
    id_: bytes,
    clustering: bytes,
    row: Row,
    level: str | None,
    what: str,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settled(monkeypatch, facts_of(BLOBS), rows={ORDERS: {(id_,): {(clustering,): row}}})
    config.write_text(config.read_text() + "ttl = false\n")
    (config.parent / "schema.cql").write_text(BLOBS["shop"].tables["orders"])
    _, findings = found(config, "--only", "source")
    told = [one for one in findings if one["where"] == "shop.orders"]
    assert [(one["level"], what in one["what"]) for one in told] == (
        [(level, True)] if level else []
    )
    assert all(one["fix"] and len(one["what"]) < 400 for one in told)


def test_a_table_that_the_source_does_not_have_is_told_once(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    config.write_text(config.read_text() + '[tables."shop.orderz"]\n')
    status, findings = found(config)
    assert status == 1
    told = [one for one in findings if "orderz" in one["where"] + one["what"]]
    assert [(one["where"], one["what"], one["fix"]) for one in told] == [
        ("table shop.orderz", "no such table on the source", "Correct its name in migration.toml.")
    ]


def test_a_schema_file_that_is_not_there_is_a_fault(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    (config.parent / "schema.cql").unlink()
    status, findings = found(config, "--only", "source")
    assert (status, findings[0]["level"]) == (1, "fault")
    assert "hintferry init" in findings[0]["fix"]


def test_connectors_are_wanted_on_every_node_of_exactly_that_datacenter(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = settled(monkeypatch)
    now = WallClock().now()
    around.said = [
        NodeReport("10.0.1.11", now, now, 2, None),
        NodeReport("10.0.2.11", now - 3000, now, 0, None),
        NodeReport("10.9.1.11", now, now, 0, None),
    ]
    status, findings = found(config, "--only", "capture")
    assert status == 1
    assert [(one["where"], one["what"][:21]) for one in findings] == [
        ("10.0.2.11", "no longer reports"),
        ("10.0.3.11", "has no connector, so "),
        ("10.9.1.11", "has a connector, and "),
        ("10.0.1.11", "has 2 unread segments"),
    ]
    assert all(one["fix"] for one in findings)


def test_what_the_target_lacks_is_told_with_the_statement(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter = 'ALTER TABLE "shop"."orders" ADD "n" int'
    lacks = SchemaMismatch(f"the target's shop.orders lacks a column; run: {alter}")
    fences = SchemaMismatch("the target has no table hintferry.fences; run: CREATE TABLE x")
    settled(monkeypatch, faults={ORDERS: [lacks]}, control=[fences])
    status, findings = found(config, "--only", "target")
    assert status == 1
    assert [(one["what"], one["fix"]) for one in findings] == [
        ("the target has no table hintferry.fences", "CREATE TABLE x"),
        ("the target's shop.orders lacks a column", alter),
    ]


@pytest.mark.parametrize("ttl", [True, False])
def test_the_switch_for_ttl_is_asked_for_where_it_is_needed(
    ttl: bool, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    target = ScriptedTarget({})
    monkeypatch.setattr(wiring, "target_check", lambda settings: target)
    config.write_text(config.read_text() + f"ttl = {str(ttl).lower()}\n")
    assert found(config, "--only", "target")[0] == 0
    assert target.asked == [(ORDERS, ttl)]


def test_what_cannot_be_looked_at_is_told_and_is_no_fault(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Unreachable(Side.TARGET, "cannot connect: bad credentials")
    around = settled(monkeypatch, failure=away)

    def refused(since: float) -> list[NodeReport]:
        raise NoCredentialsError

    monkeypatch.setattr(around, "reports", refused)
    status, findings = found(config)
    assert status == 3
    unseen = [one for one in findings if one["level"] == "unknown"]
    assert [one["where"] for one in unseen] == ["capture", "target"]
    assert "AWS_PROFILE" in unseen[0]["what"]
    assert "bad credentials" in unseen[1]["what"]


def test_a_source_that_does_not_answer_ends_the_look(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch, Unreachable(Side.SOURCE, "cannot connect: refused"))
    status, findings = found(config)
    (one,) = findings
    assert (status, one["where"], one["what"]) == (3, "source", "cannot connect: refused")
    assert one["fix"] == LOOK


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--only", "nothing"], "'nothing' is not"), (["--config", "no.toml"], "no.toml does not")],
)
def test_a_wrong_call_is_told(arguments: list[str], says: str) -> None:
    result = run("preflight", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


FINDINGS = [
    Finding(Level.ADVICE, "shop.[red]n", "is an index", "do without"),
    Finding(Level.FAULT, "source", "cdc = false " + "x" * 90, "ALTER TABLE " + "y" * 90),
]


def shown(is_terminal: bool) -> str:
    out = StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=80)
    view.show(FINDINGS, Status.NEGATIVE, console)
    return out.getvalue()


def test_the_worst_is_shown_first_and_a_statement_stays_one_line() -> None:
    lines = shown(False).splitlines()
    assert lines == [
        "FAULT source: cdc = false " + "x" * 90,
        "  ALTER TABLE " + "y" * 90,
        "advice shop.[red]n: is an index",
        "  do without",
        "not fit: FAULT 1, advice 1",
    ]


def test_findings_of_one_kind_are_one_with_a_list() -> None:
    out = StringIO()
    tables = [f"table shop.t{n}" for n in range(40)]
    findings = [
        Finding(Level.ADVICE, "shop.a", "is an index", "do without"),
        Finding(Level.ADVICE, "shop.b", "is an index", "do without"),
        *(Finding(Level.FAULT, one, "cdc = false", f"ALTER {one} WITH ...") for one in tables),
    ]
    view.show(findings, Status.NEGATIVE, Console(file=out, width=80))
    assert out.getvalue().splitlines() == [
        "FAULT in 40 places: cdc = false",
        f"  {', '.join(tables)}",
        "  ALTER table shop.t0 WITH ...",
        "  Likewise for the others; --json has the words for each.",
        "advice in 2 places: is an index",
        "  shop.a, shop.b",
        "  do without",
        "not fit: FAULT 1, advice 1",
    ]
    assert len(view.as_tree(findings, Status.NEGATIVE)["findings"]) == 42


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[1;31mFAULT" in shown(True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in shown(True)
    assert "\x1b[31" not in shown(True)


LISTED = (Column("l", "list<text>", ColumnKind.REGULAR),)
PLAIN_COLUMN = (Column("v", "text", ColumnKind.REGULAR),)


@pytest.mark.parametrize(
    ("columns", "default", "tells", "said", "asked"),
    [
        ((), 0, True, {}, "does a row of it ever have a TTL?"),
        ((), 60, True, {}, "does a row of it ever get TTL 0, or more than the table's default?"),
        (LISTED, 0, False, {}, "does an element of its collections ever have a TTL?"),
        (LISTED, 60, False, {}, "does an element of its collections ever get TTL 0, or more"),
        (LISTED, 0, True, {}, None),
        (PLAIN_COLUMN, 60, False, {}, None),
        ((), 60, True, {"longest_ttl": 60}, None),
        ((), 0, True, {"longest_ttl": 0}, None),
        ((), 0, True, {"ttl": False}, None),
    ],
)
def test_who_knows_how_long_lives_what_has_no_readable_ttl_is_asked(
    columns: tuple[Column, ...],
    default: int,
    tells: bool,
    said: dict[str, Any],
    asked: str | None,
) -> None:
    key = (Column("id", "text", ColumnKind.PARTITION_KEY),)
    table = Table(ORDERS, key, regulars=columns, longest_ttl=default, tells_elements=tells)
    told = list(ttl_findings(replace(TableSettings(ORDERS), **said), table))
    assert [(one.level, one.where, asked is not None and asked in one.what) for one in told] == (
        [] if asked is None else [(Level.QUESTION, "shop.orders", True)]
    )
    assert all("longest_ttl" in one.fix for one in told)


def test_the_statements_can_be_run_as_they_are_printed(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = "ALTER TABLE shop.t WITH cdc = true"
    findings = [
        *[Finding(Level.FAULT, "table shop.t", "cdc = false", f"{statement}.", (statement,))] * 2,
        from_error(Level.FAULT, "target", SchemaMismatch("no table; run: CREATE TABLE a.b")),
        from_error(Level.FAULT, "source", SchemaMismatch("there is none; correct its name")),
    ]
    assert view.as_cql(findings).splitlines() == [
        "-- On Keyspaces:",
        "CREATE TABLE a.b;",
        "-- On the source, once the stacks are deployed (capture waits for topics):",
        f"{statement};",
    ]
    assert [one["cql"] for one in view.as_tree(findings, Status.NEGATIVE)["findings"]] == [
        [statement], [statement], ["CREATE TABLE a.b"], [],
    ]  # fmt: skip
    monkeypatch.setattr(command, "findings_of", lambda *_: findings)
    result = run("preflight", "--cql", "--config", str(config))
    assert (result.exit_code, result.stdout) == (1, view.as_cql(findings))


def test_a_connector_that_runs_and_cannot_capture_is_a_fault(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing grant of its role, say: `GRANT SELECT ON system_views.settings`."""
    said = ScriptedCaptures(WallClock().now, tuple(one.address for one in NODES))
    del said.since[host_of("10.0.1.11")]
    del said.age_s[host_of("10.0.2.11")]
    settled(monkeypatch, captures=said)
    status, findings = found(config, "--only", "capture")
    faults = {one["where"]: (one["what"], one["fix"]) for one in findings}
    assert status == 1
    assert faults.keys() == {"10.0.1.11", "10.0.2.11"}
    assert faults["10.0.1.11"][0] == "its connector cannot capture shop.orders: column c"
    assert "docs/explanation/security.md" in faults["10.0.1.11"][1]
    assert faults["10.0.2.11"][0] == "its connector tells no state to the source"
    assert "GRANT MODIFY ON TABLE hintferry.captures" in faults["10.0.2.11"][1]


def test_a_login_that_may_not_read_the_states_is_told_its_grant(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(ScriptedCaptures):
        def witness(self, table: TableId) -> Witness:
            raise ConfigurationError("the login lacks SELECT on hintferry.captures; run there: G")

    settled(monkeypatch, captures=Refused(WallClock().now))
    status, (finding,) = found(config, "--only", "capture")
    assert (status, finding["level"], finding["fix"]) == (1, "fault", "run there: G")


def test_the_stock_connector_tells_no_state(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ScriptedCaptures(WallClock().now, tuple(one.address for one in NODES))
    said.stock = True
    settled(monkeypatch, captures=said)
    assert found(config, "--only", "capture") == (0, [])
