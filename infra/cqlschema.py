"""The tables and types of a CQL file, as `DESCRIBE KEYSPACE` prints it.

Only what Keyspaces must be told is read: names, types, keys, order and statics. Options of storage
are the source's own affair. What Keyspaces cannot hold is refused with the file, name and mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType

_TOKEN = re.compile(
    r"""--[^\n]*|//[^\n]*|/\*.*?\*/|\s+|"(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|.""", re.S
)
_NAME = re.compile(r"\w{1,48}", re.ASCII)
_UNSUPPORTED = {
    "vector": "Keyspaces has no such type",
    "org": "Keyspaces has no custom types",
    "duration": "Keyspaces documents no such type",
}
_MOST_COLUMNS = 225
_MOST_COLUMNS_WITH_TTL = 166

Tokens = list[str]


@dataclass(frozen=True, slots=True)
class Schema:
    """What a CQL file defines; user types in the order in which they may be made."""

    tables: dict[TableId, Table]
    types: dict[str, tuple[UserType, ...]]
    """by keyspace"""


def schema_from(path: Path) -> Schema:
    """Read the file. Raises ConfigurationError."""
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; print it with cqlsh -e 'DESCRIBE KEYSPACE ...', and name it"
            " as schema in [target]"
        ) from error
    schema = Schema({}, {})
    for statement in _statements(text):
        words = [word.lower() for word in statement[:2]]
        if words == ["create", "table"]:
            table = _Reader(path, statement[2:]).table()
            schema.tables[table.id] = table
        elif words == ["create", "type"]:
            keyspace, made = _Reader(path, statement[2:]).user_type()
            schema.types[keyspace] = (*schema.types.get(keyspace, ()), made)
    return schema


def refuse_what_cannot_be_held(path: Path, table: Table, with_ttl: bool) -> None:
    """Raises ConfigurationError for a table that Keyspaces would refuse or that we cannot carry."""
    where = f"{path}: {table.id}"
    columns = table.partition_key + table.clustering + table.statics + table.regulars
    for name in (table.id.keyspace, table.id.name):
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{where}: the name {name!r} is not of 1 to 48 letters, digits and underscores,"
                " as Keyspaces wants it; leave the table out"
            )
    for column in columns:
        for word in re.findall(r"\w+", column.cql_type):
            if word in _UNSUPPORTED:
                raise ConfigurationError(
                    f"{where}.{column.name} is a {column.cql_type}: {_UNSUPPORTED[word]}; leave the"
                    " table out, or the column"
                )
    most = _MOST_COLUMNS_WITH_TTL if with_ttl else _MOST_COLUMNS
    if len(table.regulars) > most and table.is_counter:
        raise ConfigurationError(
            f"{where} has {len(table.regulars)} counters, and a statement carries {most}; split it"
        )


def _statements(text: str) -> Iterator[Tokens]:
    statement: Tokens = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == ";":
            yield statement
            statement = []
        elif not token.isspace() and not token.startswith(("--", "//", "/*")):
            statement.append(token)
    if statement:
        yield statement


class _Reader:
    """Reads one statement, from what follows CREATE TABLE or CREATE TYPE."""

    def __init__(self, path: Path, tokens: Tokens) -> None:
        self._path, self._tokens, self._at = path, tokens, 0
        self._skip("if", "not", "exists")
        self._keyspace = self._name()
        self._take(".")
        self._of = self._name()

    def user_type(self) -> tuple[str, UserType]:
        fields = [self._field(item) for item in self._parts()]
        return self._keyspace, UserType(self._of, tuple(fields))

    def table(self) -> Table:
        types: dict[str, str] = {}
        statics: list[str] = []
        partition: list[str] = []
        clustering: list[str] = []
        for item in self._parts():
            low = [token.lower() for token in item]
            if low[:2] == ["primary", "key"]:
                partition, clustering = _primary_key(item[2:])
                continue
            if low[-2:] == ["primary", "key"]:
                item = item[:-2]
                partition = [_plain(item[0])]
            elif low[-1] == "static":
                item = item[:-1]
                statics.append(_plain(item[0]))
            name, cql_type = self._field(item)
            types[name] = cql_type
        missing = [name for name in partition + clustering if name not in types]
        if missing or not partition:
            raise self._error(f"has no column for its primary key {', '.join(missing)}")
        descending = self._descending()
        keys = {*partition, *clustering, *statics}
        regular = sorted(name for name in types if name not in keys)
        return Table(
            TableId(self._keyspace, self._of),
            _columns(partition, types, ColumnKind.PARTITION_KEY, set()),
            _columns(clustering, types, ColumnKind.CLUSTERING, descending),
            _columns(sorted(statics), types, ColumnKind.STATIC, set()),
            _columns(regular, types, ColumnKind.REGULAR, set()),
        )

    def _descending(self) -> set[str]:
        rest = self._tokens[self._at :]
        low = [token.lower() for token in rest]
        for at in range(len(low) - 2):
            if low[at : at + 3] == ["clustering", "order", "by"]:
                (parts, _) = _parenthesised(rest[at + 3 :])
                return {_plain(part[0]) for part in parts if part[-1].lower() == "desc"}
        return set()

    def _parts(self) -> list[Tokens]:
        rest = self._tokens[self._at :]
        if not rest or rest[0] != "(":
            raise self._error("is not followed by its columns in parentheses")
        parts, used = _parenthesised(rest)
        self._at += used
        return parts

    def _field(self, item: Tokens) -> tuple[str, str]:
        if len(item) < 2:
            raise self._error(f"has a column without a type: {' '.join(item)}")
        written = "".join(part if part == "," else part.lower() for part in item[1:])
        return _plain(item[0]), written.replace(",", ", ")

    def _skip(self, *words: str) -> None:
        found = [token.lower() for token in self._tokens[self._at : self._at + len(words)]]
        if found == list(words):
            self._at += len(words)

    def _take(self, wanted: str) -> None:
        if self._tokens[self._at : self._at + 1] != [wanted]:
            raise self._error("is not written as keyspace.name")
        self._at += 1

    def _name(self) -> str:
        if self._at >= len(self._tokens):
            raise self._error("ends early")
        self._at += 1
        return _plain(self._tokens[self._at - 1])

    def _error(self, what: str) -> ConfigurationError:
        start = " ".join(self._tokens[:3])
        return ConfigurationError(f"{self._path}: the definition of {start} {what}")


def _plain(name: str) -> str:
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower()


def _parenthesised(tokens: Tokens) -> tuple[list[Tokens], int]:
    """What stands between the commas of the outermost parentheses, and how many tokens that is."""
    depth = 0
    parts: list[Tokens] = []
    part: Tokens = []
    for at, token in enumerate(tokens):
        if token in "(<":
            depth += 1
        elif token in ")>":
            depth -= 1
        if depth == 0:
            return [*parts, part[1:]], at + 1
        if depth == 1 and token == ",":
            parts.append(part[1:])
            part = [token]
        else:
            part.append(token)
    return [*parts, part[1:]], len(tokens)


def _primary_key(item: Tokens) -> tuple[list[str], list[str]]:
    parts, _ = _parenthesised(item)
    first, rest = parts[0], parts[1:]
    composite = _parenthesised(first)[0] if first[0] == "(" else [first]
    return [_plain(part[0]) for part in composite], [_plain(part[0]) for part in rest]


def _columns(
    names: list[str], types: dict[str, str], kind: ColumnKind, descending: set[str]
) -> tuple[Column, ...]:
    return tuple(
        Column(name, types[name], kind, position, name in descending)
        for position, name in enumerate(names)
    )
