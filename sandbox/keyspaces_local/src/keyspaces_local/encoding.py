"""The size of values and rows as Keyspaces encodes them, by its published arithmetic. Pure.

DG: Estimate row size; Calculate the static column size. What the pages leave open is marked
*assumed*. Values are wire bytes of protocol v4; None is null or not set.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil

from keyspaces_local.protocol import INT
from keyspaces_local.schema import argument, arguments

NULL_SIZE = 1
PARTITION_METADATA = 3
ROW_METADATA = 100
STATIC_METADATA = 104
TTL_METADATA = 8
TIMESTAMP_METADATA = 30
"""Published as 20 to 40 bytes a column, depending on the data; the middle is assumed."""

COLLECTION_METADATA = 3
ELEMENT_METADATA = 1
_COLUMNS_PER_ID_BYTE = 62
_WIDEST_NUMBER = 64
"""Bytes; Python refuses to write out the digits of very large numbers."""

_DIGITS_A_BYTE = 2.41

Sizer = Callable[[bytes], int]
NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "varint", "counter"})
"""Stored with half a byte a digit; a counter is assumed to be stored as a bigint."""


def column_id_size(columns: int) -> int:
    """Bytes of a column's identifier in a table with so many columns."""
    return max(1, ceil(columns / _COLUMNS_PER_ID_BYTE))


def number_size(wire: bytes) -> int:
    """A byte for two significant digits, and one; zeros at either end do not count."""
    if len(wire) > _WIDEST_NUMBER:
        return digits(wire) // 2 + 2
    found = str(abs(int.from_bytes(wire, "big", signed=True))).strip("0")
    return ceil(max(1, len(found)) / 2) + 1


def digits(wire: bytes) -> int:
    """Return how many digits a number has; of one over 64 bytes about."""
    if len(wire) > _WIDEST_NUMBER:
        return ceil(len(wire) * _DIGITS_A_BYTE)
    return len(str(abs(int.from_bytes(wire, "big", signed=True))))


def partition_column(size: int, column_id: int) -> int:
    return 2 * size + column_id + PARTITION_METADATA


def clustering_column(size: int, column_id: int) -> int:
    return 2 * size + ceil(size / 5) + column_id


@lru_cache(maxsize=4096)
def sizer(type_: str, ttl: bool) -> Sizer:
    """The encoded size of a regular column's value without its id; `ttl`: the table's switch.

    Numbers have their own arithmetic, non-frozen collections the sum of their elements'. All else
    (frozen values and what the pages do not name) has the size of its wire bytes.
    """
    if type_ in NUMBERS:
        return number_size
    extra = ELEMENT_METADATA + (TTL_METADATA if ttl else 0)
    if type_.startswith(("list<", "set<")):
        element = sizer(argument(type_), False)
        return lambda wire: _collection(wire, (element,), extra)
    if type_.startswith("map<"):
        pair = tuple(sizer(part, False) for part in arguments(type_))
        return lambda wire: _collection(wire, pair, extra)
    return len


def is_collection(type_: str) -> bool:
    """Return whether the type is a collection whose elements are stored one by one."""
    return type_.startswith(("list<", "set<", "map<"))


def elements(wire: bytes, width: int) -> list[Sequence[bytes]]:
    """The elements of a collection's wire bytes, `width` values each (2 for a map)."""
    count, position = INT.unpack_from(wire)[0], INT.size
    found: list[Sequence[bytes]] = []
    for _ in range(count):
        parts = []
        for _ in range(width):
            size = max(0, INT.unpack_from(wire, position)[0])
            parts.append(wire[position + INT.size : position + INT.size + size])
            position += INT.size + size
        found.append(parts)
    return found


def _collection(wire: bytes, sizers: tuple[Sizer, ...], extra: int) -> int:
    if len(wire) < INT.size:
        return COLLECTION_METADATA
    total = COLLECTION_METADATA
    for parts in elements(wire, len(sizers)):
        total += extra + sum(size(part) for size, part in zip(sizers, parts, strict=True))
    return total
