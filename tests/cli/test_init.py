"""`hintferry init`: what it writes is what the other parts read; nothing is overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.config.source_settings import Auth, SourceSettings
from hintferry.core.errors import Side, Unreachable
from hintferry.core.schema import Column, ColumnKind, TableId
from hintferry_ops import wiring
from hintferry_ops.fit.schema_file import schema_from
from hintferry_ops.fit.source_facts import KeyspaceText, SourceNode
from hintferry_ops.testing.inspection import ScriptedInspection, facts_of
from tests.cli.sources import LOOK, TEXT, answering, run

POINT = ("--contact-point", "10.0.2.11", "--region", "eu-west-1")


def init(folder: Path, *arguments: str) -> tuple[str, ...]:
    return ("init", *arguments, *POINT, "--config", str(folder / "migration.toml"))


def test_both_files_are_written_and_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspection = answering(monkeypatch)
    result = run(*init(tmp_path))
    assert (result.exit_code, inspection.closed) == (0, True), result.output
    migration = migration_from(tmp_path / "migration.toml")
    assert migration.source.contact_points == ("10.0.2.11", "10.0.1.11", "10.0.3.11")
    assert (migration.source.datacenter, migration.deployment.nodes) == ("dc1", 3)
    assert migration.target.endpoint == "cassandra.eu-west-1.amazonaws.com"
    cidrs = migration.deployment.network.source_cidrs
    assert cidrs == ("10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24")
    ttl = {str(table.id): table.ttl for table in migration.tables}
    assert ttl == {"other.Readings": True, "shop.orders": True, "shop.visits": False}
    known = schema_from(migration.target.schema)
    assert sorted(known.tables) == [table.id for table in migration.tables]
    assert known.default_ttls == {TableId("shop", "orders"): 86400}
    assert "86400 s is set after the cutover" in (tmp_path / "migration.toml").read_text()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["shop"], ["shop.orders", "shop.visits"]),
        (["shop.orders", "other"], ["other.Readings", "shop.orders"]),
        (["other.Readings"], ["other.Readings"]),
    ],
)
def test_tables_are_chosen_by_keyspace_or_name(
    names: list[str], chosen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch)
    result = run(*init(tmp_path, *names), "--json")
    told = json.loads(result.stdout)
    assert (told["tables"], told["datacenter"]) == (chosen, "dc1")
    migration = migration_from(tmp_path / "migration.toml")
    assert [str(table.id) for table in migration.tables] == chosen


def test_a_schema_that_would_be_printed_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspection = answering(monkeypatch)
    orders = TableId("shop", "orders")
    live = inspection.table(orders)
    changed = replace(live, regulars=(replace(live.regulars[0], cql_type="bigint"),))
    monkeypatch.setattr(inspection, "_tables", {**inspection._tables, orders: changed})
    result = run(*init(tmp_path))
    assert (result.exit_code, inspection.closed, list(tmp_path.iterdir())) == (2, True, [])
    assert "shop.orders cannot be printed as the source has it: column n, column to_" in (
        result.stderr
    )


def test_masks_are_written_and_are_no_news_to_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver prints a column without its mask."""
    inspection = answering(monkeypatch)
    readings = TableId("other", "Readings")
    masked = replace(inspection.table(readings), masked=("v",))
    monkeypatch.setattr(inspection, "_tables", {**inspection._tables, readings: masked})
    assert run(*init(tmp_path)).exit_code == 0
    text = (tmp_path / "schema.cql").read_text()
    assert 'ALTER TABLE other."Readings" ALTER v MASKED WITH DEFAULT;' in text
    told = run("schema", "--config", str(tmp_path / "migration.toml")).output
    assert "other.Readings.v" in told
    assert "Keyspaces has no dynamic data masking" in told


def test_hidden_columns_of_compact_storage_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact = KeyspaceText(
        [], [], {"a": "CREATE TABLE old.a (id int PRIMARY KEY, v int) WITH COMPACT STORAGE;"}
    )
    inspection = answering(monkeypatch, facts_of({"old": compact}))
    a = TableId("old", "a")
    shown = replace(
        inspection.table(a), clustering=(Column("column1", "text", ColumnKind.CLUSTERING),)
    )
    monkeypatch.setattr(inspection, "_tables", {a: shown})
    assert run(*init(tmp_path)).exit_code == 0
    result = run("schema", "--config", str(tmp_path / "migration.toml"))
    assert "FAULT: old.a uses COMPACT STORAGE" in result.stderr


@pytest.mark.parametrize("there", ["migration.toml", "schema.cql"])
def test_no_file_is_overwritten_unless_it_is_forced(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch)
    (tmp_path / there).write_text("mine")
    result = run(*init(tmp_path))
    assert result.exit_code == 2
    assert f"{there} exist already" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"
    assert run(*init(tmp_path, "--force")).exit_code == 0
    assert (tmp_path / there).read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shap"], "no keyspace or table shap; it has other.Readings, shop.orders"),
        (["hintferry"], "no keyspace or table hintferry"),
        (["--port", "0"], "--port"),
    ],
)
def test_a_wrong_call_writes_nothing_and_says_what_to_fix(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch)
    result = run(*init(tmp_path, *arguments))
    assert result.exit_code == 2
    assert says in result.stderr
    assert (result.stdout, list(tmp_path.iterdir())) == ("", [])


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf"


def test_a_login_is_used_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source.pem").write_text("")
    inspection = answering(monkeypatch)
    asked: list[SourceSettings] = []

    def inspected(settings: SourceSettings) -> ScriptedInspection:
        asked.append(settings)
        return inspection

    monkeypatch.setattr(wiring, "source_inspection", inspected)
    login = ("--tls", "--ca-file", "source.pem", "--auth", "password", "--secret-arn", SECRET)
    result = run(*init(tmp_path, *login))
    assert result.exit_code == 0, result.output
    written = migration_from(tmp_path / "migration.toml").source
    assert (written.tls, written.ca_file) == (True, tmp_path / "source.pem")
    assert (written.auth, written.secret_arn) == (Auth.PASSWORD, SECRET)
    assert replace(asked[0], contact_points=written.contact_points, datacenter="dc1") == written


@pytest.mark.parametrize(
    ("login", "says"),
    [
        (("--auth", "password"), "source.secret_arn is not the whole ARN"),
        (("--auth", "mtls", "--secret-arn", SECRET), "source.tls is false"),
        (("--secret-arn", SECRET), 'source.auth is "none"'),
        (("--tls", "--ca-file", "none.pem"), "source.ca_file names no file"),
    ],
)
def test_a_login_that_cannot_be_is_refused(
    login: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch)
    result = run(*init(tmp_path, *login))
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert says in result.stderr


def test_without_a_region_the_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    result = run("init", *POINT[:2], "--config", str(tmp_path / "migration.toml"))
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "give --region" in result.stderr


def test_a_source_that_does_not_answer_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspection = answering(monkeypatch, Unreachable(Side.SOURCE, "cannot connect: refused"))
    result = run(*init(tmp_path))
    assert (result.exit_code, inspection.closed) == (3, True)
    assert result.stderr == f"hintferry: source: cannot connect: refused; {LOOK}\n"


def test_other_datacenters_are_named_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = SourceNode("10.0.1.11", "dc1", "5.0.4", True, None)
    there = SourceNode("10.9.1.11", "dc2", "5.0.4", True, None)
    answering(monkeypatch, facts_of(TEXT, here, there))
    result = run(*init(tmp_path))
    assert "other datacenters: dc2; choose one with --datacenter" in result.stderr
    migration = migration_from(tmp_path / "migration.toml")
    assert migration.deployment.nodes == 1
    assert migration.deployment.network.source_cidrs == ("10.0.1.0/24",)
    assert migration.source.contact_points == ("10.0.2.11", "10.0.1.11")


def test_a_region_or_a_node_with_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    config = ["--config", str(tmp_path / "migration.toml")]
    for options, says in (
        (["--contact-point", "h", "--region", "mars-1"], "mars-1 is no Region of AWS; give"),
        (
            ["--contact-point", "h:9042", "--region", "eu-west-1"],
            "contact_points has a port; write",
        ),
    ):
        result = run("init", *options, *config)
        assert (result.exit_code, result.stdout) == (2, "")
        assert says in result.stderr
