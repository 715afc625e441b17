"""CQL as tokens, each with its place; and names, which CQL quotes where it must."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class TokenKind(Enum):
    """The kinds of token; a keyword is a NAME."""

    NAME = "name"
    QUOTED = "quoted name"
    STRING = "string"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as CQL means it: a name in lower case, or without its quotes. Lines begin at 1."""

    kind: TokenKind
    text: str
    line: int
    column: int

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of these keywords, in lower case here."""
        return self.kind is TokenKind.NAME and self.text in words

    def is_sign(self, sign: str) -> bool:
        """Return whether this is that sign."""
        return self.kind is TokenKind.SIGN and self.text == sign

    def __str__(self) -> str:
        """Return the token as CQL has it."""
        return _WRITTEN[self.kind].format(self.text.replace(*_DOUBLED.get(self.kind, ("", ""))))


class BadCql(ValueError):
    """The text is no CQL from this line and column on."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(f"{line}:{column}: {what}")


_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
    | \$\$(?P<body>.*?)\$\$
    | "(?P<quoted>(?:[^"]|"")+)"
    | '(?P<string>(?:[^']|'')*)'
    | (?P<name>\w+)
    | (?P<open>/\*|\$\$|["'])
    | (?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)
_WRITTEN = {
    TokenKind.NAME: "{}",
    TokenKind.QUOTED: '"{}"',
    TokenKind.STRING: "'{}'",
    TokenKind.SIGN: "{}",
}
_DOUBLED = {TokenKind.QUOTED: ('"', '""'), TokenKind.STRING: ("'", "''")}

_KEYWORDS = (
    "add allow alter and apply asc authorize batch begin by columnfamily create default delete desc"
    " describe drop entries execute from full grant if in index infinity insert into is keyspace"
    " limit materialized mbean mbeans modify nan norecursive not null of on or order primary rename"
    " replace revoke schema select set table to token truncate unlogged unset update use using view"
    " where with"
)
_RESERVED = frozenset(_KEYWORDS.split())
"""Reserved words of any version: a name may be quoted where it need not be."""

_PLAIN = re.compile("[a-z][a-z0-9_]*")


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens, without blanks and comments. Raises BadCql."""
    line, begin = 1, 0
    for match in _TOKEN.finditer(text):
        kind, written = match.lastgroup, match[0]
        column = match.start() - begin + 1
        if kind == "open":
            raise BadCql(line, column, f"{written} is not closed")
        if kind != "blank":
            yield _token(str(kind), match, line, column)
        if "\n" in written:
            line += written.count("\n")
            begin = match.start() + written.rindex("\n") + 1


def _token(kind: str, match: re.Match[str], line: int, column: int) -> Token:
    text = match[kind]
    if kind == "quoted":
        return Token(TokenKind.QUOTED, text.replace('""', '"'), line, column)
    if kind in ("string", "body"):
        plain = text.replace("''", "'") if kind == "string" else text
        return Token(TokenKind.STRING, plain, line, column)
    if kind == "name":
        return Token(TokenKind.NAME, text.lower(), line, column)
    return Token(TokenKind.SIGN, text, line, column)


class TokenReader:
    """Reads tokens one by one, and names the place where they are not what they should be."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0

    @property
    def ended(self) -> bool:
        """Return whether nothing is left."""
        return self._at >= len(self._tokens)

    @property
    def rest(self) -> list[Token]:
        """Return the text that is left."""
        return self._tokens[self._at :]

    def peek(self) -> Token | None:
        """Return the next token; it stays."""
        return None if self.ended else self._tokens[self._at]

    def next(self, wanted: str) -> Token:
        """Take the next token. Raises BadCql where there is none."""
        if self.ended:
            raise self.error(f"{wanted} is missing")
        self._at += 1
        return self._tokens[self._at - 1]

    def skip(self, *words: str) -> bool:
        """Take these keywords, if they are what comes next, and return whether they were."""
        found = self._tokens[self._at : self._at + len(words)]
        if len(found) < len(words) or not all(map(Token.is_word, found, words)):
            return False
        self._at += len(words)
        return True

    def skip_sign(self, sign: str) -> bool:
        """Take that sign, if it comes next, and return whether it did."""
        if self.ended or not self._tokens[self._at].is_sign(sign):
            return False
        self._at += 1
        return True

    def take_sign(self, sign: str) -> None:
        """Take that sign. Raises BadCql where something else comes."""
        if not self.skip_sign(sign):
            raise self.error(f"{sign} is missing")

    def take(self, *words: str) -> None:
        """Take these keywords. Raises BadCql where something else comes."""
        if not self.skip(*words):
            raise self.error(f"{' '.join(words).upper()} is missing")

    def name(self, of: str) -> str:
        """Take a name, quoted or not. Raises BadCql."""
        token = self.next(of)
        if token.kind not in (TokenKind.NAME, TokenKind.QUOTED):
            self._at -= 1
            raise self.error(f"{of} is missing")
        return token.text

    @property
    def place(self) -> tuple[int, int]:
        """Return the line and column of the next token, or of the last where none is left."""
        token = self._tokens[min(self._at, len(self._tokens) - 1)] if self._tokens else None
        return (token.line, token.column) if token else (1, 1)

    def error(self, what: str) -> BadCql:
        """Return the error that `what` is the matter with the next token."""
        where = "the end" if self.ended else str(self._tokens[self._at])
        return BadCql(*self.place, f"{what} at {where}")


def quoted(name: str) -> str:
    """Return the identifier with quotes, so that its case is kept."""
    return '"' + name.replace('"', '""') + '"'


def identifier(name: str) -> str:
    """Return the identifier with quotes only where CQL needs them."""
    return name if _PLAIN.fullmatch(name) and name not in _RESERVED else quoted(name)
