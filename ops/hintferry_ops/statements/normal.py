"""Bring a statement into its normal form: literals and markers are `?`, blanks and case are one.

Two statements with one normal form are the same statement to the report. Only the normal form is
printed: a literal may be somebody's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hintferry.core.cql_text import Token, TokenKind, tokens_of

VALUE = "?"
"""What stands for a literal and for a marker."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_TOKENS = 9
_LITERAL_WORDS = ("true", "false", "nan", "infinity")
_KEYWORDS_WORDS = (
    "select insert into values update set delete from where and if in order by limit allow"
    " using begin unlogged batch apply distinct contains per group filtering not exists as asc"
    " desc like null create alter drop truncate table keyspace index on use is consistency"
    " grant revoke"
)
_KEYWORDS = frozenset(_KEYWORDS_WORDS.split())
_BEFORE_A_VALUE = _KEYWORDS | {"ttl", "timestamp"}
_CLOSING, _OPENING = frozenset(",)].;}:"), frozenset("([{.")
_LISTS = (
    (re.compile(r"\bIN \(\?(?:, \?)*\)"), "IN (?, …)"),
    (re.compile(r"\bIN \((\([?, ]+\))(?:, \([?, ]+\))*\)"), r"IN (\1, …)"),
)
_REPEATED = re.compile(r"((?:(?:INSERT|UPDATE|DELETE)\b[^;]*; )+?)\1+")
_LAST = re.compile(r";? APPLY BATCH$")
_COLLECTIONS = (
    (re.compile(r"\{[^{}]*\}"), "{…}"),
    (re.compile(r'(?<![\w"])\[[^\[\]]*\]'), "[…]"),
)


@dataclass(frozen=True, slots=True)
class Normal:
    """A statement's tokens with `?` for each value, and its normal form as `text`.

    `literals` are the texts of values that the statement has itself, in order. `bound` are the
    indexes of the tokens that are markers: their values come with each call.
    """

    text: str
    tokens: tuple[Token, ...]
    literals: tuple[str, ...]
    bound: frozenset[int]


def normal(text: str) -> Normal:
    """Return the normal form. Raises BadCql for a text that cannot be taken apart."""
    tokens = list(tokens_of(text))
    while tokens and tokens[-1].is_sign(";"):
        tokens.pop()
    found: list[Token] = []
    literals: list[str] = []
    bound: set[int] = set()
    for token, literal in _with_values(tokens):
        if literal is not None:
            literals.append(literal)
        elif token.is_sign(VALUE):
            bound.add(len(found))
        found.append(token)
    return Normal(shortened(rendered(found)), tuple(found), tuple(literals), frozenset(bound))


def scrubbed(said: str, literals: Sequence[str]) -> str:
    """Return a text without the literals of a statement that it quotes."""
    for literal in sorted({one for one in literals if len(one) > 1}, key=len, reverse=True):
        said = said.replace(literal, VALUE)
    return said


def rendered(tokens: Sequence[Token]) -> str:
    """Return tokens as one line of CQL."""
    line: list[str] = []
    before: Token | None = None
    parenthesis = False
    for token in tokens:
        if before is not None and _apart(before, token, tokens[0], parenthesis):
            line.append(" ")
        parenthesis |= token.is_sign("(")
        line.append(str(token).upper() if _is_keyword(before, token) else str(token))
        before = token
    return "".join(line)


def shortened(text: str) -> str:
    """Return the line with lists, collections and repeats in a batch of no certain length."""
    for pattern, short in _LISTS:
        text = pattern.sub(short, text)
    for pattern, short in _COLLECTIONS:
        while (once := pattern.sub(short, text)) != text:
            text = once
    if text.startswith("BEGIN"):
        text = _REPEATED.sub(r"\1[repeated] ", _LAST.sub("; APPLY BATCH", text))
    return text


def _is_keyword(before: Token | None, token: Token) -> bool:
    if token.is_word(*_KEYWORDS):
        return True
    after_using = before is not None and before.is_word("using", "and")
    after_per = before is not None and before.is_word("per")
    return (after_using and token.is_word("ttl", "timestamp")) or (
        after_per and token.is_word("partition")
    )


def _apart(before: Token, token: Token, first: Token, parenthesis: bool) -> bool:
    """Return whether a blank stands between two tokens."""
    if token.kind is TokenKind.SIGN:
        if token.text in _CLOSING or (token.text == "[" and before.kind is not TokenKind.SIGN):
            return False
        if token.text == "(":
            of_columns = first.is_word("insert") and not parenthesis
            return of_columns or before.is_word(*_KEYWORDS) or before.text in ("=", ",", "<", ">")
        if token.text == "=" and before.text in ("<", ">", "!", "+", "-"):
            return False
    return not (before.kind is TokenKind.SIGN and before.text in _OPENING)


def _with_values(tokens: Sequence[Token]) -> Iterator[tuple[Token, str | None]]:
    """Yield the tokens with each value as one `?`; beside a literal its text, else None."""
    at, depth = 0, 0
    before: Token | None = None
    while at < len(tokens):
        token = tokens[at]
        depth += token.is_sign("{") - token.is_sign("}")
        size = _literal(tokens, at, before)
        if size:
            parts = tokens[at : at + size]
            token = Token(TokenKind.SIGN, VALUE, token.line, token.column)
            yield token, "".join(one.text for one in parts)
        elif _is_marker(tokens, at, before, depth):
            size = 2
            token = Token(TokenKind.SIGN, VALUE, token.line, token.column)
            yield token, None
        else:
            size = 1
            yield token, None
        before = token
        at += size


def _literal(tokens: Sequence[Token], at: int, before: Token | None) -> int:
    """Return how many tokens the literal here takes; 0 where there is none."""
    token = tokens[at]
    if token.kind is TokenKind.STRING:
        return 1
    if token.kind is TokenKind.NAME:
        if _UUID.fullmatch("".join(one.text for one in tokens[at : at + _UUID_TOKENS])):
            return _UUID_TOKENS
        if token.text[0].isdigit():
            return _number(tokens, at)
        return int(token.text in _LITERAL_WORDS)
    signed = token.is_sign("-") and not _is_operand(before) and at + 1 < len(tokens)
    if signed and tokens[at + 1].kind is TokenKind.NAME:
        inner = _literal(tokens, at + 1, token)
        return inner + 1 if inner else 0
    return 0


def _number(tokens: Sequence[Token], at: int) -> int:
    end = at + 1
    while end < len(tokens) and _touch(tokens[end - 1], tokens[end]):
        one, last = tokens[end], tokens[end - 1].text
        exponent = one.text in ("+", "-") and last.endswith("e") and not last.startswith("0x")
        if not (one.kind is TokenKind.NAME or one.is_sign(".") or exponent):
            break
        end += 1
    return end - at


def _is_marker(tokens: Sequence[Token], at: int, before: Token | None, depth: int) -> bool:
    """Return whether a named marker begins here; within braces a colon may part key and value."""
    if not tokens[at].is_sign(":") or at + 1 == len(tokens):
        return False
    name = tokens[at + 1].kind in (TokenKind.NAME, TokenKind.QUOTED)
    return name and not (depth > 0 and _is_operand(before))


def _is_operand(token: Token | None) -> bool:
    if token is None or token.is_word(*_BEFORE_A_VALUE):
        return False
    return token.kind is not TokenKind.SIGN or token.text in (VALUE, ")", "]", "}")


def _touch(one: Token, other: Token) -> bool:
    return one.line == other.line and one.column + len(one.text) == other.column
