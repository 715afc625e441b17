"""Key values: from the stock connector's JSON to CQL wire bytes, and from those to text."""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from struct import error as StructError
from struct import pack
from typing import Any
from uuid import UUID

from cassandra.cqltypes import _cqltypes
from cassandra.encoder import Encoder
from cassandra.util import Date, Time

from hintferry.core.cql_text import identifier
from hintferry.core.cql_type import CqlType, TypeKind, parse
from hintferry.core.errors import Undecodable
from hintferry.core.hint import Hint
from hintferry.core.schema import Column, Table

_literals = Encoder()
_TEXTS = frozenset({"ascii", "blob", "text"})


def from_json(column: Column, value: Any) -> bytes:
    """The wire bytes of one key column. Raises Undecodable."""
    try:
        return _encode(parse(column.cql_type), value)
    except (ArithmeticError, AttributeError, LookupError, StructError, TypeError, ValueError):
        raise Undecodable(f"the value of {column.name} is no {column.cql_type}") from None


def readable(table: Table, hint: Hint) -> str:
    """The key as CQL would have it: `a = 7 AND b = 'x'`."""
    columns = [*table.partition_key, *table.clustering]
    named = zip(columns, hint.partition + hint.clustering, strict=False)
    return " AND ".join(
        f"{identifier(column.name)} = {_text_of(column, value)}" for column, value in named
    )


def _text_of(column: Column, value: bytes) -> str:
    """A CQL literal; of types with parameters, of user types and of bytes that are none, a blob.

    Most types have an empty value, which no literal has, and which the driver knows of few.
    """
    known = _cqltypes.get(column.cql_type)
    if known is None or not (value or column.cql_type in _TEXTS):
        return f"0x{value.hex()}"
    try:
        return _literal(known.deserialize(value, 4))
    except (ArithmeticError, LookupError, OSError, StructError, TypeError, ValueError):
        return f"0x{value.hex()}"


def _literal(value: Any) -> str:
    """Return the text as the driver writes it, but the number of a moment."""
    if isinstance(value, datetime):
        return f"'{value.replace(tzinfo=UTC).isoformat(timespec='milliseconds')}'"
    if isinstance(value, Date | Time):
        return f"'{value}'"
    return str(_literals.cql_encode_all_types(value))


def _encode(cql_type: CqlType, value: Any) -> bytes:
    one = cql_type.inner
    if one.kind is TypeKind.NATIVE and one.name in _CODECS:
        return _CODECS[one.name](value)
    if one.kind is TypeKind.MAP:
        return _map(one.parameters, value)
    if one.kind is TypeKind.TUPLE:
        fields = [value[f"field{place}"] for place in range(1, len(one.parameters) + 1)]
        return b"".join(map(_cell, one.parameters, fields))
    if one.kind in (TypeKind.LIST, TypeKind.SET):
        # The connector shows lists and sets in the order in which the wire has them.
        return _collection([_encode(one.parameters[0], element) for element in value])
    raise Undecodable(f"keys of type {one} cannot be read from stock records")


def _map(types: tuple[CqlType, ...], value: Any) -> bytes:
    pairs = value.items() if isinstance(value, dict) else value
    key_type, value_type = types
    return pack(">i", len(pairs)) + b"".join(
        _sized(_encode(key_type, key)) + _sized(_encode(value_type, item)) for key, item in pairs
    )


def _collection(elements: list[bytes]) -> bytes:
    return pack(">i", len(elements)) + b"".join(map(_sized, elements))


def _cell(cql_type: CqlType, value: Any) -> bytes:
    return pack(">i", -1) if value is None else _sized(_encode(cql_type, value))


def _sized(value: bytes) -> bytes:
    return pack(">i", len(value)) + value


def _integer(layout: str) -> Callable[[Any], bytes]:
    return lambda value: pack(layout, value)


def _real(layout: str) -> Callable[[Any], bytes]:
    return lambda value: pack(layout, float(value))


def _text(value: Any) -> bytes:
    return bytes(value.encode())


def _varint(value: Any) -> bytes:
    number = int(value)
    # One bit more than the magnitude, for the sign; 0 takes one byte.
    length = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return number.to_bytes(length, "big", signed=True)


def _decimal(value: Any) -> bytes:
    sign, digits, exponent = Decimal(value).as_tuple()
    unscaled = int("".join(map(str, digits)))
    return pack(">i", -int(exponent)) + _varint(-unscaled if sign else unscaled)


def _inet(value: Any) -> bytes:
    return ipaddress.ip_address(value.rpartition("/")[2]).packed


_CODECS: dict[str, Callable[[Any], bytes]] = {
    "ascii": _text,
    "bigint": _integer(">q"),
    "blob": lambda value: b64decode(value, validate=True),
    "boolean": _integer(">?"),
    "date": lambda value: pack(">I", value + 2**31),
    "decimal": _decimal,
    "double": _real(">d"),
    "float": _real(">f"),
    "inet": _inet,
    "int": _integer(">i"),
    "smallint": _integer(">h"),
    "text": _text,
    "time": _integer(">q"),
    "timestamp": _integer(">q"),
    "timeuuid": lambda value: UUID(value).bytes,
    "tinyint": _integer(">b"),
    "uuid": lambda value: UUID(value).bytes,
    "varchar": _text,
    "varint": _varint,
}
