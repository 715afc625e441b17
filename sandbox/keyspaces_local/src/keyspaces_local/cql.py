"""Tells what a CQL text is: recognises its first words and has the rest read.

Owns the list of statements known; what is not in it is `Kind.UNKNOWN`. The server behind checks
the whole grammar. Knows no rule (`policy`).
"""

from collections.abc import Callable
from functools import lru_cache

from keyspaces_local.cursor import Cursor
from keyspaces_local.dml import batch, modify, select
from keyspaces_local.statement import Kind, Statement
from keyspaces_local.tokens import CqlSyntaxError, Token, identifier, tokenize

_REMEMBERED_SIZE = 4096


def classify(text: str) -> Statement:
    """Reads one statement. Raises `CqlSyntaxError` for what is no single CQL statement."""
    return _remembered(text) if len(text) <= _REMEMBERED_SIZE else _classify(text)


def _classify(text: str) -> Statement:
    tokens = tokenize(text)
    while tokens and tokens[-1].is_symbol(";"):
        tokens.pop()
    if not tokens:
        raise CqlSyntaxError("no statement in the text")
    for words, kind, parse in _HEADS:
        cursor = Cursor(tokens)
        if cursor.accept(*words):
            if kind is not Kind.BATCH:
                _single(tokens)
            return parse(kind, text, cursor)
    return Statement(Kind.UNKNOWN, text)


def _bare(kind: Kind, text: str, cursor: Cursor) -> Statement:
    return Statement(kind, text)


def _single(tokens: list[Token]) -> None:
    if any(token.is_symbol(";") for token in tokens):
        raise CqlSyntaxError("one request holds one statement: found ';' before its end")


def _named(kind: Kind, text: str, cursor: Cursor) -> Statement:
    """Statements about a table or a type: [IF [NOT] EXISTS] [keyspace.]name …"""
    _if_exists(cursor)
    start = cursor.token.start
    name = cursor.name()
    span = (start, cursor.tokens[cursor.index - 1].end)
    return Statement(kind, text, name.keyspace, name.name, span)


def _keyspace(kind: Kind, text: str, cursor: Cursor) -> Statement:
    _if_exists(cursor)
    return Statement(kind, text, identifier(cursor.next()))


def _if_exists(cursor: Cursor) -> None:
    _ = cursor.accept("IF", "NOT", "EXISTS") or cursor.accept("IF", "EXISTS")


_Parser = Callable[[Kind, str, Cursor], Statement]
_HEADS: tuple[tuple[tuple[str, ...], Kind, _Parser], ...] = (
    (("SELECT",), Kind.SELECT, select),
    (("INSERT", "INTO"), Kind.INSERT, modify),
    (("UPDATE",), Kind.UPDATE, modify),
    (("DELETE",), Kind.DELETE, modify),
    (("BEGIN",), Kind.BATCH, batch),
    (("USE",), Kind.USE, _keyspace),
    (("CREATE", "KEYSPACE"), Kind.CREATE_KEYSPACE, _keyspace),
    (("CREATE", "SCHEMA"), Kind.CREATE_KEYSPACE, _keyspace),
    (("ALTER", "KEYSPACE"), Kind.ALTER_KEYSPACE, _keyspace),
    (("ALTER", "SCHEMA"), Kind.ALTER_KEYSPACE, _keyspace),
    (("DROP", "KEYSPACE"), Kind.DROP_KEYSPACE, _keyspace),
    (("DROP", "SCHEMA"), Kind.DROP_KEYSPACE, _keyspace),
    (("CREATE", "TABLE"), Kind.CREATE_TABLE, _named),
    (("CREATE", "COLUMNFAMILY"), Kind.CREATE_TABLE, _named),
    (("ALTER", "TABLE"), Kind.ALTER_TABLE, _named),
    (("ALTER", "COLUMNFAMILY"), Kind.ALTER_TABLE, _named),
    (("DROP", "TABLE"), Kind.DROP_TABLE, _named),
    (("DROP", "COLUMNFAMILY"), Kind.DROP_TABLE, _named),
    (("CREATE", "TYPE"), Kind.CREATE_TYPE, _named),
    (("DROP", "TYPE"), Kind.DROP_TYPE, _named),
    (("ALTER", "TYPE"), Kind.ALTER_TYPE, _bare),
    (("RESTORE", "TABLE"), Kind.RESTORE_TABLE, _bare),
    (("TRUNCATE",), Kind.TRUNCATE, _bare),
    (("CREATE", "INDEX"), Kind.INDEX, _bare),
    (("CREATE", "CUSTOM", "INDEX"), Kind.INDEX, _bare),
    (("DROP", "INDEX"), Kind.INDEX, _bare),
    (("CREATE", "MATERIALIZED"), Kind.VIEW, _bare),
    (("ALTER", "MATERIALIZED"), Kind.VIEW, _bare),
    (("DROP", "MATERIALIZED"), Kind.VIEW, _bare),
    (("CREATE", "FUNCTION"), Kind.FUNCTION, _bare),
    (("CREATE", "OR", "REPLACE", "FUNCTION"), Kind.FUNCTION, _bare),
    (("DROP", "FUNCTION"), Kind.FUNCTION, _bare),
    (("CREATE", "AGGREGATE"), Kind.AGGREGATE, _bare),
    (("CREATE", "OR", "REPLACE", "AGGREGATE"), Kind.AGGREGATE, _bare),
    (("DROP", "AGGREGATE"), Kind.AGGREGATE, _bare),
    (("CREATE", "TRIGGER"), Kind.TRIGGER, _bare),
    (("DROP", "TRIGGER"), Kind.TRIGGER, _bare),
    *(
        ((verb, noun), Kind.ROLE, _bare)
        for verb in ("CREATE", "ALTER", "DROP")
        for noun in ("ROLE", "USER")
    ),
    (("GRANT",), Kind.ROLE, _bare),
    (("REVOKE",), Kind.ROLE, _bare),
    (("LIST",), Kind.ROLE, _bare),
)

_remembered = lru_cache(maxsize=512)(_classify)
