"""One table of a schema in CQL: what CREATE TABLE and ALTER TABLE say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hintferry.core.cql_text import Token, TokenKind, TokenReader, identifier
from hintferry.core.cql_type import read_type
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry_ops.fit.misfits import Feature, FeatureKind

_OPENING, _CLOSING = frozenset("{[("), frozenset("}])")
_JOINING = frozenset("+-.")
"""Signs within a number or a UUID."""


@dataclass
class Draft:
    """A table as far as it has been read."""

    id: TableId
    types: dict[str, str] = field(default_factory=dict)
    statics: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    partition: list[str] = field(default_factory=list)
    clustering: list[str] = field(default_factory=list)
    descending: set[str] = field(default_factory=set)
    compact: bool = False
    default_ttl: int = 0

    def rename(self, old: str, new: str) -> None:
        """Give a column another name; those of keys alone have one that may change."""
        renamed = {old: new}
        self.types = {renamed.get(name, name): kind for name, kind in self.types.items()}
        self.partition = [renamed.get(name, name) for name in self.partition]
        self.clustering = [renamed.get(name, name) for name in self.clustering]
        self.descending = {renamed.get(name, name) for name in self.descending}
        self.masked = {renamed.get(name, name) for name in self.masked}

    def drop(self, name: str) -> None:
        """Take a column away."""
        del self.types[name]
        self.statics.discard(name)
        self.masked.discard(name)

    def table(self) -> Table:
        """Return the table, its columns in the order in which the server lists them."""
        keys = {*self.partition, *self.clustering, *self.statics}
        regular = sorted(name for name in self.types if name not in keys)
        return Table(
            self.id,
            self._columns(self.partition, ColumnKind.PARTITION_KEY),
            self._columns(self.clustering, ColumnKind.CLUSTERING),
            self._columns(sorted(self.statics), ColumnKind.STATIC),
            self._columns(regular, ColumnKind.REGULAR),
        )

    def features(self) -> Iterator[Feature]:
        """Yield the features of the table itself for which Keyspaces has no counterpart."""
        if self.compact:
            yield Feature(FeatureKind.COMPACT, self.id.keyspace, self.id.name, self.id)
        for name in sorted(self.masked):
            yield Feature(FeatureKind.MASK, self.id.keyspace, f"{self.id.name}.{name}", self.id)

    def _columns(self, names: list[str], kind: ColumnKind) -> tuple[Column, ...]:
        in_key = kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)
        return tuple(
            Column(name, self.types[name], kind, position * in_key, name in self.descending)
            for position, name in enumerate(names)
        )


def read_table(reader: TokenReader, made: TableId) -> Draft:
    """Take what follows the name in CREATE TABLE. Raises BadCql."""
    draft = Draft(made)
    reader.take_sign("(")
    while not reader.skip_sign(")"):
        if not _skip_primary_key(reader, draft):
            _read_column(reader, draft)
        if not reader.skip_sign(","):
            reader.take_sign(")")
            break
    missing = [one for one in draft.partition + draft.clustering if one not in draft.types]
    if missing or not draft.partition:
        named = f" {', '.join(missing)}" if missing else ""
        raise reader.error(f"{made} has no column for its primary key{named}")
    _read_options(reader, draft)
    return draft


def _skip_primary_key(reader: TokenReader, draft: Draft) -> bool:
    """Read PRIMARY KEY (...), if that comes next; a column is not named by a reserved word."""
    if not reader.skip("primary", "key"):
        return False
    reader.take_sign("(")
    composite = reader.skip_sign("(")
    draft.partition = [reader.name("a column")]
    while composite and not reader.skip_sign(")"):
        reader.take_sign(",")
        draft.partition.append(reader.name("a column"))
    while reader.skip_sign(","):
        draft.clustering.append(reader.name("a column"))
    reader.take_sign(")")
    return True


def field_type(reader: TokenReader, name: str) -> str:
    """Take the type of the column or field of that name. Raises BadCql."""
    ahead = reader.peek()
    if ahead is None or ahead.is_sign(",") or ahead.is_sign(")"):
        raise reader.error(f"{identifier(name)} has no type")
    return str(read_type(reader))


def _read_column(reader: TokenReader, draft: Draft) -> None:
    name = reader.name("the name of a column")
    draft.types[name] = field_type(reader, name)
    if reader.skip("static"):
        draft.statics.add(name)
    _read_mask(reader, draft, name)
    if reader.skip("primary", "key"):
        draft.partition = [name]


def _read_mask(reader: TokenReader, draft: Draft, name: str) -> None:
    if reader.skip("masked", "with"):
        draft.masked.add(name)
        reader.name("the name of a function")
        if reader.skip_sign("."):
            reader.name("the name of a function")
        if reader.skip_sign("("):
            _skip_to_end(reader)


def _skip_to_end(reader: TokenReader) -> None:
    """Pass over what an open parenthesis holds, and its end."""
    depth = 1
    while depth:
        token = reader.next(")")
        depth += token.is_sign("(") - token.is_sign(")")


def _read_options(reader: TokenReader, draft: Draft) -> None:
    """Read WITH ... AND ..., up to the end of the statement."""
    if reader.ended:
        return
    reader.take("with")
    _read_option(reader, draft)
    while not reader.ended:
        reader.take("and")
        _read_option(reader, draft)


def _read_option(reader: TokenReader, draft: Draft) -> None:
    if reader.skip("compact", "storage"):
        draft.compact = True
    elif reader.skip("clustering", "order", "by"):
        _read_order(reader, draft)
    else:
        name = reader.name("the name of an option")
        reader.take_sign("=")
        value = list(_value(reader))
        if name == "default_time_to_live":
            if len(value) != 1 or not value[0].text.isdecimal():
                raise reader.error("default_time_to_live is no number of seconds")
            draft.default_ttl = int(value[0].text)


def _read_order(reader: TokenReader, draft: Draft) -> None:
    reader.take_sign("(")
    while not reader.skip_sign(")"):
        name = reader.name("a column")
        if name not in draft.clustering:
            raise reader.error(f"{identifier(name)} is no clustering column")
        if reader.skip("desc"):
            draft.descending.add(name)
        else:
            reader.skip("asc")
        reader.skip_sign(",")


def _value(reader: TokenReader) -> Iterator[Token]:
    """Take the value of an option: a literal, or what stands in brackets."""
    depth = 0
    while True:
        token = reader.next("a value")
        yield token
        depth += _is_any(token, _OPENING) - _is_any(token, _CLOSING)
        if not depth and not _is_any(token, _JOINING) and not _is_any(reader.peek(), _JOINING):
            return


def _is_any(token: Token | None, signs: frozenset[str]) -> bool:
    return token is not None and token.kind is TokenKind.SIGN and token.text in signs


def change_table(reader: TokenReader, draft: Draft) -> None:
    """Take what follows the name in ALTER TABLE. Raises BadCql."""
    if reader.skip("add"):
        reader.skip("if", "not", "exists")
        _each(reader, lambda: _read_column(reader, draft))
    elif reader.skip("drop", "compact", "storage"):
        draft.compact = False
    elif reader.skip("drop"):
        there = not reader.skip("if", "exists")
        _each(reader, lambda: _drop_column(reader, draft, there))
        if reader.skip("using", "timestamp"):
            reader.next("a timestamp")
    elif reader.skip("rename"):
        reader.skip("if", "exists")
        _rename(reader, draft.types, draft.rename)
    elif reader.skip("alter"):
        reader.skip("if", "exists")
        _change_column(reader, draft)
    else:
        _read_options(reader, draft)
    if not reader.ended:
        raise reader.error("the statement does not end")


def _each(reader: TokenReader, read: Callable[[], None]) -> None:
    """Read one, or several with commas, with parentheses around them or not."""
    inside = reader.skip_sign("(")
    read()
    while reader.skip_sign(","):
        read()
    if inside:
        reader.take_sign(")")


def _drop_column(reader: TokenReader, draft: Draft, there: bool) -> None:
    at = reader.error("no such column can be dropped")
    name = reader.name("a column")
    if name in draft.partition + draft.clustering or (there and name not in draft.types):
        raise at
    if name in draft.types:
        draft.drop(name)


def _rename(reader: TokenReader, known: dict[str, str], rename: Callable[[str, str], None]) -> None:
    while True:
        at = reader.error("there is nothing of that name to rename")
        old = reader.name("a name")
        reader.take("to")
        if old not in known:
            raise at
        rename(old, reader.name("a name"))
        if not reader.skip("and"):
            return


def _change_column(reader: TokenReader, draft: Draft) -> None:
    at = reader.error("there is no such column")
    name = reader.name("a column")
    if name not in draft.types:
        raise at
    if reader.skip("drop", "masked"):
        draft.masked.discard(name)
    elif reader.skip("type"):
        draft.types[name] = field_type(reader, name)
    else:
        _read_mask(reader, draft, name)


def changed_type(reader: TokenReader, fields: dict[str, str]) -> dict[str, str]:
    """Take what follows the name in ALTER TYPE, and return its fields. Raises BadCql."""
    names = {name: name for name in fields}
    if reader.skip("add"):
        reader.skip("if", "not", "exists")
        name = reader.name("the name of a field")
        return {**fields, name: field_type(reader, name)}
    if reader.skip("rename"):
        reader.skip("if", "exists")
        _rename(reader, fields, names.__setitem__)
        return {names[name]: kind for name, kind in fields.items()}
    raise reader.error("a type is altered by ADD or RENAME")
