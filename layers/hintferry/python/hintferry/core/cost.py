"""What a row costs to write and a page to read, by the service's published arithmetic. Pure.

Developer Guide: Estimate row size; Read/write capacity modes. What it leaves open is taken as
keyspaces-local takes it.
"""

from __future__ import annotations

from math import ceil

from hintferry.core.capacity import Capacity, Mode
from hintferry.core.prices import Prices
from hintferry.core.rows import Values
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

_NUMBERS = {"tinyint", "smallint", "int", "bigint", "varint", "counter"}


def row_size(table: Table, partition: Key, clustering: Key, values: Values, ttl: bool) -> int:
    """Bytes that a write of the row counts for; `ttl`: its table has that switch on."""
    size = _partition_size(table, partition) + (TTL_METADATA if ttl else 0)
    for column, component in zip(table.clustering, clustering, strict=True):
        length = _size(column, component)
        size += 2 * length + ceil(length / 5) + _column_id(table)
    a_column = _column_id(table) + (0 if table.is_counter else TIMESTAMP_METADATA)
    for column, value in zip(table.regulars, values, strict=True):
        size += a_column + _size(column, value)
        size += TTL_METADATA if ttl and not column.multicell else 0
    return size


def static_size(table: Table, partition: Key, values: Values) -> int:
    """Bytes that a write of the static columns of a partition counts for."""
    size = STATIC_METADATA + _partition_size(table, partition)
    return size + sum(map(_size, table.statics, values))


def write_units(size: int) -> int:
    """Of one row of that size."""
    return max(1, -(-size // WRITE_UNIT))


def read_units(size: int) -> int:
    """Of one answer of that size at LOCAL_QUORUM."""
    return max(1, -(-size // READ_UNIT))


def usd(prices: Prices, capacity: Capacity, writes: float, reads: float, seconds: float) -> float:
    """The price of so many units; of a provisioned table that of its capacity for the time."""
    if capacity.mode is Mode.PROVISIONED:
        an_hour = capacity.write_units * prices.write_hour + capacity.read_units * prices.read_hour
        return an_hour * seconds / 3600
    return (writes * prices.million_writes + reads * prices.million_reads) / 1e6


def _partition_size(table: Table, partition: Key) -> int:
    """Key columns are stored twice."""
    each = _column_id(table) + PARTITION_METADATA
    columns = zip(table.partition_key, partition, strict=True)
    return sum(2 * _size(column, value) + each for column, value in columns)


def _size(column: Column, value: bytes | None) -> int:
    """Numbers take half a byte a digit, zeros at their ends none; all else its bytes."""
    if value is None:
        return 1
    if column.cql_type not in _NUMBERS:
        # Of a collection every element takes a little less than on the wire.
        return len(value) + (COLLECTION_METADATA if column.multicell else 0)
    if len(value) > _WIDEST_NUMBER:
        return digits(value) // 2 + 2
    significant = str(abs(int.from_bytes(value, signed=True))).strip("0")
    return ceil(max(1, len(significant)) / 2) + 1


def digits(number: bytes) -> int:
    """How many digits a whole number has; of one over 64 bytes about."""
    if len(number) > _WIDEST_NUMBER:
        return ceil(len(number) * _DIGITS_A_BYTE)
    return len(str(abs(int.from_bytes(number, signed=True))))


def _column_id(table: Table) -> int:
    columns = table.partition_key + table.clustering + table.statics + table.regulars
    return max(1, ceil(len(columns) / _COLUMNS_PER_ID_BYTE))
