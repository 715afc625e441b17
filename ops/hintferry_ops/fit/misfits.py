"""Find what of a Cassandra schema Keyspaces cannot hold, or Hintferry not carry, with the
choices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from hintferry.core.cql_text import identifier
from hintferry.core.cql_type import DURATION, EMPTY, NATIVES, CqlType, TypeKind, parse
from hintferry.core.keyspaces_limits import COLUMNS, COLUMNS_WITH_TTL, FROZEN_LEVELS
from hintferry.core.schema import ColumnKind, Table, TableId, UserType, used_types

_NAME = re.compile(r"\w{1,48}", re.ASCII)
_LEAVE_OUT = "leave the table out of migration.toml"


class FeatureKind(Enum):
    """The features that stand beside tables and types in a schema, or on a table."""

    INDEX = "index"
    VIEW = "materialized view"
    FUNCTION = "function"
    AGGREGATE = "aggregate"
    TRIGGER = "trigger"
    COMPACT = "COMPACT STORAGE"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Feature:
    """One of these; `table` is the one that it stands on, None for functions and aggregates."""

    kind: FeatureKind
    keyspace: str
    name: str
    table: TableId | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables and types that a piece of CQL defines; user types in the order of the text."""

    tables: dict[TableId, Table] = field(default_factory=dict)
    types: dict[str, tuple[UserType, ...]] = field(default_factory=dict)
    """The user types by keyspace."""

    default_ttls: dict[TableId, int] = field(default_factory=dict)
    """Seconds, of the tables that have one."""

    features: list[Feature] = field(default_factory=list)

    def types_of(self, tables: Iterable[Table]) -> dict[str, tuple[UserType, ...]]:
        """Return by keyspace the user types that these tables use, as they may be made."""
        used: dict[str, set[UserType]] = {}
        for table in tables:
            known = {one.name: one for one in self.types.get(table.id.keyspace, ())}
            used.setdefault(table.id.keyspace, set()).update(used_types(table.columns, known))
        return {keyspace: _in_order(chosen) for keyspace, chosen in used.items()}


def _in_order(types: Iterable[UserType]) -> tuple[UserType, ...]:
    """Return the types, each after those that it uses: neither people nor drivers sort them so."""
    open_types = {one.name: one for one in sorted(types, key=lambda one: one.name)}
    made: list[UserType] = []

    def make(name: str) -> None:
        one = open_types.pop(name, None)
        if one is not None:
            for _, cql_type in one.fields:
                for inner in parse(cql_type).user_types():
                    make(inner)
            made.append(one)

    while open_types:
        make(next(iter(open_types)))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Misfit:
    """`where` in the schema, `what` is the matter, and the choices. With a fatal one the table
    cannot be migrated as it is; else something of it stays behind."""

    where: str
    what: str
    choices: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.where} {self.what}; {self.choices}"


def table_misfits(schema: Schema, table: Table, with_ttl: bool) -> Iterator[Misfit]:
    """Yield those of one table and of its types. `with_ttl`: its TTLs are carried."""
    yield from _name_misfits(table)
    for column in table.columns:
        in_key = column.kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)
        choices = _LEAVE_OUT if in_key else f"{_LEAVE_OUT}, or drop the column"
        where = f"{table.id}.{column.name}"
        if parse(column.cql_type) == EMPTY:
            name = identifier(column.name)
            choices = f"run on the source: ALTER TABLE {table.id.cql} DROP {name}"
            what = "has the type empty, a leftover of COMPACT STORAGE that Keyspaces lacks"
            yield Misfit(where, what, choices, True)
        yield from _type_misfits(where, column.cql_type, choices)
    yield from _user_type_misfits(schema, table)
    for feature in schema.features:
        if feature.kind is FeatureKind.COMPACT and feature.table == table.id:
            yield Misfit(
                str(table.id),
                "uses COMPACT STORAGE, which hides columns that Keyspaces would show",
                "set drop_compact_storage_enabled: true (before 4.1 enable_drop_compact_storage) in"
                " cassandra.yaml on every node and restart it, then run: ALTER TABLE"
                f" {table.id.cql} DROP COMPACT STORAGE; run `hintferry init` again afterwards, as"
                f" the table then shows more columns; or {_LEAVE_OUT}",
                True,
            )
    if table.id in schema.default_ttls and not with_ttl:
        what = f"has default_time_to_live = {schema.default_ttls[table.id]} but ttl = false"
        yield Misfit(str(table.id), what, "remove ttl = false from migration.toml", True)
    if table.is_counter:
        yield from _counter_misfits(table, COLUMNS_WITH_TTL if with_ttl else COLUMNS)


def keyspace_misfits(schema: Schema, keyspaces: set[str]) -> Iterator[Misfit]:
    """Yield the misfits of what stands beside the tables of these keyspaces."""
    for feature in schema.features:
        if feature.keyspace in keyspaces and feature.kind in _CHOICES:
            where = f"{feature.keyspace}.{feature.name}"
            what = _WHAT[feature.kind].format(table=feature.table)
            yield Misfit(where, what, _CHOICES[feature.kind], False)


_WHAT = {
    FeatureKind.INDEX: "is an index on {table}; Keyspaces has no secondary indexes",
    FeatureKind.VIEW: "is a materialized view on {table}; Keyspaces has no materialized views",
    FeatureKind.FUNCTION: "is a user-defined function; Keyspaces has none",
    FeatureKind.AGGREGATE: "is a user-defined aggregate; Keyspaces has none",
    FeatureKind.TRIGGER: "is a trigger on {table}; Keyspaces has no triggers",
    FeatureKind.MASK: "has a mask; Keyspaces has no dynamic data masking",
}
_CHOICES = {
    FeatureKind.INDEX: "create a table keyed by that column and let the application write both, or"
    " query with ALLOW FILTERING within one partition",
    FeatureKind.VIEW: "create a table with its columns on source and target, let the application"
    " write it, and migrate that table",
    FeatureKind.FUNCTION: "compute it in the application",
    FeatureKind.AGGREGATE: "compute it in the application, or keep a table of results",
    FeatureKind.TRIGGER: "move its work into the application before the cutover",
    FeatureKind.MASK: "grant UNMASK on the table to the login that reads the source, else Hintferry"
    " copies masked values; and let the application mask the column",
}


def _name_misfits(table: Table) -> Iterator[Misfit]:
    for name in (table.id.keyspace, table.id.name):
        if not _NAME.fullmatch(name):
            yield Misfit(
                str(table.id),
                f"has the name {name!r}; Keyspaces allows 1 to 48 letters, digits and underscores",
                _LEAVE_OUT,
                True,
            )


def _user_type_misfits(schema: Schema, table: Table) -> Iterator[Misfit]:
    """Yield those of the user types of the table, without which it cannot be made."""
    choices = f"leave {table.id}, which uses the type, out of migration.toml"
    types = schema.types_of([table])[table.id.keyspace]
    texts = [column.cql_type for column in table.columns]
    texts += [cql_type for one in types for _, cql_type in one.fields]
    named = {part.name for text in texts for part in parse(text).parts()}
    for one in schema.types.get(table.id.keyspace, ()):
        # The source prints both alike, so that a column of either may be of the other.
        if one.name in named & NATIVES:
            what = "is a user type with the name of a built-in CQL type: columns are ambiguous"
            where = f"{table.id.keyspace}.{one.name}"
            yield Misfit(where, what, f"rename it, or {choices}", True)
    for one in types:
        for name, cql_type in one.fields:
            where = f"{table.id.keyspace}.{one.name}.{name}"
            yield from _type_misfits(where, cql_type, choices)


def _type_misfits(where: str, cql_type: str, choices: str) -> Iterator[Misfit]:
    found = parse(cql_type)
    for why in dict.fromkeys(filter(None, map(_unsupported, found.parts()))):
        yield Misfit(where, f"is a {cql_type}: {why}", choices, True)
    if found.frozen_depth > FROZEN_LEVELS:
        what = f"is a {cql_type}: Keyspaces nests frozen types at most {FROZEN_LEVELS} deep"
        yield Misfit(where, what, choices, True)


def differences(schema: Schema, live: Table) -> str:
    """Yield the differences of a live table from the schema; none where all is equal.

    A table WITH COMPACT STORAGE is a misfit as it is, and its text leaves columns out.
    """
    if Feature(FeatureKind.COMPACT, live.id.keyspace, live.id.name, live.id) in schema.features:
        return ""
    known = schema.tables.get(live.id)
    if known is None:
        return "the table"
    types = {one.name: one for one in schema.types.get(live.id.keyspace, ())}
    wrong = [f"column {one.name}" for one in live.columns if one not in known.columns]
    wrong += [f"column {one.name}" for one in known.columns if one not in live.columns]
    wrong += [f"type {one.name}" for one in live.user_types if types.get(one.name) != one]
    return ", ".join(dict.fromkeys(wrong))


def _unsupported(one: CqlType) -> str:
    if one.kind is TypeKind.VECTOR:
        return "Keyspaces has no vector type"
    if one.kind is TypeKind.CUSTOM:
        return "Keyspaces has no custom types"
    if one == DURATION:
        return "Keyspaces does not document the type duration"
    return ""


def _counter_misfits(table: Table, most: int) -> Iterator[Misfit]:
    where = str(table.id)
    if len(table.regulars) > most:
        what = f"has {len(table.regulars)} counter columns; Keyspaces allows {most} per statement"
        yield Misfit(where, what, "split the table", True)
    if table.statics:
        what = "has static counter columns, so every change of them would be parked"
        yield Misfit(where, what, _LEAVE_OUT, True)
    if table.has_synonyms:
        what = (
            "has counters and a clustering key whose equal values can have different bytes, so"
            " every change would be parked"
        )
        yield Misfit(where, what, _LEAVE_OUT, True)
