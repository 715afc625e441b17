"""The schema that a piece of CQL defines, as `DESCRIBE KEYSPACE` and people write it.

Read are names, types, keys, order, statics, default TTLs, and what Keyspaces has no counterpart
for. Every statement is understood, or refused with its line and column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hintferry.core.cql_text import BadCql, Token, TokenReader, identifier, tokens_of
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table, TableId, UserType
from hintferry_ops.fit.misfits import Feature, FeatureKind, Schema, table_misfits
from hintferry_ops.fit.table_definition import (
    Draft,
    change_table,
    changed_type,
    field_type,
    read_table,
)


def schema_from(path: Path) -> Schema:
    """Read the file. Raises ConfigurationError."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; write it with `hintferry init`, or print it with cqlsh -e"
            " 'DESCRIBE KEYSPACE ...', and name it as schema in [target]"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    return schema_of(text, str(path))


def schema_of(text: str, origin: str) -> Schema:
    """Return the schema that the text defines; `origin` names it. Raises ConfigurationError."""
    script = _Script()
    try:
        for statement in _statements(text):
            script.run(TokenReader(statement))
        return script.schema()
    except BadCql as error:
        raise ConfigurationError(
            f"{origin}:{error}; correct it there, or write the file again with `hintferry init`"
        ) from error


def refuse_misfits(path: Path, schema: Schema, table: Table, with_ttl: bool) -> None:
    """Raises ConfigurationError for a table that cannot be migrated as the file has it."""
    for misfit in table_misfits(schema, table, with_ttl):
        if misfit.fatal:
            raise ConfigurationError(f"{path}: {misfit}")


def _statements(text: str) -> Iterator[list[Token]]:
    statement: list[Token] = []
    for token in tokens_of(text):
        if not token.is_sign(";"):
            statement.append(token)
        elif statement:
            yield statement
            statement = []
    if statement:
        yield statement


_FEATURES = {
    "index": FeatureKind.INDEX,
    "view": FeatureKind.VIEW,
    "function": FeatureKind.FUNCTION,
    "aggregate": FeatureKind.AGGREGATE,
    "trigger": FeatureKind.TRIGGER,
}
_DATA = ("insert", "update", "delete", "begin", "apply", "select", "truncate", "grant", "revoke")
"""Statements about data and permissions, which are no part of a schema."""

_PEOPLE = ("role", "user")
_KEYSPACE = ("keyspace", "schema")
_TABLE = ("table", "columnfamily")


class _Script:
    """Runs one statement after the other, as a server would."""

    def __init__(self) -> None:
        self._keyspace = ""
        self._tables: dict[TableId, Draft] = {}
        self._types: dict[TableId, dict[str, str]] = {}
        self._features: list[Feature] = []

    def schema(self) -> Schema:
        """Return the schema that all statements together made."""
        types: dict[str, tuple[UserType, ...]] = {}
        for made, fields in self._types.items():
            one = UserType(made.name, tuple(fields.items()))
            types[made.keyspace] = (*types.get(made.keyspace, ()), one)
        drafts = self._tables.values()
        features = [one for draft in drafts for one in draft.features()]
        ttls = {draft.id: draft.default_ttl for draft in drafts if draft.default_ttl}
        tables = {draft.id: draft.table() for draft in drafts}
        return Schema(tables, types, ttls, features + self._features)

    def run(self, reader: TokenReader) -> None:
        """Raises BadCql for a statement that is not understood."""
        verb = reader.next("a statement")
        run = {"create": self._create, "alter": self._alter, "drop": self._drop, "use": self._use}
        if not verb.is_word(*run, *_DATA):
            raise BadCql(verb.line, verb.column, f"the statement {str(verb).upper()} is not known")
        _refuse_another(verb, reader.rest)
        if verb.text in run:
            run[verb.text](reader)

    def _use(self, reader: TokenReader) -> None:
        self._keyspace = reader.name("the name of a keyspace")

    def _create(self, reader: TokenReader) -> None:
        reader.skip("or", "replace")
        reader.skip("custom")
        reader.skip("materialized")
        kind = reader.next("what is to be made")
        known = reader.skip("if", "not", "exists")
        if kind.is_word(*_TABLE):
            self._create_table(reader, known)
        elif kind.is_word("type"):
            self._create_type(reader, known)
        elif kind.is_word(*_FEATURES):
            made = self._feature(_FEATURES[kind.text], reader)
            self._features += [made] if made not in self._features else []
        elif not kind.is_word(*_KEYSPACE, *_PEOPLE):
            raise _unknown("CREATE", kind)

    def _create_table(self, reader: TokenReader, known: bool) -> None:
        at = reader.place
        made = self._id(reader)
        draft = read_table(reader, made)
        if made not in self._tables:
            self._tables[made] = draft
        elif not known:
            raise BadCql(*at, f"{made} is defined a second time")

    def _create_type(self, reader: TokenReader, known: bool) -> None:
        at = reader.place
        made = self._id(reader)
        fields: dict[str, str] = {}
        reader.take_sign("(")
        while not reader.skip_sign(")"):
            name = reader.name("the name of a field")
            fields[name] = field_type(reader, name)
            if not reader.skip_sign(","):
                reader.take_sign(")")
                break
        if made not in self._types:
            self._types[made] = fields
        elif not known:
            raise BadCql(*at, f"{made} is defined a second time")

    def _feature(self, kind: FeatureKind, reader: TokenReader) -> Feature:
        if kind is FeatureKind.INDEX:
            return self._index(reader)
        if kind is FeatureKind.TRIGGER:
            name = reader.name("the name of a trigger")
            reader.take("on")
            table = self._id(reader)
            return Feature(kind, table.keyspace, name, table)
        made = self._id(reader)
        if kind is not FeatureKind.VIEW:
            return Feature(kind, made.keyspace, made.name)
        while not reader.skip("from"):
            reader.next("FROM")
        return Feature(kind, made.keyspace, made.name, self._id(reader))

    def _index(self, reader: TokenReader) -> Feature:
        name = "" if reader.skip("on") else reader.name("the name of an index")
        if name:
            reader.take("on")
        table = self._id(reader)
        reader.take_sign("(")
        column = reader.name("a column")
        if reader.skip_sign("("):
            # Of a collection: keys(c), values(c), entries(c) or full(c).
            column = reader.name("a column")
        # A server names an index without a name so.
        name = name or f"{table.name}_{column}_idx"
        return Feature(FeatureKind.INDEX, table.keyspace, name, table)

    def _alter(self, reader: TokenReader) -> None:
        reader.skip("materialized")
        kind = reader.next("what is to be altered")
        if_there = reader.skip("if", "exists")
        if kind.is_word(*_TABLE):
            self._alter_table(reader, if_there)
        elif kind.is_word("type"):
            self._alter_type(reader, if_there)
        elif not kind.is_word(*_KEYSPACE, *_PEOPLE, "view"):
            raise _unknown("ALTER", kind)

    def _alter_table(self, reader: TokenReader, if_there: bool) -> None:
        at = reader.place
        made = self._id(reader)
        if made in self._tables:
            change_table(reader, self._tables[made])
        elif not if_there:
            raise BadCql(*at, f"{made} is not defined before it is altered")

    def _alter_type(self, reader: TokenReader, if_there: bool) -> None:
        at = reader.place
        made = self._id(reader)
        if made in self._types:
            self._types[made] = changed_type(reader, self._types[made])
        elif not if_there:
            raise BadCql(*at, f"{made} is not defined before it is altered")

    def _drop(self, reader: TokenReader) -> None:
        reader.skip("materialized")
        kind = reader.next("what is to be dropped")
        reader.skip("if", "exists")
        if kind.is_word(*_KEYSPACE):
            self._forget(reader.name("the name of a keyspace"))
        elif kind.is_word(*_TABLE):
            self._forget_table(self._id(reader))
        elif kind.is_word("type"):
            self._types.pop(self._id(reader), None)
        elif kind.is_word("trigger"):
            name = reader.name("the name of a trigger")
            reader.take("on")
            self._forget_feature(FeatureKind.TRIGGER, TableId(self._id(reader).keyspace, name))
        elif kind.is_word(*_FEATURES):
            self._forget_feature(_FEATURES[kind.text], self._id(reader))
        elif not kind.is_word(*_PEOPLE):
            raise _unknown("DROP", kind)

    def _forget(self, keyspace: str) -> None:
        self._tables = {one: d for one, d in self._tables.items() if one.keyspace != keyspace}
        self._types = {one: d for one, d in self._types.items() if one.keyspace != keyspace}
        self._features = [one for one in self._features if one.keyspace != keyspace]

    def _forget_table(self, table: TableId) -> None:
        self._tables.pop(table, None)
        self._features = [one for one in self._features if one.table != table]

    def _forget_feature(self, kind: FeatureKind, made: TableId) -> None:
        gone = (kind, made.keyspace, made.name)
        kept = [one for one in self._features if (one.kind, one.keyspace, one.name) != gone]
        self._features = kept

    def _id(self, reader: TokenReader) -> TableId:
        at = reader.error("is not written as keyspace.name, and no USE is before it")
        first = reader.name("a name")
        if reader.skip_sign("."):
            return TableId(first, reader.name(f"a name in the keyspace {identifier(first)}"))
        if not self._keyspace:
            raise at
        return TableId(self._keyspace, first)


def _refuse_another(verb: Token, rest: list[Token]) -> None:
    """Raises BadCql where a statement begins within another: its semicolon was left out."""
    if verb.is_word("grant", "revoke"):
        return
    begins = ("create", "alter", "drop") if verb.is_word("create") else ("create",)
    for token in rest:
        if token.is_word(*begins):
            what = f"; is missing before {str(token).upper()}"
            raise BadCql(token.line, token.column, what)


def _unknown(verb: str, kind: Token) -> BadCql:
    return BadCql(kind.line, kind.column, f"{verb} {str(kind).upper()} is not known")
