"""`hintferry schema`: statements that make what the source has, and what cannot be made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hintferry.adapters.driver.cql import CONTROL_TABLES
from hintferry_ops.fit.schema_file import schema_of
from tests.cli.sources import TEXT, answering, run
from tools.places import ROOT

HEAD = """
[source]
contact_points = ["10.0.1.11"]
datacenter = "dc1"
[target]
endpoint = "cassandra.eu-west-1.amazonaws.com"
region = "eu-west-1"
"""
TABLES = """
[tables."shop.orders"]
[tables."shop.visits"]
[tables."other.Readings"]
ttl = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration beside its schema."""
    path = tmp_path / "migration.toml"
    path.write_text(HEAD + TABLES)
    (tmp_path / "schema.cql").write_text(
        "\n".join(part for one in TEXT.values() for part in (*one.types, *one.tables.values()))
    )
    return path


def test_the_statements_make_what_the_source_has(config: Path) -> None:
    result = run("schema", "--config", str(config))
    assert result.exit_code == 0, result.output
    text = result.stdout
    made, known = (
        schema_of(text, "printed"),
        schema_of((config.parent / "schema.cql").read_text(), ""),
    )
    for name in ("shop.orders", "shop.visits", "other.Readings"):
        ids = {str(table.id): table for table in made.tables.values()}
        assert ids[name] == {str(t.id): t for t in known.tables.values()}[name]
    assert made.types["shop"] == known.types["shop"]
    lines = text.splitlines()
    switch = " WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}};"
    assert [line for line in lines if "'ttl'" in line and line.startswith("ALTER")] == [
        f'ALTER TABLE "shop"."orders"{switch}'
    ]
    assert [("client_side" in line) for line in lines if line.startswith("CREATE TABLE IF NOT EX")][
        :3
    ] == [True, False, True]
    assert all(f"{statement};" in lines for statement in CONTROL_TABLES)
    assert lines[-1] == '-- ALTER TABLE "shop"."orders" WITH default_time_to_live = 86400;'
    assert result.stderr.startswith("choose: shop.by_n is an index on shop.orders")


def test_the_same_is_told_to_programs_and_of_the_live_source(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspection = answering(monkeypatch)
    (config.parent / "schema.cql").unlink()
    result = run("schema", "--from-source", "--json", "--config", str(config))
    assert (result.exit_code, inspection.closed) == (0, True)
    told = json.loads(result.stdout)
    assert told["after_cut_over"] == [
        'ALTER TABLE "shop"."orders" WITH default_time_to_live = 86400'
    ]
    assert told["control"] == list(CONTROL_TABLES)
    assert told["tables"][0].startswith('CREATE KEYSPACE IF NOT EXISTS "other"')
    assert [one["where"] for one in told["misfits"]] == ["shop.twice", "shop.by_n"]
    assert not any(one["fatal"] for one in told["misfits"])


def test_a_key_of_ones_own_is_named_in_every_table(config: Path) -> None:
    result = run("schema", "--kms-key", "arn:aws:kms:x", "--config", str(config))
    assert result.stdout.count("'kms_key_identifier': 'arn:aws:kms:x'") == 3
    assert "kms" not in run("schema", "--config", str(config)).stdout


def test_a_table_that_cannot_be_migrated_is_a_fault_and_not_made(config: Path) -> None:
    schema = config.parent / "schema.cql"
    schema.write_text(schema.read_text().replace("v float", "v vector<float, 3>"))
    result = run("schema", "--config", str(config))
    assert result.exit_code == 1
    assert "FAULT: other.Readings.v is a vector<float, 3>: Keyspaces has no vector type; leave" in (
        result.stderr
    )
    assert '"other"."Readings"' not in result.stdout
    assert '"shop"."orders"' in result.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "lists no table"),
        (HEAD + '[tables."shop.others"]', "does not define shop.others"),
        (HEAD.replace('datacenter = "dc1"', ""), "datacenter is missing"),
    ],
)
def test_a_wrong_configuration_says_what_to_fix(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    result = run("schema", "--config", str(config))
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_the_repositorys_own_migration_can_be_made() -> None:
    result = run("schema", "--config", str(ROOT / "migration.toml"))
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == ['  make cdk ARGS="deploy --all"']
