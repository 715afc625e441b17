"""Non-frozen collections and user types as cells by path, and as CQL carries them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from struct import pack
from typing import TypeVar

from hintferry.core.cql_type import TypeKind, parse
from hintferry.testing import wirelist

T = TypeVar("T")

Path = int | bytes
"""A list element is named by a number that grows, an element of a set or map by its key, a field by
its place."""

_paths = count(1)


def new_path() -> int:
    """A path of a list element or an addition: never the same twice, always growing."""
    return next(_paths)


def decode(cql_type: str, value: bytes) -> Iterator[tuple[Path, bytes]]:
    """The cells that a value becomes."""
    match parse(cql_type).kind:
        case TypeKind.LIST:
            yield from ((new_path(), one) for one in wirelist.decode(value))
        case TypeKind.SET:
            yield from ((one, b"") for one in wirelist.decode(value))
        case TypeKind.MAP:
            parts = wirelist.parts(value, 4)
            yield from zip(parts, parts, strict=True)
        case _:
            fields = enumerate(wirelist.parts(value, 0))
            yield from ((place, one) for place, one in fields if one is not None)


def encode(cql_type: str, cells: Mapping[Path, bytes]) -> bytes:
    """The value of these cells, in their order."""
    match parse(cql_type).kind:
        case TypeKind.LIST:
            return wirelist.encode(list(cells.values()))
        case TypeKind.SET:
            return wirelist.encode([_key(path) for path in cells])
        case TypeKind.MAP:
            pairs = b"".join(_sized(_key(path)) + _sized(value) for path, value in cells.items())
            return pack(">i", len(cells)) + pairs
        case _:
            return b"".join(map(_sized, placed(cql_type, cells)))


def placed(cql_type: str, cells: Mapping[Path, T]) -> tuple[T | None, ...]:
    """One for each element; of a user type for each field up to the last."""
    if parse(cql_type).kind is not TypeKind.USER:
        return tuple(cells.values())
    return tuple(cells.get(place) for place in range(max(map(int, cells)) + 1))


def _key(path: Path) -> bytes:
    assert isinstance(path, bytes)
    return path


def _sized(one: bytes | None) -> bytes:
    return pack(">i", -1) if one is None else pack(">i", len(one)) + one
