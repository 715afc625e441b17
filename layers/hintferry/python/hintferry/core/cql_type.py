"""A CQL type as a tree: read from text, printed as `system_schema` prints it.

One type has one text, whatever way it was written. So `varchar` is `text`. What Cassandra freezes
by itself (tuples, and whatever stands within another type) says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from hintferry.core.cql_text import TokenKind, TokenReader, identifier, quoted, tokens_of


class TypeKind(Enum):
    """The kinds of type; the values of the first six are the words before their brackets."""

    FROZEN = "frozen"
    LIST = "list"
    SET = "set"
    MAP = "map"
    TUPLE = "tuple"
    VECTOR = "vector"
    NATIVE = "native"
    USER = "user type"
    CUSTOM = "custom type"


_NAMES = (
    "ascii bigint blob boolean counter date decimal double duration empty float inet int smallint"
    " text time timestamp timeuuid tinyint uuid varchar varint"
)
NATIVES = frozenset(_NAMES.split())
_BRACKETED = {kind.value: kind for kind in list(TypeKind)[:6]}
_PARAMETERS = {TypeKind.FROZEN: 1, TypeKind.LIST: 1, TypeKind.SET: 1, TypeKind.MAP: 2}
_FREEZABLE = (TypeKind.LIST, TypeKind.SET, TypeKind.MAP, TypeKind.TUPLE, TypeKind.USER)


@dataclass(frozen=True, slots=True)
class CqlType:
    """`name`: of a native or user type as it is, of a custom type its class."""

    kind: TypeKind
    name: str = ""
    parameters: tuple[CqlType, ...] = ()
    dimension: int = 0
    """The number of elements of a vector; 0 for other types."""

    def __str__(self) -> str:
        """Return the one text of the type."""
        if self.kind is TypeKind.NATIVE:
            return self.name
        if self.kind is TypeKind.CUSTOM:
            return "'" + self.name.replace("'", "''") + "'"
        if self.kind is TypeKind.USER:
            # Cassandra prints a type named "int" as int: here the two stay apart.
            return quoted(self.name) if self.name in NATIVES else identifier(self.name)
        inner = [str(one) for one in self.parameters]
        if self.kind is TypeKind.VECTOR:
            inner.append(str(self.dimension))
        return f"{self.kind.value}<{', '.join(inner)}>"

    @property
    def multicell(self) -> bool:
        """Return whether a column of it has many cells: a collection or user type, not frozen."""
        return self.kind in _FREEZABLE and self.kind is not TypeKind.TUPLE

    @property
    def inner(self) -> CqlType:
        """Return the type itself, or what is frozen."""
        return self.parameters[0] if self.kind is TypeKind.FROZEN else self

    @property
    def frozen_depth(self) -> int:
        """Return how many frozen types stand within each other at most."""
        below = max((one.frozen_depth for one in self.parameters), default=0)
        return below + (self.kind is TypeKind.FROZEN)

    def parts(self) -> Iterator[CqlType]:
        """Yield the type and every type that stands in it."""
        yield self
        for one in self.parameters:
            yield from one.parts()

    def user_types(self) -> Iterator[str]:
        """Yield the names of the user types that it names."""
        return (one.name for one in self.parts() if one.kind is TypeKind.USER)


DURATION, EMPTY = CqlType(TypeKind.NATIVE, "duration"), CqlType(TypeKind.NATIVE, "empty")


@lru_cache(4096)
def parse(text: str) -> CqlType:
    """Return the type that `text` means. Raises BadCql."""
    reader = TokenReader(list(tokens_of(text)))
    found = read_type(reader)
    if not reader.ended:
        raise reader.error("is not expected here")
    return found


def read_type(reader: TokenReader) -> CqlType:
    """Take a type. Raises BadCql."""
    return _settled(_raw_type(reader), within=False)


def _raw_type(reader: TokenReader) -> CqlType:
    token = reader.peek()
    if token is not None and token.kind is TokenKind.STRING:
        return CqlType(TypeKind.CUSTOM, reader.next("a type").text)
    name = reader.name("a type")
    plain = token is not None and token.kind is TokenKind.NAME
    if plain and reader.skip_sign("<"):
        return _bracketed(reader, name)
    if plain and name in NATIVES:
        return CqlType(TypeKind.NATIVE, "text" if name == "varchar" else name)
    if reader.skip_sign("."):
        # The keyspace before its name: a type of another cannot be used.
        name = reader.name("the name of a type")
    return CqlType(TypeKind.USER, name)


def _bracketed(reader: TokenReader, name: str) -> CqlType:
    kind = _BRACKETED.get(name)
    if kind is None:
        raise reader.error(f"{name} takes no parameters, so one is not expected")
    inner = [_raw_type(reader)]
    dimension = 0
    while reader.skip_sign(","):
        if kind is TypeKind.VECTOR:
            dimension = _number(reader)
            break
        inner.append(_raw_type(reader))
    if len(inner) != _PARAMETERS.get(kind, len(inner)) or (
        kind is TypeKind.VECTOR and not dimension
    ):
        raise reader.error(f"{name} has not as many parameters as it takes")
    reader.take_sign(">")
    return CqlType(kind, "", tuple(inner), dimension)


def _number(reader: TokenReader) -> int:
    token = reader.peek()
    if token is None or not token.text.isdecimal():
        raise reader.error("a number is missing")
    return int(reader.next("a number").text)


def _settled(found: CqlType, within: bool) -> CqlType:
    """Return it with `frozen` where Cassandra implies it; `within`: it stands in another type."""
    frozen = found.kind is TypeKind.FROZEN
    one = found.inner
    while one.kind is TypeKind.FROZEN:
        one = one.inner
    parameters = tuple(_settled(inner, within=True) for inner in one.parameters)
    one = CqlType(one.kind, one.name, parameters, one.dimension)
    if one.kind is TypeKind.TUPLE or (one.kind in _FREEZABLE and (frozen or within)):
        return CqlType(TypeKind.FROZEN, "", (one,))
    return one
