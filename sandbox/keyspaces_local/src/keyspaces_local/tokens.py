"""CQL's lexer: text to tokens, each with its place in the text.

Owns comments, quoting and literals, so that nothing downstream ever searches raw text. Knows no
statement. What it cannot read is a `CqlSyntaxError`, never skipped.
"""

import re
from enum import Enum
from typing import NamedTuple


class CqlSyntaxError(Exception):
    """The text is not CQL that the proxy can read; the message says where."""


class TokenKind(Enum):
    NAME = "name"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"


class Token(NamedTuple):
    """One token; `word` is the upper-cased text of an unquoted name, else empty."""

    kind: TokenKind
    text: str
    word: str
    start: int
    end: int

    def is_symbol(self, symbol: str) -> bool:
        return self.kind is TokenKind.SYMBOL and self.text == symbol


_HEX = "[0-9a-fA-F]"
_LEXER = re.compile(
    rf"""
    (?P<space>[ \t\r\n]+ | (?:--|//)[^\r\n]* | /\*.*?\*/)
  | (?P<string>'(?:[^']|'')*' | \$\$.*?\$\$)
  | (?P<quoted>"(?:[^"]|"")+")
  | (?P<number>{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}
             | 0[xX]{_HEX}*
             | [0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?[A-Za-zµ0-9]*)
  | (?P<name>[A-Za-z][A-Za-z0-9_]*)
  | (?P<symbol>[?:;,.()\[\]{{}}=<>!+\-*%@] | /(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {kind.value: kind for kind in TokenKind}


def tokenize(text: str) -> list[Token]:
    """The tokens of `text` without white space and comments.

    Raises `CqlSyntaxError` at the first character that starts no token.
    """
    tokens: list[Token] = []
    position, size = 0, len(text)
    while position < size:
        match = _LEXER.match(text, position)
        if match is None:
            raise CqlSyntaxError(_place(text, position))
        if (group := match.lastgroup) and group != "space":
            found = match.group()
            word = found.upper() if group == "name" else ""
            tokens.append(Token(_KINDS[group], found, word, position, match.end()))
        position = match.end()
    return tokens


def identifier(token: Token) -> str:
    """The name a token stands for: lower-cased, or as written between double quotes."""
    if token.kind is TokenKind.NAME:
        return token.text.lower()
    if token.kind is TokenKind.QUOTED:
        return token.text[1:-1].replace('""', '"')
    raise CqlSyntaxError(f"expected a name, found '{token.text}'")


def string_content(token: Token) -> str:
    """The text a string literal stands for."""
    if token.kind is not TokenKind.STRING:
        raise CqlSyntaxError(f"expected a string, found '{token.text}'")
    if token.text.startswith("$$"):
        return token.text[2:-2]
    return token.text[1:-1].replace("''", "'")


def quoted(name: str) -> str:
    """A name as CQL text that means exactly it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as a CQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1)
    return f"line {line}:{column} no viable alternative at character '{text[position]}'"
