"""The elements of non-frozen collections and user types, cut out of their wire bytes.

An element is never looked into. It stands with its length before it. An element of a map is key and
value. An element of a user type is a field, which may be null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import pack, unpack_from

from hintferry.core.cql_type import TypeKind, parse

MOST_GROUPS = 300
"""The most groups of elements by expiry. With more, neighbours expire together with the later one.
Each group takes a statement, and a row has to be written before its read is stale."""

_NULL = b"\xff" * 4


def split(cql_type: str, value: bytes) -> list[bytes]:
    """Return the elements in their order."""
    kind = parse(cql_type).kind
    cells = list(_cells(value, 0 if kind is TypeKind.USER else 4))
    if kind is not TypeKind.MAP:
        return cells
    return [key + mapped for key, mapped in zip(cells[::2], cells[1::2], strict=True)]


def fields_of(value: bytes) -> list[tuple[int, bytes]]:
    """Return the fields of a user type that are not null, by their place."""
    cells = enumerate(_cells(value, 0))
    return [(place, cell[4:]) for place, cell in cells if cell != _NULL]


def by_expiry(
    cql_type: str, value: bytes, expiries: Sequence[int | None], now_s: int
) -> dict[int | None, bytes]:
    """Return the live elements, those that expire together as one value; None: those that last.

    A list is one value: its elements can only be written together, so all last as long as one.
    """
    elements = {place: one for place, one in enumerate(split(cql_type, value)) if one != _NULL}
    lives = {
        place: expiries[place]
        for place in elements
        if (at := expiries[place]) is None or at > now_s
    }
    if parse(cql_type).kind is TypeKind.LIST:
        shared = longest(lives.values())
        groups = {shared: list(lives)} if lives else {}
    else:
        groups = _groups(lives)
    return {
        at: _joined(cql_type, {place: elements[place] for place in places})
        for at, places in groups.items()
    }


def longest(expiries: Iterable[int | None]) -> int | None:
    """Return the last of them; None where one never comes, or where there are none."""
    seen = set(expiries)
    return None if None in seen or not seen else max(at for at in seen if at is not None)


def holds(cql_type: str, whole: bytes | None, part: bytes | None) -> bool:
    """Return whether all of `part` is in `whole`, in its order and with nothing changed."""
    if part is None or whole is None:
        return part is None
    if parse(cql_type).kind is TypeKind.USER:
        fields = dict(fields_of(whole))
        return all(fields.get(place) == one for place, one in fields_of(part))
    known = iter(split(cql_type, whole))
    return all(one in known for one in split(cql_type, part))


def _groups(lives: Mapping[int, int | None]) -> dict[int | None, list[int]]:
    """Return the places by expiry, those of neighbours together where there are too many."""
    seconds = sorted({at for at in lives.values() if at is not None})
    width = max(1, -(-len(seconds) // MOST_GROUPS))
    runs = (seconds[first : first + width] for first in range(0, len(seconds), width))
    ends = {at: run[-1] for run in runs for at in run}
    groups: dict[int | None, list[int]] = {}
    for place, at in lives.items():
        groups.setdefault(None if at is None else ends[at], []).append(place)
    return groups


def _joined(cql_type: str, elements: Mapping[int, bytes]) -> bytes:
    if parse(cql_type).kind is TypeKind.USER:
        return b"".join(elements.get(place, _NULL) for place in range(max(elements) + 1))
    return pack(">i", len(elements)) + b"".join(elements.values())


def _cells(value: bytes, at: int) -> Iterator[bytes]:
    """Each with its length, from there to the end."""
    while at < len(value):
        (length,) = unpack_from(">i", value, at)
        end = at + 4 + max(0, length)
        yield value[at:end]
        at = end
