"""The WITH clause of a DDL statement: its options, their map literals, and cutting some out.

Works on the tokens' places in the text, so that what is kept is kept byte for byte.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keyspaces_local.cursor import Cursor
from keyspaces_local.tokens import (
    CqlSyntaxError,
    Token,
    TokenKind,
    identifier,
    string_content,
    tokenize,
)

PropertyMap = dict[str, "str | PropertyMap"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option; `name` is lower-case, `value` the tokens behind its '='."""

    name: str
    tokens: tuple[Token, ...]
    value: tuple[Token, ...]

    def span(self) -> tuple[int, int]:
        return self.tokens[0].start, self.tokens[-1].end


@dataclass(frozen=True, slots=True)
class WithClause:
    """The text before WITH, and the options behind it (none where there is no WITH)."""

    text: str
    head: str
    options: tuple[Option, ...]

    def option(self, name: str) -> Option | None:
        found = [option for option in self.options if option.name == name]
        if len(found) > 1:
            raise CqlSyntaxError(f"Multiple definition for property '{name}'")
        return found[0] if found else None

    def rewritten(self, change: Callable[[Option], str | None]) -> str:
        """The statement with each option as `change` gives it back; None leaves it out."""
        kept = [text for option in self.options if (text := change(option)) is not None]
        return f"{self.head} WITH {' AND '.join(kept)}" if kept else self.head

    def source(self, option: Option) -> str:
        start, end = option.span()
        return self.text[start:end]


def with_clause(text: str) -> WithClause:
    """Splits a DDL statement at its WITH."""
    tokens = tokenize(text)
    while tokens and tokens[-1].is_symbol(";"):
        tokens.pop()
    cursor = Cursor(tokens)
    while not cursor.done and cursor.token.word != "WITH":
        cursor.skip_group()
    head = text[: tokens[cursor.index - 1].end]
    if cursor.done:
        return WithClause(text, head, ())
    cursor.expect("WITH")
    options = [_option(cursor)]
    while cursor.accept("AND"):
        options.append(_option(cursor))
    if not cursor.done:
        raise CqlSyntaxError(f"extraneous input '{cursor.token.text}'")
    return WithClause(text, head, tuple(options))


def _option(cursor: Cursor) -> Option:
    start = cursor.index
    name = identifier(cursor.next())
    while not cursor.done and cursor.token.word != "AND":
        cursor.skip_group()
    tokens = tuple(cursor.tokens[start : cursor.index])
    assigned = len(tokens) > 2 and tokens[1].is_symbol("=")
    return Option(name, tokens, tokens[2:] if assigned else ())


def map_value(option: Option) -> PropertyMap:
    """The option's value as a map of strings and maps; numbers and booleans become text."""
    cursor = Cursor(list(option.value))
    found = _map(cursor)
    if not cursor.done:
        raise CqlSyntaxError(f"extraneous input '{cursor.token.text}' in {option.name}")
    return found


def int_value(option: Option) -> int:
    if len(option.value) != 1 or not option.value[0].text.isdigit():
        raise CqlSyntaxError(f"{option.name} takes a whole number")
    return int(option.value[0].text)


def text_value(option: Option) -> str:
    if len(option.value) != 1:
        raise CqlSyntaxError(f"{option.name} takes a string")
    return string_content(option.value[0])


def _map(cursor: Cursor) -> PropertyMap:
    cursor.expect_symbol("{")
    found: PropertyMap = {}
    while not cursor.accept_symbol("}"):
        if found:
            cursor.expect_symbol(",")
        key = string_content(cursor.next())
        cursor.expect_symbol(":")
        found[key] = _map(cursor) if cursor.token.is_symbol("{") else _scalar(cursor.next())
    return found


def _scalar(token: Token) -> str:
    if token.kind is TokenKind.STRING:
        return string_content(token)
    if token.kind is TokenKind.NUMBER or token.word in ("TRUE", "FALSE"):
        return token.text.lower()
    raise CqlSyntaxError(f"expected a string, number or boolean, found '{token.text}'")
