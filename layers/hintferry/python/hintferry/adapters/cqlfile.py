"""The schema that a piece of CQL defines, as `DESCRIBE KEYSPACE` and the driver print it.

Read are names, types, keys, order, statics, and what Keyspaces has no counterpart for. Options of
storage are the source's own affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hintferry.core.errors import ConfigurationError
from hintferry.core.fit import Feature, FeatureKind, Schema, table_misfits
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType

_TOKEN = re.compile(
    r"""--[^\n]*|//[^\n]*|/\*.*?\*/|\s+|\$\$.*?\$\$|"(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|.""", re.S
)

Tokens = list[str]


def schema_from(path: Path) -> Schema:
    """Read the file. Raises ConfigurationError."""
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; write it with `hintferry init`, or print it with cqlsh -e"
            " 'DESCRIBE KEYSPACE ...', and name it as schema in [target]"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    return schema_of(text, str(path))


def schema_of(text: str, origin: str) -> Schema:
    """The schema that the text defines; `origin` names it. Raises ConfigurationError."""
    schema = Schema()
    for statement in _statements(text):
        words = [word.lower() for word in statement[:5] if word.lower() not in _OPTIONAL]
        if words[:2] == ["create", "table"]:
            _enter_table(schema, _Reader(origin, statement[2:]))
        elif words[:2] == ["create", "type"]:
            keyspace, made = _Reader(origin, statement[2:]).user_type()
            schema.types[keyspace] = (*schema.types.get(keyspace, ()), made)
        elif words[:1] == ["create"] and len(words) > 1 and words[1] in _FEATURES:
            schema.features.append(_feature(origin, _FEATURES[words[1]], statement))
    return schema


def refuse_misfits(path: Path, schema: Schema, table: Table, with_ttl: bool) -> None:
    """Raises ConfigurationError for a table that cannot be migrated as the file has it."""
    for misfit in table_misfits(schema, table, with_ttl):
        if misfit.fatal:
            raise ConfigurationError(f"{path}: {misfit}")


_OPTIONAL = {"custom", "materialized", "or", "replace"}
_FEATURES = {
    "index": FeatureKind.INDEX,
    "view": FeatureKind.VIEW,
    "function": FeatureKind.FUNCTION,
    "aggregate": FeatureKind.AGGREGATE,
    "trigger": FeatureKind.TRIGGER,
}


def _enter_table(schema: Schema, reader: _Reader) -> None:
    table = reader.table()
    schema.tables[table.id] = table
    options = reader.options()
    if _behind(options, "compact", "storage") is not None:
        compact = Feature(FeatureKind.COMPACT, table.id.keyspace, table.id.name, table.id)
        schema.features.append(compact)
    default_ttl = _after(options, "default_time_to_live", "=")
    if default_ttl and default_ttl[0] != "0":
        schema.default_ttls[table.id] = int(default_ttl[0])


def _feature(origin: str, kind: FeatureKind, statement: Tokens) -> Feature:
    low = [token.lower() for token in statement]
    word = next(word for word, found in _FEATURES.items() if found is kind)
    named = statement[low.index(word) + 1 :]
    if kind in (FeatureKind.FUNCTION, FeatureKind.AGGREGATE):
        made = _Reader(origin, named).id
        return Feature(kind, made.keyspace, made.name)
    on = "from" if kind is FeatureKind.VIEW else "on"
    table = _Reader(origin, _after(statement, on)).id
    if kind is FeatureKind.VIEW:
        made = _Reader(origin, named).id
        return Feature(kind, made.keyspace, made.name, table)
    name = named[named.index(statement[low.index(on)]) - 1]
    return Feature(kind, table.keyspace, _plain(name), table)


def _behind(tokens: Tokens, *words: str) -> int | None:
    """Where the first token stands behind these words, in whatever case; None without them."""
    low = [token.lower() for token in tokens]
    for at in range(len(low) - len(words) + 1):
        if tuple(low[at : at + len(words)]) == words:
            return at + len(words)
    return None


def _after(tokens: Tokens, *words: str) -> Tokens:
    """What follows these words; nothing without them."""
    at = _behind(tokens, *words)
    return [] if at is None else tokens[at:]


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

    def __init__(self, origin: str, tokens: Tokens) -> None:
        self._origin, self._tokens, self._at = origin, tokens, 0
        self._skip("if", "not", "exists")
        self._keyspace = self._name()
        self._take(".")
        self._of = self._name()

    @property
    def id(self) -> TableId:
        return TableId(self._keyspace, self._of)

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
            self.id,
            _columns(partition, types, ColumnKind.PARTITION_KEY, set()),
            _columns(clustering, types, ColumnKind.CLUSTERING, descending),
            _columns(sorted(statics), types, ColumnKind.STATIC, set()),
            _columns(regular, types, ColumnKind.REGULAR, set()),
        )

    def _descending(self) -> set[str]:
        order = _after(self.options(), "clustering", "order", "by")
        parts = _parenthesised(order)[0] if order else []
        return {_plain(part[0]) for part in parts if part[-1].lower() == "desc"}

    def options(self) -> Tokens:
        """What stands behind the columns."""
        return self._tokens[self._at :]

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
        return ConfigurationError(f"{self._origin}: the definition of {start} {what}")


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
