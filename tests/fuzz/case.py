"""A drawn schema with its writes, as data that can be cut down, and as CQL for Cassandra."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from hintferry.core.cql_text import identifier, quoted
from hintferry.core.cql_type import NATIVES, CqlType, TypeKind
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType


class WriteKind(Enum):
    """Kind of a write of a table."""

    INSERT = "insert"
    JSON = "insert json"
    UPDATE = "update"
    STATIC = "update of statics"
    ELEMENT = "update of elements"
    IF_NOT_EXISTS = "insert if not exists"
    IF_EXISTS = "update if exists"
    DELETE_CELLS = "delete of cells"
    DELETE_ELEMENT = "delete of an element"
    DELETE_ROW = "delete of a row"
    DELETE_RANGE = "delete of a range"
    DELETE_PARTITION = "delete of a partition"
    BATCH = "batch"
    COUNT = "counters"


@dataclass(frozen=True, slots=True)
class Write:
    """One statement; its rows and values follow from the number `seed` and the table's columns."""

    kind: WriteKind
    seed: int
    parts: tuple[Write, ...] = ()
    """of a batch"""


@dataclass(frozen=True, slots=True)
class OneColumn:
    """A column of a table; its type stands as Cassandra has it, frozen where it freezes."""

    name: str
    type: CqlType
    kind: ColumnKind = ColumnKind.REGULAR
    descending: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class OneType:
    """A user type."""

    keyspace: str
    name: str
    fields: tuple[tuple[str, CqlType], ...]

    @property
    def known(self) -> UserType:
        """Return the type as Hintferry has to read it."""
        return UserType(self.name, tuple((name, str(kind)) for name, kind in self.fields))


class BesideKind(Enum):
    """Kind of a thing that stands on a table."""

    INDEX = "index"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Beside:
    """An index on a column, or a view with that column first in its key."""

    kind: BesideKind
    name: str
    column: str


@dataclass(frozen=True, slots=True)
class OneTable:
    """A table, what stands on it, and what is written into it."""

    keyspace: str
    name: str
    columns: tuple[OneColumn, ...]
    options: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()
    default_ttl: int = 0
    is_captured: bool = True
    compact: bool = False
    expires: bool = False
    """Some values are written with a TTL that ends before both sides are compared."""

    writes: tuple[Write, ...] = ()

    @property
    def id(self) -> TableId:
        return TableId(self.keyspace, self.name)

    @property
    def cql(self) -> str:
        """Return its name as a statement has it."""
        return f"{quoted(self.keyspace)}.{quoted(self.name)}"

    def of(self, *kinds: ColumnKind) -> list[OneColumn]:
        """Return the columns of these kinds, in the order of the table."""
        return [column for column in self.columns if column.kind in kinds]

    @property
    def is_counter(self) -> bool:
        return any(column.type.name == "counter" for column in self.columns)

    @property
    def known(self) -> Table:
        """Return the table as Hintferry has to read it from a file."""

        def read(kind: ColumnKind) -> tuple[Column, ...]:
            chosen, in_key = self.of(kind), kind in KEY
            if not in_key:
                chosen = sorted(chosen, key=lambda column: column.name)
            return tuple(
                Column(one.name, str(one.type), kind, place * in_key, one.descending)
                for place, one in enumerate(chosen)
            )

        partition, clustering, statics, regulars = map(read, ColumnKind)
        return Table(self.id, partition, clustering, statics, regulars)


KEY = (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)


Made = OneType | OneTable | Beside


@dataclass(frozen=True, slots=True)
class Case:
    """Case of a run: user types, each after those that it uses, and tables."""

    types: tuple[OneType, ...] = ()
    tables: tuple[OneTable, ...] = ()

    @property
    def keyspaces(self) -> list[str]:
        named = [one.keyspace for one in self.types] + [one.keyspace for one in self.tables]
        return sorted(set(named))

    def types_of(self, keyspace: str) -> dict[str, OneType]:
        """Return the user types of a keyspace by name."""
        return {one.name: one for one in self.types if one.keyspace == keyspace}

    def used_types(self, table: OneTable) -> list[OneType]:
        """Return the user types that a table uses, also within each other, as they were made."""
        known, used = self.types_of(table.keyspace), set[str]()
        open_types = [column.type for column in table.columns]
        while open_types:
            for name in set(open_types.pop().user_types()) - used:
                used.add(name)
                open_types += [kind for _, kind in known[name].fields]
        return [one for name, one in known.items() if name in used]

    def table(self, wanted: TableId) -> OneTable:
        """Return the table of that name."""
        return next(table for table in self.tables if table.id == wanted)


def renamed(case: Case, mark: str) -> Case:
    """Return the case in keyspaces that bear this mark."""

    def named(keyspace: str) -> str:
        return f"{keyspace[:20]}_{re.sub('[^0-9a-z]', '_', mark)}"[:48]

    return Case(
        tuple(replace(one, keyspace=named(one.keyspace)) for one in case.types),
        tuple(replace(one, keyspace=named(one.keyspace)) for one in case.tables),
    )


@dataclass(frozen=True, slots=True)
class Spelling:
    """Spelling of names and types: the same schema has many texts."""

    bare: bool = False
    """Names stand without quotes where CQL needs none."""

    upper: bool = False
    """And these are in capitals, as CQL does not mind."""

    spared: bool = False
    """`frozen` is left out where Cassandra freezes by itself, and `text` is `varchar`."""

    def name(self, text: str) -> str:
        """Return the text of a name."""
        plain = identifier(text) if self.bare else quoted(text)
        return plain.upper() if self.upper and plain == text else plain

    def of(self, table: OneTable) -> str:
        """Return the text of the name of a table."""
        return f"{self.name(table.keyspace)}.{self.name(table.name)}"

    def type(self, one: CqlType, within: bool = False) -> str:
        """Return the text of a type; `within`: it stands in a frozen one."""
        if one.kind is not TypeKind.FROZEN:
            return self._bare(one, within)
        if self.spared and (within or one.inner.kind is TypeKind.TUPLE):
            return self._bare(one.inner, True)
        return f"frozen<{self._bare(one.inner, True)}>"

    def _bare(self, one: CqlType, within: bool) -> str:
        if one.kind is TypeKind.USER:
            return quoted(one.name) if one.name in NATIVES else self.name(one.name)
        if not one.parameters:
            text = str(one)
            return "VarChar" if self.spared and text == "text" else text
        parts = [self.type(part, within) for part in one.parameters]
        parts += [str(one.dimension)] if one.kind is TypeKind.VECTOR else []
        return f"{one.kind.value}<{', '.join(parts)}>"


QUOTED = Spelling()


def create_type(one: OneType, spelling: Spelling = QUOTED) -> str:
    """Return CREATE TYPE."""
    name = spelling.type(CqlType(TypeKind.USER, one.name))
    made = f"{spelling.name(one.keyspace)}.{name}"
    fields = [f"{spelling.name(name)} {spelling.type(kind)}" for name, kind in one.fields]
    return f"CREATE TYPE {made} ({', '.join(fields)})"


def create_table(table: OneTable, spelling: Spelling = QUOTED) -> str:
    """Return CREATE TABLE."""
    columns = [define(column, spelling) for column in table.columns]
    partition, clustering = ([spelling.name(one.name) for one in table.of(kind)] for kind in KEY)
    keys = ", ".join([f"({', '.join(partition)})", *clustering])
    text = f"CREATE TABLE {spelling.of(table)} ({', '.join(columns)}, PRIMARY KEY ({keys}))"
    options = list(_options(table, spelling))
    return f"{text} WITH {' AND '.join(options)}" if options else text


def create_beside(table: OneTable, beside: Beside, spelling: Spelling = QUOTED) -> str:
    """Return CREATE INDEX, or CREATE MATERIALIZED VIEW."""
    first = spelling.name(beside.column)
    if beside.kind is BesideKind.INDEX:
        name = f"{spelling.name(beside.name)} " if beside.name else ""
        return f"CREATE INDEX {name}ON {spelling.of(table)} ({first})"
    keys = [first, *(spelling.name(column.name) for column in table.of(*KEY))]
    return (
        f"CREATE MATERIALIZED VIEW {spelling.name(table.keyspace)}.{spelling.name(beside.name)} AS"
        f" SELECT * FROM {spelling.of(table)}"
        f" WHERE {' AND '.join(f'{key} IS NOT NULL' for key in keys)}"
        f" PRIMARY KEY ({', '.join(keys)})"
    )


def define(column: OneColumn, spelling: Spelling) -> str:
    """Return a column as it stands in CREATE TABLE."""
    static = " static" if column.kind is ColumnKind.STATIC else ""
    mask = " MASKED WITH DEFAULT" if column.masked else ""
    return f"{spelling.name(column.name)} {spelling.type(column.type)}{static}{mask}"


def ddl(case: Case, spelling: Spelling = QUOTED) -> Iterator[tuple[Made, str]]:
    """Yield what each statement makes, and its text."""
    for one in case.types:
        yield one, create_type(one, spelling)
    for table in case.tables:
        yield table, create_table(table, spelling)
        for beside in table.beside:
            yield beside, create_beside(table, beside, spelling)


def _options(table: OneTable, spelling: Spelling) -> Iterator[str]:
    clustering = table.of(ColumnKind.CLUSTERING)
    if any(one.descending for one in clustering):
        order = [f"{spelling.name(c.name)} {'DESC' if c.descending else 'ASC'}" for c in clustering]
        yield f"CLUSTERING ORDER BY ({', '.join(order)})"
    if table.compact:
        yield "COMPACT STORAGE"
    if table.is_captured:
        yield "cdc = true"
    if table.default_ttl:
        yield f"default_time_to_live = {table.default_ttl}"
    yield from table.options
