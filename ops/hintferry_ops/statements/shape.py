"""Take a statement apart into what the rules ask: tables, columns, restrictions, clauses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from hintferry.core.cql_text import BadCql, Token, TokenKind, TokenReader
from hintferry.core.schema import TableId
from hintferry_ops.statements.normal import VALUE, Normal


class Kind(Enum):
    """Kinds of statement; a DDL statement is told apart by its `words`."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    BATCH = "BATCH"
    TRUNCATE = "TRUNCATE"
    DDL = "DDL"
    PERMISSIONS = "permissions"
    USE = "USE"
    CONSISTENCY = "CONSISTENCY"


class BatchKind(Enum):
    """Kinds of batch, as CQL names them."""

    LOGGED = "logged"
    UNLOGGED = "unlogged"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Restriction:
    """One relation of WHERE or IF. `columns` are several where a tuple is compared.

    `values` counts the elements of an IN list; 0 where a marker stands for the whole list.
    `literal`: whether every value stands in the text. `marker`: the place among the markers of the
    one that is the whole value, from 0; -1 where it is none.
    """

    columns: tuple[str, ...]
    operator: str
    values: int = 1
    literal: bool = False
    on_token: bool = False
    marker: int = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """Hold what is known of one statement. Names are as CQL means them.

    `table` has an empty keyspace where the statement names none. `columns` are those that it
    selects or writes; empty for all. `assigned` are the columns of an INSERT with their values.
    `parts` are those of a batch. `has_markers`: whether some value comes with each call.
    """

    kind: Kind
    words: str
    table: TableId | None = None
    columns: tuple[str, ...] = ()
    functions: frozenset[str] = frozenset()
    where: tuple[Restriction, ...] = ()
    conditions: tuple[Restriction, ...] = ()
    clauses: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    assigned: tuple[Restriction, ...] = ()
    has_markers: bool = False
    batch: BatchKind | None = None
    parts: tuple[Shape, ...] = ()
    text: str = ""
    """The normal form, of a part of a batch too."""

    @property
    def equal(self) -> dict[str, Restriction]:
        """Return what gives one value to a column: relations with =, and the values of INSERT."""
        found = (*self.assigned, *self.where)
        return {
            one.columns[0]: one
            for one in found
            if one.operator == "=" and len(one.columns) == 1 and not one.on_token
        }

    @property
    def is_conditional(self) -> bool:
        """Return whether it is a lightweight transaction."""
        return "if" in self.clauses

    @property
    def each(self) -> tuple[Shape, ...]:
        """Return the parts of a batch, or else the statement itself."""
        return self.parts or (self,)

    def restricted(self, *operators: str) -> tuple[str, ...]:
        """Return the columns that WHERE compares so, in order; all comparisons without any."""
        return tuple(
            column
            for one in self.where
            if not one.on_token and (not operators or one.operator in operators)
            for column in one.columns
        )


_DDL = ("create", "alter", "drop")
_PERMISSIONS = ("grant", "revoke", "list")
_BEFORE_PARENTHESIS = (
    "values", "in", "and", "where", "if", "from", "by", "or", "not", "set", "select", "between",
)  # fmt: skip
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_OPERATORS = ("=", "<", ">", "<=", ">=", "!=")


def shape_of(one: Normal) -> Shape:
    """Return the shape. Raises BadCql for what is no statement of CQL."""
    shape = _shape(list(one.tokens), one.bound, 0)
    return replace(shape, text=one.text, has_markers=bool(one.bound))


def _shape(tokens: list[Token], bound: frozenset[int], start: int) -> Shape:
    reader = _Reader(tokens, bound, start)
    first = reader.next("a statement")
    if first.is_word("begin"):
        return _batch(tokens, bound)
    read = {"select": _select, "insert": _insert, "update": _update, "delete": _delete}
    if first.is_word(*read):
        shape = read[first.text](reader)
        if not reader.ended:
            raise reader.error("what follows is not understood")
        return replace(shape, functions=frozenset(_functions(tokens)))
    return _other(first, reader)


class _Value(NamedTuple):
    """A term: its number of elements, whether it stands in the text, and which marker it is."""

    size: int
    fixed: bool
    marker: int


class _Reader(TokenReader):
    """Read tokens, and know which of them are markers; `start` is where they begin."""

    def __init__(self, tokens: list[Token], bound: frozenset[int], start: int) -> None:
        super().__init__(tokens)
        self._bound = {at for at in bound if start <= at < start + len(tokens)}
        self._end = start + len(tokens)

    def value(self, closing: str = ")") -> _Value:
        """Take a term up to what ends it. Raises BadCql where there is none."""
        begin, depth, commas, fixed = len(self.rest), 0, 0, True
        while (token := self.peek()) is not None:
            sign = token.text if token.kind is TokenKind.SIGN else ""
            if depth == 0 and (sign in (",", closing) or _ends(token)):
                break
            depth += (sign in _OPENING) - (sign in _CLOSING)
            commas += depth == 1 and sign == ","
            # A function may give another value each time.
            fixed &= self._end - len(self.rest) not in self._bound
            fixed &= token.kind is not TokenKind.NAME
            self.next("a value")
        if begin == len(self.rest):
            raise self.error("a value is missing")
        alone = not fixed and begin - len(self.rest) == 1
        marker = sum(at < self._end - begin for at in self._bound) if alone else -1
        return _Value(commas + 1, fixed, marker)

    def table(self) -> TableId | None:
        """Take the name of a table; None where the text does not have it."""
        if self.skip_sign(VALUE):
            if self.skip_sign("."):
                self.next("the name of a table")
            return None
        first = self.name("the name of a table")
        if not self.skip_sign("."):
            return TableId("", first)
        if self.skip_sign(VALUE):
            return None
        return TableId(first, self.name("the name of a table"))


def _ends(token: Token) -> bool:
    return token.is_word(
        "and", "where", "if", "order", "group", "limit", "per", "allow", "using", "set", "from",
        "default",
    )  # fmt: skip


def _select(reader: _Reader) -> Shape:
    clauses = {word for word in ("distinct", "json") if reader.skip(word)}
    columns: list[str] = []
    while not reader.skip("from"):
        token = reader.next("FROM")
        if token.kind in (TokenKind.NAME, TokenKind.QUOTED):
            columns.append(token.text)
    table = reader.table()
    where = tuple(_relations(reader)) if reader.skip("where") else ()
    order: list[str] = []
    while not reader.ended:
        if reader.skip("group", "by"):
            clauses.add("group by")
            _names(reader)
        elif reader.skip("order", "by"):
            clauses.add("order by")
            order = _names(reader)
        elif reader.skip("per", "partition", "limit"):
            clauses.add("per partition limit")
            reader.value()
        elif reader.skip("limit"):
            clauses.add("limit")
            reader.value()
        elif reader.skip("allow", "filtering"):
            clauses.add("allow filtering")
        else:
            break
    return Shape(
        Kind.SELECT, "SELECT", table, tuple(columns), where=where,
        clauses=frozenset(clauses), order=tuple(order),
    )  # fmt: skip


def _insert(reader: _Reader) -> Shape:
    reader.take("into")
    table = reader.table()
    columns: list[str] = []
    clauses: set[str] = set()
    assigned: list[Restriction] = []
    if reader.skip("json"):
        clauses.add("json")
        reader.value()
        if reader.skip("default"):
            reader.next("NULL or UNSET")
    else:
        reader.take_sign("(")
        columns = _names(reader)
        reader.take_sign(")")
        reader.take("values")
        reader.take_sign("(")
        values = [reader.value()]
        while reader.skip_sign(","):
            values.append(reader.value())
        reader.take_sign(")")
        if len(values) != len(columns):
            raise reader.error(f"{len(columns)} columns have {len(values)} values")
        assigned = [
            Restriction((name,), "=", 1, one.fixed, marker=one.marker)
            for name, one in zip(columns, values, strict=True)
        ]
    conditions = _tail(reader, clauses)
    return Shape(
        Kind.INSERT, "INSERT", table, tuple(columns),
        conditions=conditions, clauses=frozenset(clauses), assigned=tuple(assigned),
    )  # fmt: skip


def _update(reader: _Reader) -> Shape:
    table = reader.table()
    clauses: set[str] = set()
    _tail(reader, clauses)
    reader.take("set")
    columns: list[str] = []
    while True:
        columns.append(reader.name("a column"))
        while not (reader.skip_sign("=")):
            reader.next("=")
        reader.value()
        if not reader.skip_sign(","):
            break
    reader.take("where")
    where = tuple(_relations(reader))
    conditions = _tail(reader, clauses)
    return Shape(
        Kind.UPDATE, "UPDATE", table, tuple(columns), where=where,
        conditions=conditions, clauses=frozenset(clauses),
    )  # fmt: skip


def _delete(reader: _Reader) -> Shape:
    columns: list[str] = []
    while not reader.skip("from"):
        token = reader.next("FROM")
        if token.kind in (TokenKind.NAME, TokenKind.QUOTED):
            columns.append(token.text)
    table = reader.table()
    clauses: set[str] = set()
    _tail(reader, clauses)
    reader.take("where")
    where = tuple(_relations(reader))
    conditions = _tail(reader, clauses)
    return Shape(
        Kind.DELETE, "DELETE", table, tuple(columns), where=where,
        conditions=conditions, clauses=frozenset(clauses),
    )  # fmt: skip


def _tail(reader: _Reader, clauses: set[str]) -> tuple[Restriction, ...]:
    """Take USING and IF, in either order."""
    conditions: tuple[Restriction, ...] = ()
    while not reader.ended:
        if reader.skip("using"):
            clauses |= set(_using(reader))
        elif reader.skip("if", "not", "exists") or reader.skip("if", "exists"):
            clauses.add("if")
        elif reader.skip("if"):
            clauses.add("if")
            conditions = tuple(_relations(reader))
        else:
            break
    return conditions


def _using(reader: _Reader) -> Iterator[str]:
    while True:
        token = reader.next("TTL or TIMESTAMP")
        if not token.is_word("ttl", "timestamp"):
            raise BadCql(token.line, token.column, f"USING {token} is not known")
        reader.value()
        yield f"using {token.text}"
        if not reader.skip("and"):
            return


def _relations(reader: _Reader) -> Iterator[Restriction]:
    while True:
        yield _relation(reader)
        if not reader.skip("and"):
            return


def _relation(reader: _Reader) -> Restriction:
    on_token = reader.skip("token")
    if reader.skip_sign("("):
        columns = tuple(_names(reader))
        reader.take_sign(")")
    else:
        columns = (reader.name("a column"),)
        # An element of a collection, or a field of a user type.
        while reader.skip_sign("["):
            reader.value("]")
            reader.take_sign("]")
        while reader.skip_sign("."):
            reader.name("a field")
    operator = _operator(reader)
    if operator in ("is not null", "is null"):
        return Restriction(columns, operator, on_token=on_token)
    whole = operator.endswith("in") and not _begins_list(reader)
    one = reader.value()
    if operator.endswith("in"):
        return Restriction(columns, operator, 0 if whole else one.size, one.fixed, on_token)
    if operator == "between":
        reader.take("and")
        reader.value()
    return Restriction(columns, operator, 1, one.fixed, on_token, one.marker)


def _begins_list(reader: TokenReader) -> bool:
    token = reader.peek()
    return token is not None and token.is_sign("(")


def _operator(reader: TokenReader) -> str:
    for words in (
        ("not", "in"), ("in",), ("not", "contains"), ("contains", "key"), ("contains",), ("like",),
        ("between",), ("is", "not", "null"), ("is", "null"),
    ):  # fmt: skip
        if reader.skip(*words):
            return " ".join(words)
    sign = reader.next("an operator").text
    token = reader.peek()
    if sign in ("<", ">", "!") and token is not None and token.is_sign("="):
        reader.next("=")
        sign += "="
    if sign not in _OPERATORS:
        raise reader.error(f"{sign} is no operator")
    return sign


def _names(reader: TokenReader) -> list[str]:
    found = [reader.name("a column")]
    while True:
        reader.skip("asc")
        reader.skip("desc")
        if not reader.skip_sign(","):
            return found
        found.append(reader.name("a column"))


def _batch(tokens: list[Token], bound: frozenset[int]) -> Shape:
    reader = TokenReader(tokens)
    reader.take("begin")
    kind = BatchKind.LOGGED
    if reader.skip("unlogged"):
        kind = BatchKind.UNLOGGED
    elif reader.skip("counter"):
        kind = BatchKind.COUNTER
    reader.skip("logged")
    reader.take("batch")
    begin = len(tokens) - len(reader.rest)
    if len(tokens) < 2 or not (tokens[-2].is_word("apply") and tokens[-1].is_word("batch")):
        raise BadCql(*TokenReader(tokens[-1:]).place, "APPLY BATCH is missing at the end")
    clauses: set[str] = set()
    head = next(
        (at for at in range(begin, len(tokens)) if tokens[at].is_word(*_CHANGES)), len(tokens) - 2
    )
    _tail(_Reader(tokens[begin:head], bound, begin), clauses)
    parts = [_shape(tokens[at:end], bound, at) for at, end in _parts(tokens, head)]
    if not parts:
        raise BadCql(tokens[0].line, tokens[0].column, "the batch has no statement")
    return Shape(
        Kind.BATCH, f"{kind.value.upper()} BATCH", batch=kind, parts=tuple(parts),
        clauses=frozenset(clauses),
    )  # fmt: skip


_CHANGES = ("insert", "update", "delete")


def _parts(tokens: Sequence[Token], head: int) -> Iterator[tuple[int, int]]:
    """Yield where the statements of a batch begin and end; semicolons between them may lack."""
    begin = head
    for at in range(head, len(tokens) - 1):
        token = tokens[at]
        ends = token.is_sign(";") or (at == len(tokens) - 2)
        if begin < at and (ends or token.is_word(*_CHANGES)):
            yield begin, at
            begin = at
        if ends:
            begin = at + 1


def _other(first: Token, reader: _Reader) -> Shape:
    if first.is_word("truncate"):
        reader.skip("table")
        reader.skip("columnfamily")
        return Shape(Kind.TRUNCATE, "TRUNCATE", reader.table())
    if first.is_word("use"):
        return Shape(Kind.USE, "USE", columns=(reader.name("the name of a keyspace"),))
    if first.is_word("consistency"):
        return Shape(Kind.CONSISTENCY, "CONSISTENCY", columns=(reader.name("a level").lower(),))
    if first.is_word(*_PERMISSIONS):
        return Shape(Kind.PERMISSIONS, str(first).upper())
    if first.is_word(*_DDL):
        return _ddl(first, reader)
    raise BadCql(first.line, first.column, f"no statement begins with {first}")


def _ddl(first: Token, reader: _Reader) -> Shape:
    for filler in (("or", "replace"), ("custom",), ("materialized",)):
        reader.skip(*filler)
    kind = reader.next("what to make")
    name = {"columnfamily": "table", "schema": "keyspace"}.get(kind.text, kind.text)
    words = f"{first.text} {name}".upper()
    if kind.is_word("role", "user"):
        return Shape(Kind.PERMISSIONS, words)
    clauses: set[str] = set()
    if name == "table" and first.is_word("alter"):
        reader.skip("if", "exists")
        reader.table()
        change = reader.next("a change")
        clauses.add(change.text)
    rest = {token.text for token in reader.rest}
    clauses |= rest & {"durable_writes", "compact", "simplestrategy"}
    return Shape(Kind.DDL, words, clauses=frozenset(clauses))


def _functions(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the names before a parenthesis that are no part of the grammar."""
    parentheses = 0
    for at in range(1, len(tokens) - 1):
        name = tokens[at]
        if not tokens[at + 1].is_sign("("):
            continue
        parentheses += 1
        of_insert = tokens[0].is_word("insert") and parentheses == 1
        if of_insert or name.kind is not TokenKind.NAME or name.is_word(*_BEFORE_PARENTHESIS):
            continue
        own = tokens[at - 1].is_sign(".") and not tokens[at - 2].is_word("system")
        yield f"{tokens[at - 2].text}.{name.text}" if own else name.text
