"""A drawn schema as people keep theirs: own spelling, comments, and what was changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from hintferry.core.cql_type import CqlType, TypeKind
from hintferry.core.schema import ColumnKind
from tests.fuzz.case import (
    KEY,
    Case,
    OneColumn,
    OneTable,
    OneType,
    Spelling,
    create_table,
    create_type,
    ddl,
    define,
)

_GONE = OneColumn("gone", CqlType(TypeKind.NATIVE, "text"))
_WAS = 'it was; "so"'
_BETWEEN = (
    "-- it's; a comment\n",
    '/* CREATE TABLE \n" */ ',
    "// '\n",
    "GRANT SELECT ON ALL KEYSPACES TO reader;\n",
    "CREATE KEYSPACE IF NOT EXISTS other WITH replication = {'class': 'SimpleStrategy'};\n",
    "INSERT INTO other.versions (id, what) VALUES (1, 'CREATE TABLE x; ');\n",
)


def script(case: Case, random: Random) -> str:
    """Return one of the many texts of the schema."""
    spelling = Spelling(*(random.random() < 0.5 for _ in range(3)))
    text = ""
    for made, statement in ddl(case, spelling):
        if isinstance(made, OneTable):
            statement = random.choice(_TABLE_WAYS)(made, spelling)
        elif isinstance(made, OneType):
            statement = random.choice(_TYPE_WAYS)(made, spelling)
        if random.random() < 0.2:
            statement = re.sub("^CREATE (TABLE|TYPE)", r"create \1 If not EXISTS", statement)
        text += random.choice(("", *_BETWEEN))
        text += statement + random.choice((";\n", " ;\n\n", "\n;"))
    return text


def _added(table: OneTable, spelling: Spelling) -> str:
    last = table.columns[-1]
    if last.kind is not ColumnKind.REGULAR:
        return create_table(table, spelling)
    first = create_table(replace(table, columns=table.columns[:-1]), spelling)
    return f"{first};\nALTER TABLE {spelling.of(table)} ADD {define(last, spelling)}"


def _dropped(table: OneTable, spelling: Spelling) -> str:
    before = replace(table, columns=(*table.columns, _GONE))
    return f"{create_table(before, spelling)};\nALTER TABLE {spelling.of(table)} DROP gone"


def _renamed(table: OneTable, spelling: Spelling) -> str:
    """Return a text in which the first column of the key had another name."""
    first, *others = table.columns
    before = replace(table, columns=(replace(first, name=_WAS), *others))
    rename = f"RENAME {spelling.name(_WAS)} TO {spelling.name(first.name)}"
    return f"{create_table(before, spelling)};\nALTER TABLE {spelling.of(table)} {rename}"


def _inline(table: OneTable, spelling: Spelling) -> str:
    text = create_table(table, spelling)
    if len(table.of(*KEY)) > 1:
        return text
    first, *_ = table.columns
    name, defined = spelling.name(first.name), define(first, spelling)
    text = text.replace(f", PRIMARY KEY (({name}))", "", 1)
    return text.replace(defined, f"{defined} PRIMARY KEY", 1)


def _comma(table: OneTable, spelling: Spelling) -> str:
    """Return a text with a comma after the last column, which is the key's."""
    text = create_table(table, spelling)
    keys = ", ".join(spelling.name(one.name) for one in table.of(ColumnKind.CLUSTERING))
    end = f"{', ' if keys else ''}{keys}))"
    return text.replace(end, f"{end[:-1]},)", 1) if keys else text


def _field_added(one: OneType, spelling: Spelling) -> str:
    if len(one.fields) == 1:
        return create_type(one, spelling)
    name, kind = one.fields[-1]
    named = create_type(one, spelling).partition("CREATE TYPE ")[2].partition(" (")[0]
    first = create_type(replace(one, fields=one.fields[:-1]), spelling)
    return f"{first};\nALTER TYPE {named} ADD {spelling.name(name)} {spelling.type(kind)}"


def _field_renamed(one: OneType, spelling: Spelling) -> str:
    (name, kind), *others = one.fields
    named = create_type(one, spelling).partition("CREATE TYPE ")[2].partition(" (")[0]
    first = create_type(replace(one, fields=((_WAS, kind), *others)), spelling)
    rename = f"RENAME {spelling.name(_WAS)} TO {spelling.name(name)}"
    return f"{first};\nALTER TYPE {named} {rename}"


_TABLE_WAYS: Sequence[Callable[[OneTable, Spelling], str]] = (
    create_table, _added, _dropped, _renamed, _inline, _comma,
)  # fmt: skip
_TYPE_WAYS: Sequence[Callable[[OneType, Spelling], str]] = (
    create_type, _field_added, _field_renamed,
)  # fmt: skip
