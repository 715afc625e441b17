"""Reads the clauses of a modification into terms: which column is set or compared to what.

Knows tokens and markers only. What it does not recognise (a range, a token() restriction) yields
no term; no rule is applied here.
"""

from dataclasses import dataclass, field

from keyspaces_local.statement import Marker, Term, Where
from keyspaces_local.tokens import CqlSyntaxError, Token, TokenKind, identifier

_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_NAMES = (TokenKind.NAME, TokenKind.QUOTED)


@dataclass(slots=True)
class Segment:
    """A piece of a clause between its separators, with the first bind marker in it."""

    marker: int
    tokens: list[Token] = field(default_factory=list)
    markers: int = 0
    places: list[tuple[int, int]] = field(default_factory=list)
    """The index of the token of each bind marker, and the marker's number."""


def assignment(segment: Segment) -> Term | None:
    """`c = …`, or a change of a part of c."""
    tokens = segment.tokens
    if len(tokens) < 3 or tokens[0].kind not in _NAMES:
        return None
    if tokens[1].is_symbol("="):
        return value(identifier(tokens[0]), segment, 2)
    if tokens[1].text in ("+", "-") and tokens[2].is_symbol("="):
        raise CqlSyntaxError(f"mismatched input '{tokens[1].text}' expecting '='")
    found = _markers(segment, 1)
    return Term(identifier(tokens[0]), tokens=tuple(tokens[1:]), plain=False, markers=found)


def value(column: str, segment: Segment, start: int = 0) -> Term:
    """The tokens from `start` on as what `column` is given."""
    rest = tuple(segment.tokens[start:])
    if rest[:1] and rest[0].text == "?" and len(rest) == 1:
        return Term(column, segment.marker)
    if len(rest) == 2 and rest[0].is_symbol(":") and segment.markers:
        return Term(column, segment.marker, identifier(rest[1]))
    names_itself = any(
        token.kind in _NAMES and identifier(token) == column and not _is_key(rest, index)
        for index, token in enumerate(rest)
    )
    return Term(column, tokens=rest, plain=not names_itself, markers=_markers(segment, start))


def _markers(segment: Segment, start: int) -> tuple[Marker, ...]:
    """The bind markers among the tokens from `start` on."""
    tokens = segment.tokens
    return tuple(
        Marker(
            number,
            identifier(tokens[place + 1]) if tokens[place].text == ":" else None,
            place - start,
        )
        for place, number in segment.places
        if place >= start
    )


def _is_key(tokens: tuple[Token, ...], index: int) -> bool:
    """Return whether the token is a field name of a UDT literal, which a ':' follows."""
    return index + 1 < len(tokens) and tokens[index + 1].is_symbol(":")


def where(segments: list[Segment], first: int) -> Where | None:
    """The clause made of restrictions parted by AND; None where there is none."""
    tokens = [token for segment in segments for token in segment.tokens]
    if not tokens:
        return None
    equal: list[Term] = []
    lists: list[Term] = []
    for segment in segments:
        found, place = segment.tokens, _place_of_in(segment)
        if place > 0:
            lists.append(value(_column(found) if place == 1 else "", segment, place + 1))
        elif len(found) > 2 and found[1].is_symbol("=") and _column(found):
            equal.append(value(_column(found), segment, 2))
    count = sum(segment.markers for segment in segments)
    span = (tokens[0].start, tokens[-1].end)
    of_token = any(segment.tokens and segment.tokens[0].word == "TOKEN" for segment in segments)
    return Where(span, tuple(equal), first, count, tuple(lists), unequal(segments), of_token)


def unequal(segments: list[Segment]) -> tuple[str, ...]:
    """The columns that restrictions or conditions compare by inequality; "" for several at once."""
    found = []
    for segment in segments:
        depth, tokens = 0, segment.tokens
        for index, token in enumerate(tokens):
            depth += (token.text in _OPEN) - (token.text in _CLOSE)
            if depth == 0 and token.kind is TokenKind.SYMBOL and token.text in "<>!":
                found.append(_column(tokens) if index == 1 else "")
                break
    return tuple(found)


def _column(tokens: list[Token]) -> str:
    return identifier(tokens[0]) if tokens and tokens[0].kind in _NAMES else ""


def _place_of_in(segment: Segment) -> int:
    """Return where the restriction's IN is; 0 where there is none."""
    depth = 0
    for index, token in enumerate(segment.tokens):
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if depth == 0 and index and token.word == "IN":
            return index
    return 0
