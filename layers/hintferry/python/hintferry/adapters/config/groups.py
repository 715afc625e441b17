"""`[groups]` and `[waves]` of `migration.toml`: tables that are cut over together, and in which
order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hintferry.adapters.config.toml_section import Section
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId

_NAME = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Group:
    """The tables of one application: one stop, one gate and one answer for all of them."""

    name: str
    tables: tuple[TableId, ...]


REST = "rest"
"""The name of the last wave: the tables that no wave lists."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Tables that are migrated in one go, before those of the next wave."""

    name: str
    tables: tuple[TableId, ...]


def groups_of(section: Section, known: Sequence[TableId]) -> tuple[Group, ...]:
    """Return the groups in their order. Raises ConfigurationError naming file, key and fix.

    `known`: the tables of the file. A table is in one group at most.
    """
    taken: dict[TableId, str] = {}
    return tuple(_group(section, name, known, taken) for name in section.names())


def _group(
    section: Section, name: str, known: Sequence[TableId], taken: dict[TableId, str]
) -> Group:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f'{section.where}."{name}": write a name of letters, digits, _, -')
    section.refuse_if(
        any(one.keyspace == name for one in known),
        name,
        "is the name of a keyspace too; give the group another name",
    )
    by_name = {str(one): one for one in known}
    tables: list[TableId] = []
    for text in section.texts(name):
        section.refuse_if(
            text not in by_name,
            name,
            f'names {text}, which is not in the file; add [tables."{text}"], or remove it here',
        )
        table = by_name[text]
        section.refuse_if(
            table in taken,
            name,
            f"names {text}, which is in {taken.get(table)} already; leave it in one of the two",
        )
        taken[table] = name
        tables.append(table)
    return Group(name, tuple(tables))


def waves_of(
    section: Section, known: Sequence[TableId], groups: Sequence[Group]
) -> tuple[Wave, ...]:
    """Return the waves in their order, and last the tables that none of them lists. Raises
    ConfigurationError naming file, key and fix.

    A wave lists tables, groups and keyspaces. A table is in one wave, and a group is in one wave
    as a whole.
    """
    taken: dict[TableId, str] = {}
    waves = [_wave(section, name, known, groups, taken) for name in section.names()]
    rest = tuple(one for one in known if one not in taken)
    return (*waves, Wave(REST, rest)) if rest else tuple(waves)


def _wave(
    section: Section,
    name: str,
    known: Sequence[TableId],
    groups: Sequence[Group],
    taken: dict[TableId, str],
) -> Wave:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f'{section.where}."{name}": write a name of letters, digits, _, -')
    section.refuse_if(name == REST, name, "is the wave of all other tables; give it another name")
    by_group = {one.name: one.tables for one in groups}
    section.refuse_if(
        name in by_group or any(one.keyspace == name for one in known),
        name,
        "is the name of a group or of a keyspace too; give the wave another name",
    )
    tables: list[TableId] = []
    for text in section.texts(name):
        found = by_group.get(text, [one for one in known if text in (one.keyspace, str(one))])
        section.refuse_if(
            not found,
            name,
            f"names {text}, which is no table, group or keyspace of the file; correct it",
        )
        for table in found:
            section.refuse_if(
                table in taken,
                name,
                f"names {table}, which is in {taken.get(table)} already; leave it in one of the"
                " two",
            )
            taken[table] = name
            tables.append(table)
    for group in groups:
        missing = [str(one) for one in group.tables if one not in tables]
        section.refuse_if(
            0 < len(missing) < len(group.tables),
            name,
            f"holds a part of the group {group.name} only; name {group.name} in its place",
        )
    return Wave(name, tuple(tables))
