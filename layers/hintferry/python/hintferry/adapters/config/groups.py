"""`[groups]` of `migration.toml`: tables that are cut over together."""

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
