"""Schemas of applications that run on Cassandra: read, fitted and made for the target."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.cql_text import tokens_of
from hintferry_cli.init.files import chosen_tables, migration_text, schema_text
from hintferry_cli.schema.mirror import mirror_of
from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import schema_of
from hintferry_ops.fit.source_facts import KeyspaceText
from hintferry_ops.names import told_apart
from hintferry_ops.testing.inspection import facts_of
from tests.zoo.application import APPLICATIONS, Application

_DIRECTIVE = re.compile(r"^-- @(times \d+|drain)$")
_EACH = pytest.mark.parametrize("app", APPLICATIONS, ids=lambda app: app.name)


def initialised(app: Application, home: Path) -> tuple[Migration, Schema]:
    """Return what `init` writes where the source has this schema, read again."""
    names = [table.name for table in app.known.tables]
    # The whole of it stands with its first table, and the others have nothing to add.
    parts = {name: app.schema if name == names[0] else "" for name in names}
    facts = facts_of({app.keyspace: KeyspaceText([], [], parts)})
    chosen = chosen_tables(facts, [])
    (home / "schema.cql").write_text(schema_text(facts, chosen))
    known = schema_of((home / "schema.cql").read_text(), app.name)
    source = {"contact_points": ["10.0.1.11"], "port": 9042, "datacenter": "dc1"}
    config = home / "migration.toml"
    config.write_text(migration_text(source, "eu-west-1", facts, chosen, known))
    return migration_from(config), known


def written(app: Application) -> list[str]:
    """The tables that the lines of its workload write, as `keyspace.table`, once for each line."""
    found = []
    for line in app.workload.splitlines():
        tokens = [] if line.startswith("--") else list(tokens_of(line))
        tables = {
            f"{keyspace.text}.{table.text}"
            for keyspace, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False)
            if keyspace.text == app.keyspace and dot.is_sign(".")
        }
        found += sorted(tables)
    return found


def test_there_are_twenty_and_more_and_two_statements_a_table() -> None:
    assert len(APPLICATIONS) >= 20
    tables = [table for app in APPLICATIONS for table in app.carried]
    assert sum(len(written(app)) for app in APPLICATIONS) >= 2 * len(tables)


@_EACH
def test_its_schema_is_carried_exactly_or_refused_in_words(
    app: Application, tmp_path: Path
) -> None:
    migration, known = initialised(app, tmp_path)
    mirror = mirror_of(migration, known, "")
    fatal = {(one.where, one.what) for one in mirror.misfits if one.fatal}
    assert {where for where, _ in fatal} == app.refused.keys()
    assert all(what.startswith(app.refused[where]) for where, what in fatal)
    made = schema_of(mirror.as_cql(), "printed")
    fit = [table for table in known.tables.values() if str(table.id) in app.carried]
    assert made.tables.items() >= {table.id: table for table in fit}.items()
    assert made.types == {name: types for name, types in known.types_of(fit).items() if types}


@_EACH
def test_its_tables_have_ids_of_their_own(app: Application, tmp_path: Path) -> None:
    migration, _ = initialised(app, tmp_path)
    names = [told_apart(str(table.id)) for table in migration.followed]
    assert len({re.sub("[^0-9a-z]", "", name.lower()) for name in names}) == len(names)
    topics = {migration.topic(table.id).replace(".", "_") for table in migration.followed}
    assert len(topics) == len(names)


@_EACH
def test_its_workload_writes_each_of_its_tables(app: Application) -> None:
    lines = app.workload.splitlines()
    statements = [line for line in lines if not line.startswith("--")]
    assert all(_DIRECTIVE.match(line) for line in lines if line.startswith("--"))
    for statement in statements:
        tokens = list(tokens_of(statement))
        assert tokens[0].is_word("insert", "update", "delete", "begin"), statement
        assert tokens[-1].is_sign(";"), statement
    assert set(app.carried) <= set(written(app))
