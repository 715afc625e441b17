"""Choose tables on the command line, in the same way for every verb."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hintferry.adapters.config.groups import REST
from hintferry.adapters.config.settings import CONFIG_VARIABLE, Migration, migration_from
from hintferry.core.errors import ConfigurationError, HintferryError
from hintferry.core.schema import TableId

MOST_LISTED = 10
"""How many known names an error lists."""


def known_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the waves, groups, keyspaces and tables of migration.toml that a shell may complete
    this to.
    """
    config = context.params.get("config") or os.environ.get(CONFIG_VARIABLE) or "migration.toml"
    try:
        migration = migration_from(Path(config))
    except HintferryError:
        # A shell shows no errors while somebody types.
        return []
    tables = [one.id for one in migration.tables]
    names = dict.fromkeys([*_sets(migration), *(one.keyspace for one in tables), *map(str, tables)])
    return [one for one in names if one.startswith(incomplete)]


Tables = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEYSPACE[.TABLE]|GROUP|WAVE",
        help="Tables of migration.toml; or keyspaces, groups and waves for all their tables. Each"
        " is taken once.",
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
    """Return the tables that are meant, each once; a keyspace, a group or a wave means all
    its tables.

    Raises ConfigurationError for a name that is not in migration.toml, and where nothing, or too
    much, is said.
    """
    known = [one.id for one in migration.tables]
    if not known:
        raise ConfigurationError(f'{config} lists no table; add one as [tables."keyspace.table"]')
    if bool(names) == every:
        raise ConfigurationError(
            "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"
        )
    if every:
        return known
    meant = (one for name in names or () for one in _meant(name, migration, config))
    return list(dict.fromkeys(meant))


def chosen_or_all(
    migration: Migration, config: Path, names: list[str] | None, *, every: bool
) -> list[TableId]:
    """Return the tables that are meant; all where a verb that only reads is given none."""
    return chosen(migration, config, names, every=every or not names)


def check_whole(migration: Migration, tables: Sequence[TableId]) -> None:
    """Raise ConfigurationError where only some tables of a group are meant: they switch as one."""
    for group in migration.groups:
        missing = [str(one) for one in group.tables if one not in tables]
        if missing and len(missing) < len(group.tables):
            named = next(one for one in group.tables if one in tables)
            raise ConfigurationError(
                f"{named} is in the group {group.name}, which is cut over as one; name"
                f" {group.name}, so that {_some(missing)} {'go' if len(missing) > 1 else 'goes'}"
                " with it"
            )


def as_arguments(migration: Migration, tables: Sequence[TableId]) -> list[str]:
    """Return how these tables are named on the command line: shortly where they are all of the
    file, of a wave, or of a group.
    """
    everything = {one.id for one in migration.tables}
    if len(tables) > 1 and everything == set(tables):
        return ["--all"]
    names: dict[TableId, str] = {}
    for name, some in _sets(migration).items():
        if set(some) <= set(tables):
            names = dict.fromkeys(some, name) | names
    return list(dict.fromkeys(names.get(one, str(one)) for one in tables))


def _meant(name: str, migration: Migration, config: Path) -> Sequence[TableId]:
    known = [one.id for one in migration.tables]
    sets = _sets(migration)
    if name in sets:
        return sets[name]
    found = [one for one in known if name in (one.keyspace, str(one))]
    if not found:
        raise ConfigurationError(
            f"{name} is not a table of {config}: {_instead(name, known, list(sets))}"
        )
    return found


def _sets(migration: Migration) -> dict[str, tuple[TableId, ...]]:
    """Return the tables of each wave and group by its name; a file without waves names none."""
    waves = [one for one in migration.waves if one.name != REST or len(migration.waves) > 1]
    found = {one.name: one.tables for one in waves}
    return found | {one.name: one.tables for one in migration.groups}


def _instead(name: str, known: Sequence[TableId], sets: Sequence[str]) -> str:
    """Return what to write instead of a name that is not known."""
    alike = [*(one for one in sets if one.lower() == name.lower()), *_alike(name, known)]
    if alike:
        return f"write {' or '.join(alike)}"
    told = f"it lists {_some([*sets, *map(str, known)])}"
    return told if "." in name else f"write it as keyspace.table; {told}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_LISTED
    return f"{', '.join(names[:MOST_LISTED])}{f' and {more} more' if more > 0 else ''}"


def _alike(name: str, known: Sequence[TableId]) -> Iterator[str]:
    """Yield the names that differ in case only, and those of tables without their keyspace."""
    for one in known:
        if name == one.name or name.lower() in (str(one).lower(), one.name.lower()):
            yield str(one)
        elif name.lower() == one.keyspace.lower():
            yield one.keyspace
            return
