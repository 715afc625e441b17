"""Writes as statements of CQL; each follows from its own number and the table's columns alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random

from hintferry.core.cql_text import quoted
from hintferry.core.cql_type import TypeKind
from hintferry.core.schema import ColumnKind
from tests.fuzz.case import KEY, Case, OneColumn, OneTable, OneType, Write, WriteKind
from tests.fuzz.draw import SHORT_TTL_S
from tests.fuzz.values import element, literal, maybe_empty

_PARTITIONS, _ROWS = 3, 4
_LONG_TTL_S = (3_600, 7_200)
_PAST_US = 1_700_000_000_000_000
_IN_JSON = frozenset({"int", "bigint", "text", "uuid", "timeuuid", "boolean", "smallint"})


def statements(case: Case, table: OneTable) -> Iterator[str]:
    """Yield the writes of a table in order; one that its columns do not allow is left out."""
    known = case.types_of(table.keyspace)
    for write in table.writes:
        if text := statement(table, write, known):
            yield text


def statement(table: OneTable, write: Write, types: Mapping[str, OneType]) -> str:
    """Return the text of one write; nothing where the table has no columns for it."""
    return _MAKE[write.kind](_Writer(table, write, types))


class _Writer:
    """Parts of one write of one table."""

    def __init__(self, table: OneTable, write: Write, types: Mapping[str, OneType]) -> None:
        self.table, self.write, self.types = table, write, types
        self.random = Random(f"{write.seed}")

    def of(self, column: OneColumn) -> Random:
        """Return numbers for this column alone: they stay when other columns go."""
        return Random(f"{self.write.seed}/{column.name}")

    def value(self, column: OneColumn) -> str:
        """Return a new value, null among them."""
        random = self.of(column)
        null = column.kind not in KEY and random.random() < 0.15
        return "null" if null else maybe_empty(column.type, random, self.types)

    def key(self, column: OneColumn) -> str:
        """Return one of a few values that the column of the key has."""
        most = _PARTITIONS if column.kind is ColumnKind.PARTITION_KEY else _ROWS
        return self.numbered(column, self.of(column).randrange(most))

    def numbered(self, column: OneColumn, number: int) -> str:
        """Return the value of that number."""
        random = Random(f"{self.table.name}/{column.name}/{number}")
        if column.kind is ColumnKind.CLUSTERING:
            return maybe_empty(column.type, random, self.types)
        text = literal(column.type, random, self.types)
        # A partition key of one component may not be empty.
        return {"''": "'k'", "0x": "0x00"}.get(text, text)

    def where(self, *kinds: ColumnKind) -> str:
        """Return the restriction of these parts of the key to one of its values."""
        return self.equals(self.table.of(*kinds))

    def equals(self, columns: list[OneColumn]) -> str:
        return " AND ".join(f"{quoted(one.name)} = {self.key(one)}" for one in columns)

    def some(self, *kinds: ColumnKind, multicell: bool = False) -> list[OneColumn]:
        """Return some columns of these kinds, at least one where there is one."""
        there = self.table.of(*kinds)
        if multicell:
            there = [one for one in there if one.type.multicell]
        chosen = [one for one in there if self.of(one).random() < 0.6]
        return chosen or there[:1]

    def using(self) -> str:
        """Return USING with a TTL that outlasts the run or not, a time of the past, or nothing."""
        parts: list[str] = []
        if self.random.random() < 0.2:
            parts.append(f"TTL {self.random.randint(*_LONG_TTL_S)}")
        elif self.table.expires and self.random.random() < 0.4:
            parts.append(f"TTL {self.random.randint(1, SHORT_TTL_S)}")
        if self.random.random() < 0.1:
            parts.append(f"TIMESTAMP {_PAST_US + self.random.randrange(1000)}")
        return f" USING {' AND '.join(parts)}" if parts else ""

    def at(self) -> str:
        """Return USING as a DELETE takes it."""
        is_past = self.random.random() < 0.1
        return f" USING TIMESTAMP {_PAST_US + self.random.randrange(1000)}" if is_past else ""


def _insert(one: _Writer) -> str:
    return f"{_plain_insert(one)}{one.using()}"


def _plain_insert(one: _Writer) -> str:
    keys = one.table.of(*KEY)
    values = [
        column
        for column in one.table.of(ColumnKind.STATIC, ColumnKind.REGULAR)
        if one.of(column).random() < 0.8
    ]
    names = ", ".join(quoted(column.name) for column in (*keys, *values))
    given = [*map(one.key, keys), *map(one.value, values)]
    return f"INSERT INTO {one.table.cql} ({names}) VALUES ({', '.join(given)})"


def _json(one: _Writer) -> str:
    """With columns that are left out: null, or as they were."""
    keys = one.table.of(*KEY)
    if not all(_is_simple(column) for column in keys):
        return _insert(one)
    given = {column.name: _parsed(one.key(column)) for column in keys}
    for column in one.table.of(ColumnKind.STATIC, ColumnKind.REGULAR):
        if _is_simple(column) and one.of(column).random() < 0.6:
            given[column.name] = _parsed(literal(column.type, one.of(column), one.types))
    # A name in capitals stands in quotes of its own.
    text = json.dumps({quoted(name): value for name, value in given.items()})
    default = one.random.choice(("", " DEFAULT NULL", " DEFAULT UNSET"))
    escaped = text.replace("'", "''")
    return f"INSERT INTO {one.table.cql} JSON '{escaped}'{default}"


def _is_simple(column: OneColumn) -> bool:
    is_native = column.type.kind is TypeKind.NATIVE
    return is_native and column.type.name in _IN_JSON and '"' not in column.name


def _parsed(text: str) -> object:
    """The value of a literal, as JSON has it."""
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return json.loads(text) if text.lstrip("-").isdigit() or text in ("true", "false") else text


def _if_not_exists(one: _Writer) -> str:
    return f"{_plain_insert(one)} IF NOT EXISTS"


def _update(one: _Writer) -> str:
    chosen = one.some(ColumnKind.REGULAR)
    sets = ", ".join(f"{quoted(column.name)} = {one.value(column)}" for column in chosen)
    return f"UPDATE {one.table.cql}{one.using()} SET {sets} WHERE {one.where(*KEY)}" * bool(sets)


def _if_exists(one: _Writer) -> str:
    chosen = one.some(ColumnKind.REGULAR)
    sets = ", ".join(f"{quoted(column.name)} = {one.value(column)}" for column in chosen)
    return f"UPDATE {one.table.cql} SET {sets} WHERE {one.where(*KEY)} IF EXISTS" * bool(sets)


def _static(one: _Writer) -> str:
    chosen = one.some(ColumnKind.STATIC)
    sets = ", ".join(f"{quoted(column.name)} = {one.value(column)}" for column in chosen)
    where = one.where(ColumnKind.PARTITION_KEY)
    return f"UPDATE {one.table.cql}{one.using()} SET {sets} WHERE {where}" * bool(sets)


def _element(one: _Writer) -> str:
    column = _one_collection(one)
    if column is None:
        return ""
    key = KEY if column.kind is ColumnKind.REGULAR else KEY[:1]
    change = _change(one, column)
    return f"UPDATE {one.table.cql}{one.using()} SET {change} WHERE {one.where(*key)}"


def _change(one: _Writer, column: OneColumn) -> str:
    name, random = quoted(column.name), one.of(column)
    if column.type.kind is TypeKind.USER:
        field, kind = random.choice(one.types[column.type.name].fields)
        return f"{name}.{quoted(field)} = {literal(kind, random, one.types)}"
    more = element(column.type, random, one.types)
    if column.type.kind is TypeKind.MAP:
        key, value = (literal(part, random, one.types) for part in column.type.parameters)
        changes = [f"[{key}] = {value}", f" = {name} + {more}", f" = {name} - {{{key}}}"]
        return name + random.choice(changes)
    changes = [f"{name} = {name} + {more}", f"{name} = {name} - {more}"]
    if column.type.kind is TypeKind.LIST:
        changes.append(f"{name} = {more} + {name}")
    return random.choice(changes)


def _one_collection(one: _Writer) -> OneColumn | None:
    chosen = one.some(ColumnKind.STATIC, ColumnKind.REGULAR, multicell=True)
    return chosen[one.write.seed % len(chosen)] if chosen else None


def _delete_element(one: _Writer) -> str:
    column = _one_collection(one)
    if column is None or column.type.kind is TypeKind.LIST:
        return ""
    name, random = quoted(column.name), one.of(column)
    if column.type.kind is TypeKind.USER:
        part = f"{name}.{quoted(random.choice(one.types[column.type.name].fields)[0])}"
    else:
        part = f"{name}[{literal(column.type.parameters[0], random, one.types)}]"
    key = KEY if column.kind is ColumnKind.REGULAR else KEY[:1]
    return f"DELETE {part} FROM {one.table.cql}{one.at()} WHERE {one.where(*key)}"


def _delete_cells(one: _Writer) -> str:
    names = ", ".join(quoted(column.name) for column in one.some(ColumnKind.REGULAR))
    where = one.where(*KEY)
    return f"DELETE {names} FROM {one.table.cql}{one.at()} WHERE {where}" * bool(names)


def _delete_row(one: _Writer) -> str:
    at = "" if one.table.is_counter else one.at()
    return f"DELETE FROM {one.table.cql}{at} WHERE {one.where(*KEY)}"


def _delete_partition(one: _Writer) -> str:
    return f"DELETE FROM {one.table.cql}{one.at()} WHERE {one.where(ColumnKind.PARTITION_KEY)}"


def _delete_range(one: _Writer) -> str:
    """From or up to a value of one clustering column, those before it equal; or of several."""
    clustering = one.table.of(ColumnKind.CLUSTERING)
    if not clustering:
        return ""
    place = one.random.randrange(len(clustering))
    where = one.equals([*one.table.of(ColumnKind.PARTITION_KEY), *clustering[:place]])
    sliced = clustering[place : place + 1]
    if place == 0 and len(clustering) > 1 and one.random.random() < 0.3:
        sliced = clustering[:2]
    for sign in one.random.choice(((">",), (">=",), ("<",), ("<=",), (">", "<="), (">=", "<"), ())):
        number = 0 if sign.startswith(">") else _ROWS - 1
        names = ", ".join(quoted(column.name) for column in sliced)
        values = ", ".join(one.numbered(column, number) for column in sliced)
        several = len(sliced) > 1
        where += f" AND ({names}) {sign} ({values})" if several else f" AND {names} {sign} {values}"
    return f"DELETE FROM {one.table.cql}{one.at()} WHERE {where}"


def _batch(one: _Writer) -> str:
    parts = [statement(one.table, part, one.types) for part in one.write.parts]
    kind = one.random.choice(("", "UNLOGGED "))
    return f"BEGIN {kind}BATCH {' '.join(f'{part};' for part in parts if part)} APPLY BATCH"


def _count(one: _Writer) -> str:
    chosen = [column for column in one.some(ColumnKind.REGULAR) if column.type.name == "counter"]
    if not chosen:
        chosen = one.some(ColumnKind.STATIC)
    key = KEY if chosen[0].kind is ColumnKind.REGULAR else KEY[:1]
    sets = []
    for column in chosen:
        name, change = quoted(column.name), one.of(column).choice(("+ 1", "- 1", "+ 1000"))
        sets.append(f"{name} = {name} {change}")
    return f"UPDATE {one.table.cql} SET {', '.join(sets)} WHERE {one.where(*key)}"


_MAKE: Mapping[WriteKind, Callable[[_Writer], str]] = {
    WriteKind.INSERT: _insert,
    WriteKind.JSON: _json,
    WriteKind.UPDATE: _update,
    WriteKind.STATIC: _static,
    WriteKind.ELEMENT: _element,
    WriteKind.IF_NOT_EXISTS: _if_not_exists,
    WriteKind.IF_EXISTS: _if_exists,
    WriteKind.DELETE_CELLS: _delete_cells,
    WriteKind.DELETE_ELEMENT: _delete_element,
    WriteKind.DELETE_ROW: _delete_row,
    WriteKind.DELETE_RANGE: _delete_range,
    WriteKind.DELETE_PARTITION: _delete_partition,
    WriteKind.BATCH: _batch,
    WriteKind.COUNT: _count,
}
