"""Schemas of applications that run on Cassandra: read, fitted and made for the target.

Each folder is one application: `schema.cql`, made after its published schema, and `workload.cql`,
typical statements of it in the manner of the scenarios. `-- Fatal:` names what cannot be migrated.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hintferry.adapters.cqlfile import schema_of
from hintferry.adapters.settings import Migration, migration_from
from hintferry.core.cql_text import tokens_of
from hintferry.core.fit import Schema
from hintferry.core.names import told_apart
from hintferry.core.source import KeyspaceText
from hintferry.testing.inspection import facts_of
from hintferry_cli.init.files import chosen_tables, migration_text, schema_text
from hintferry_cli.schema.mirror import mirror_of

APPLICATIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/schema.cql"))
_FATAL = re.compile(r"^-- Fatal: (\w+) (.*)$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^-- @(times \d+|drain)$")


def keyspace_of(folder: Path) -> str:
    return f"zoo_{folder.name.replace('-', '_')}"


def read(path: Path) -> str:
    return path.read_text().replace("$ks", keyspace_of(path.parent))


def initialised(folder: Path, home: Path) -> tuple[Migration, Schema]:
    """What `init` writes where the source has this schema, read again."""
    text = read(folder / "schema.cql")
    names = [table.name for table in schema_of(text, folder.name).tables]
    # The whole of it stands with its first table, and the others have nothing to add.
    parts = {name: text if name == names[0] else "" for name in names}
    facts = facts_of({keyspace_of(folder): KeyspaceText([], [], parts)})
    chosen = chosen_tables(facts, [])
    (home / "schema.cql").write_text(schema_text(facts, chosen))
    known = schema_of((home / "schema.cql").read_text(), folder.name)
    source = {"contact_points": ["10.0.1.11"], "port": 9042, "datacenter": "dc1"}
    config = home / "migration.toml"
    config.write_text(migration_text(source, "eu-west-1", facts, chosen, known))
    return migration_from(config), known


def test_there_are_twenty_and_more() -> None:
    assert len(APPLICATIONS) >= 20


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda folder: folder.name)
def test_its_schema_is_carried_exactly_or_refused_in_words(folder: Path, tmp_path: Path) -> None:
    migration, known = initialised(folder, tmp_path)
    mirror = mirror_of(migration, known, "")
    fatal = {(one.where, one.what) for one in mirror.misfits if one.fatal}
    expected = _FATAL.findall((folder / "schema.cql").read_text())
    assert {where for where, _ in fatal} == {
        f"{keyspace_of(folder)}.{name}" for name, _ in expected
    }
    assert all(any(what.startswith(said) for _, what in fatal) for _, said in expected)
    made = schema_of(mirror.as_cql(), "printed")
    fit = [one for one in known.tables.values() if str(one.id) not in {where for where, _ in fatal}]
    assert made.tables.items() >= {one.id: one for one in fit}.items()
    assert made.types == {name: types for name, types in known.types_of(fit).items() if types}


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda folder: folder.name)
def test_its_tables_have_ids_of_their_own(folder: Path, tmp_path: Path) -> None:
    migration, _ = initialised(folder, tmp_path)
    names = [told_apart(str(table.id)) for table in migration.followed]
    assert len({re.sub("[^0-9a-z]", "", name.lower()) for name in names}) == len(names)
    topics = {migration.topic(table.id).replace(".", "_") for table in migration.followed}
    assert len(topics) == len(names)


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda folder: folder.name)
def test_its_workload_writes_its_tables(folder: Path) -> None:
    known = {table.name for table in schema_of(read(folder / "schema.cql"), "").tables}
    lines = read(folder / "workload.cql").splitlines()
    statements = [line for line in lines if not line.startswith("--")]
    assert len(statements) >= 4
    assert all(_DIRECTIVE.match(line) for line in lines if line.startswith("--"))
    for statement in statements:
        tokens = list(tokens_of(statement))
        assert tokens[0].is_word("insert", "update", "delete", "begin"), statement
        assert tokens[-1].is_sign(";"), statement
        assert known & {token.text for token in tokens}, statement
