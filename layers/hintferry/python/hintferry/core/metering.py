"""Describe what a row costs to write and a page to read, by the service's published arithmetic.
Pure.

Developer Guide: Estimate row size; Read/write capacity modes. What it leaves open is taken as
keyspaces-local takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from hintferry.core.rows import Expiries, Scanned, Values
from hintferry.core.schema import Column, Key, Table

WRITE_UNIT, READ_UNIT = 1024, 4096
"""Bytes."""

STATIC_METADATA = 104
TTL_METADATA, TIMESTAMP_METADATA = 8, 30
PARTITION_METADATA = 3
COLLECTION_METADATA = 3
_COLUMNS_PER_ID_BYTE = 62
_WIDEST_NUMBER, _DIGITS_A_BYTE = 64, 2.41
"""Bytes; Python refuses to write out the digits of very large numbers."""

_MOST_OF_A_KEY, _MOST_OF_A_VALUE, _MOST_OF_ELEMENTS = 4, 2, 3
_MORE_A_KEY, _MORE_A_VALUE = 10, 4
"""An upper bound of a value's size: the length on the wire times the first number, plus the second.
A number takes half a byte a digit: at most one and a half times its length, and four. An element of
a collection takes eight bytes more, and its length alone takes four on the wire."""

_NOTHING = 1
"""Bytes of a null."""

_NUMBERS = {"tinyint", "smallint", "int", "bigint", "varint", "counter"}


def row_size(table: Table, partition: Key, clustering: Key, values: Values, ttl: bool) -> int:
    """Bytes that a write of the row counts for; `ttl`: its table has that switch on."""
    row = _row(table)
    size = row.empty_ttl if ttl else row.empty
    for sized, component in zip(row.partition, partition, strict=True):
        size += 2 * sized(component)
    for sized, component in zip(row.clustering, clustering, strict=True):
        length = sized(component)
        size += 2 * length + ceil(length / 5)
    there = [value for value in values if value is not None]
    size += sum(map(len, there)) + _NOTHING * (len(values) - len(there))
    for place, sized in row.others:
        value = values[place]
        if value is not None:
            size += sized(value) - len(value)
    if ttl:
        size += TTL_METADATA * sum(map(_elements, filter(None, map(values.__getitem__, row.many))))
    return size


def rows_units(table: Table, keys: Iterable[Scanned], ttl: bool) -> int:
    """Write units of these rows; most are seen to take one by what is at most made of them."""
    row = _row(table)
    spare = WRITE_UNIT - row.most_empty
    most = _MOST_OF_ELEMENTS if row.many else _MOST_OF_A_VALUE
    units = 0
    for _, partition, clustering, (values, expiries) in keys:
        named = sum(map(len, partition)) + sum(map(len, clustering))
        if _MOST_OF_A_KEY * named + most * sum(map(len, filter(None, values))) <= spare:
            units += 1
        else:
            units += write_units(row_size(table, partition, clustering, values, ttl))
        if row.many:
            units += further(expiries)
    return units


def further(expiries: Expiries) -> int:
    """Units beside those of the row: elements that expire apart are written apart."""
    return len({at for one in expiries if isinstance(one, tuple) for at in set(one[1:]) - {one[0]}})


def static_size(table: Table, partition: Key, values: Values) -> int:
    """Bytes that a write of the static columns of a partition counts for."""
    size = STATIC_METADATA + _partition_metadata(table)
    for column, component in zip(table.partition_key, partition, strict=True):
        size += 2 * _sized(column)(component)
    for column, value in zip(table.statics, values, strict=True):
        size += _NOTHING if value is None else _sized(column)(value)
    return size


def write_units(size: int) -> int:
    """Return the write units of one row of so many bytes."""
    return max(1, -(-size // WRITE_UNIT))


def read_units(size: int) -> int:
    """Return the read units of one answer of so many bytes at LOCAL_QUORUM."""
    return max(1, -(-size // READ_UNIT))


Sized = Callable[[bytes], int]
"""The bytes that a value with these wire bytes is billed for."""


class _Row(NamedTuple):
    """The sizes that are the same for every row of a table.

    They are the bytes of a row without keys and values, with TTLs switched off and on, and how
    values are sized.
    """

    empty: int
    empty_ttl: int
    most_empty: int
    """The bytes to add to the upper bound of the keys and values of a row."""
    partition: tuple[Sized, ...]
    clustering: tuple[Sized, ...]
    others: tuple[tuple[int, Sized], ...]
    """The regular columns, by place, whose values do not count for their own length."""
    many: tuple[int, ...]
    """The regular columns of many cells, by place."""


@lru_cache(1000)
def _row(table: Table) -> _Row:
    """Worked out once: a backfill asks for each of its rows."""
    a_column = _column_id(table) + (0 if table.is_counter else TIMESTAMP_METADATA)
    empty = _partition_metadata(table) + len(table.clustering) * _column_id(table)
    empty += len(table.regulars) * a_column
    expiring = sum(not column.multicell for column in table.regulars)
    regulars = enumerate(map(_sized, table.regulars))
    empty_ttl = empty + TTL_METADATA * (1 + expiring)
    keys = len(table.partition_key) + len(table.clustering)
    return _Row(
        empty,
        empty_ttl,
        empty_ttl + _MORE_A_KEY * keys + _MORE_A_VALUE * len(table.regulars),
        tuple(map(_sized, table.partition_key)),
        tuple(map(_sized, table.clustering)),
        tuple((place, sized) for place, sized in regulars if sized is not len),
        tuple(place for place, one in enumerate(table.regulars) if one.multicell),
    )


def _partition_metadata(table: Table) -> int:
    return len(table.partition_key) * (_column_id(table) + PARTITION_METADATA)


def _sized(column: Column) -> Sized:
    if column.cql_type in _NUMBERS:
        return _number
    return _collection if column.multicell else len


def _collection(value: bytes) -> int:
    """Every element takes a little less than on the wire."""
    return len(value) + COLLECTION_METADATA


def _elements(value: bytes) -> int:
    """Return how many there are; of a user type, whose fields are few, about."""
    return min(int.from_bytes(value[:4]), len(value) // 4)


def _number(value: bytes) -> int:
    """Half a byte a digit; zeros at the ends take none."""
    if len(value) > _WIDEST_NUMBER:
        return digits(value) // 2 + 2
    significant = str(abs(int.from_bytes(value, signed=True))).strip("0")
    return ceil(max(1, len(significant)) / 2) + 1


def digits(number: bytes) -> int:
    """Return how many digits a whole number has; of one over 64 bytes about."""
    if len(number) > _WIDEST_NUMBER:
        return ceil(len(number) * _DIGITS_A_BYTE)
    return len(str(abs(int.from_bytes(number, signed=True))))


def _column_id(table: Table) -> int:
    columns = table.columns
    return max(1, ceil(len(columns) / _COLUMNS_PER_ID_BYTE))
