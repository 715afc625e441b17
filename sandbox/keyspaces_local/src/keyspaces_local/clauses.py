"""Reads the clauses of a modification into terms: which column is set or compared to what.

Knows tokens and markers only. What it does not recognise (a range, a token() restriction) yields
no term; nothing is refused here.
"""

from dataclasses import dataclass, field

from keyspaces_local.statement import Marker, Term, Where
from keyspaces_local.tokens import Token, TokenKind, identifier

_NAMES = (TokenKind.NAME, TokenKind.QUOTED)


@dataclass(slots=True)
class Segment:
    """A piece of a clause between its separators, with the first bind marker in it."""

    marker: int
    tokens: list[Token] = field(default_factory=list)
    markers: int = 0
    places: list[tuple[int, int]] = field(default_factory=list)
    """of each bind marker: its token's, and its number"""


def assignment(segment: Segment) -> Term | None:
    """`c = …`, or a change of a part of c."""
    tokens = segment.tokens
    if len(tokens) < 3 or tokens[0].kind not in _NAMES:
        return None
    if tokens[1].is_symbol("="):
        return value(identifier(tokens[0]), segment, 2)
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
    """Whether the token is a field name of a UDT literal, which a ':' follows."""
    return index + 1 < len(tokens) and tokens[index + 1].is_symbol(":")


def where(segments: list[Segment], first: int) -> Where | None:
    """The clause made of restrictions parted by AND; None where there is none."""
    tokens = [token for segment in segments for token in segment.tokens]
    if not tokens:
        return None
    equal: list[Term] = []
    lists: list[Term] = []
    for segment in segments:
        found = segment.tokens
        if len(found) < 3 or found[0].kind not in _NAMES:
            continue
        if found[1].is_symbol("="):
            equal.append(value(identifier(found[0]), segment, 2))
        elif found[1].word == "IN":
            lists.append(value(identifier(found[0]), segment, 2))
    count = sum(segment.markers for segment in segments)
    span = (tokens[0].start, tokens[-1].end)
    return Where(span, tuple(equal), first, count, tuple(lists))
