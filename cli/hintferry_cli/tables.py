"""Choose tables on the command line, in the same way for every verb."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.settings import CONFIG_VARIABLE, Migration, migration_from
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.core.schema import TableId

MOST_LISTED = 10
"""How many known names an error lists."""


def known_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keyspaces and tables of migration.toml that a shell may complete this to."""
    config = context.params.get("config") or os.environ.get(CONFIG_VARIABLE) or "migration.toml"
    try:
        tables = [one.id for one in migration_from(Path(config)).tables]
    except HintferryError:
        # A shell shows no errors while somebody types.
        return []
    names = dict.fromkeys([*(one.keyspace for one in tables), *map(str, tables)])
    return [one for one in names if one.startswith(incomplete)]


Tables = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEYSPACE[.TABLE]",
        help="Tables of migration.toml, or keyspaces for all their tables. Each is taken once.",
        autocompletion=known_names,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All tables of migration.toml.")]


def table_id(name: str) -> TableId:
    """Return the table of `keyspace.table`. Raises ConfigurationError."""
    keyspace, _, table = name.partition(".")
    if not keyspace or not table:
        raise ConfigurationError(f"{name} is not a table name; write it as keyspace.table")
    return TableId(keyspace, table)


def chosen(
    migration: Migration, config: Path, names: list[str] | None, *, every: bool
) -> list[TableId]:
    """Return the tables that are meant, each once; a keyspace means all its tables.

    Raises ConfigurationError for a name that is not in migration.toml, and where nothing, or too
    much, is said.
    """
    known = [one.id for one in migration.tables]
    if not known:
        raise ConfigurationError(f'{config} lists no table; add one as [tables."keyspace.table"]')
    if bool(names) == every:
        raise ConfigurationError("give tables as keyspace.table, keyspaces, or --all alone")
    if every:
        return known
    return list(dict.fromkeys(one for name in names or () for one in _meant(name, known, config)))


def chosen_or_all(
    migration: Migration, config: Path, names: list[str] | None, *, every: bool
) -> list[TableId]:
    """Return the tables that are meant; all where a verb that only reads is given none."""
    return chosen(migration, config, names, every=every or not names)


def as_arguments(migration: Migration, tables: Sequence[TableId]) -> list[str]:
    """Return how these tables are named on the command line: shortly where they are all."""
    everything = {one.id for one in migration.tables}
    is_all = len(tables) > 1 and everything == set(tables)
    return ["--all"] if is_all else list(map(str, tables))


def _meant(name: str, known: Sequence[TableId], config: Path) -> list[TableId]:
    found = [one for one in known if name in (one.keyspace, str(one))]
    if not found:
        raise ConfigurationError(f"{name} is not a table of {config}: {_instead(name, known)}")
    return found


def _instead(name: str, known: Sequence[TableId]) -> str:
    """Return what to write instead of a name that is not known."""
    alike = list(_alike(name, known))
    if alike:
        return f"write {' or '.join(alike)}"
    listed = ", ".join(map(str, known[:MOST_LISTED]))
    more = len(known) - MOST_LISTED
    told = f"it lists {listed}{f' and {more} more' if more > 0 else ''}"
    return told if "." in name else f"write it as keyspace.table; {told}"


def _alike(name: str, known: Sequence[TableId]) -> Iterator[str]:
    """Yield the names that differ in case only, and those of tables without their keyspace."""
    for one in known:
        if name == one.name or name.lower() in (str(one).lower(), one.name.lower()):
            yield str(one)
        elif name.lower() == one.keyspace.lower():
            yield one.keyspace
            return
