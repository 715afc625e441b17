"""Finds the varints in values of any type: whole, within collections, tuples and UDTs. Pure.

Types are CQL text as `schema.Column` has it; `udts` gives the fields' types of the UDTs that it
names. Values are wire bytes of protocol v4.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from keyspaces_local.protocol import INT
from keyspaces_local.schema import argument, arguments
from keyspaces_local.statement import Marker, Term

Finder = Callable[[bytes], Iterator[bytes]]
Udts = Mapping[str, tuple[str, ...]]

_ENOUGH = 40
"""Digits that no varint of the service has."""

_COLLECTIONS = ("list<", "set<", "map<")


def contains(type_: str, udts: Udts) -> bool:
    """Return whether a value of that type can hold a varint."""
    if type_ == "varint":
        return True
    if type_.endswith(">"):
        return any(contains(part, udts) for part in arguments(type_))
    return any(contains(part, udts) for part in udts.get(type_.strip('"'), ()))


def within(type_: str, wire: bytes, udts: Udts) -> Iterator[bytes]:
    """The wire bytes of every varint in a value."""
    if type_ == "varint":
        yield wire
    elif type_.startswith("frozen<"):
        yield from within(argument(type_), wire, udts)
    elif type_.startswith(_COLLECTIONS):
        parts = arguments(type_)
        for index, value in enumerate(_values(wire, INT.size)):
            yield from within(parts[index % len(parts)], value, udts)
    else:
        parts = arguments(type_) if type_.startswith("tuple<") else udts.get(type_.strip('"'), ())
        for part, value in zip(parts, _values(wire, 0), strict=False):
            yield from within(part, value, udts)


def bound_in(type_: str, term: Term, udts: Udts) -> tuple[tuple[Term, Finder], ...]:
    """The markers of a column's term whose values can hold varints, and what finds those.

    Markers in literals of tuples and UDTs, in literals within literals, and for a single field of
    a UDT are not looked at.
    """
    if term.marker >= 0:
        return ((term, partial(within, type_, udts=udts)),)
    found: list[tuple[Term, Finder]] = []
    for marker in term.markers:
        if term.tokens[0].word == "FROMJSON":
            found.append((marker.term, _in_json))
        elif (inner := _type_at(type_, term, marker)) and contains(inner, udts):
            found.append((marker.term, partial(within, inner, udts=udts)))
    return tuple(found)


def _type_at(type_: str, term: Term, marker: Marker) -> str | None:
    """The type of what is bound to a marker within an expression; None where it is not known."""
    head, before = term.tokens[0], term.tokens[: marker.place]
    depth = sum(token.text in ("(", "[", "{") for token in before)
    depth -= sum(token.text in (")", "]", "}") for token in before)
    if head.word == "BLOBASVARINT":
        return type_
    type_ = argument(type_) if type_.startswith("frozen<") else type_
    if head.text == "." or not type_.startswith(_COLLECTIONS):
        return None
    parts = arguments(type_)
    if head.text == "[" and not term.plain:
        return parts[-1] if depth == 0 else parts[0] if len(parts) > 1 else None
    if depth == 0:
        removes = len(parts) > 1 and any(token.text == "-" for token in before)
        return f"set<{parts[0]}>" if removes else type_
    after = term.tokens[marker.place + (1 if marker.name is None else 2) :]
    is_key = bool(after) and after[0].text == ":"
    return None if depth > 1 else parts[0] if is_key else parts[-1]


def _in_json(wire: bytes) -> Iterator[bytes]:
    """The long whole numbers of a JSON text; shorter ones are no matter."""
    for digits in re.findall(rb"[0-9]{39,}", wire):
        yield int(digits[:_ENOUGH]).to_bytes(_ENOUGH, "big")


def _values(wire: bytes, position: int) -> Iterator[bytes]:
    """The [bytes] that follow each other from `position` on; null is empty."""
    while position + INT.size <= len(wire):
        start = position + INT.size
        position = start + max(0, INT.unpack_from(wire, position)[0])
        yield wire[start:position]
