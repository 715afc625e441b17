"""Records of the stock connector: the key is taken from `after`, whose other cells are ignored.

A null clustering column says that the record speaks of the whole partition. Range tombstones give
their bounds as text that not every type survives, so they too mean the whole partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hintferry.adapters.records.hint_record import Lookup
from hintferry.adapters.records.key_codec import from_json
from hintferry.core.errors import Undecodable
from hintferry.core.hint import Hint, Scope
from hintferry.core.schema import Column, Key, TableId

_OPERATIONS = frozenset("iudr")


def decode(value: Mapping[str, Any], lookup: Lookup) -> Hint:
    """The hint in a stock record's value. Raises Undecodable, UnknownTable, SideFault."""
    operation = value.get("op")
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        raise Undecodable("it is neither a hint record nor one of the Debezium connector")
    source, after = value.get("source"), value.get("after")
    if not isinstance(source, dict) or not isinstance(after, dict):
        raise Undecodable("it has no source or no after")
    table = lookup(TableId(str(source.get("keyspace")), str(source.get("table"))), 0)
    partition = _partition_key(after, table.partition_key)
    clustering = _components(after, table.clustering)
    has_statics = bool(table.statics)
    if operation == "r" or clustering is None:
        return Hint(table.id, partition, Scope.PARTITION, statics_due=has_statics)
    # An INSERT with a static column is one record, which does not show the static.
    statics_due = has_statics and operation != "d"
    return Hint(table.id, partition, Scope.ROW, clustering, statics_due=statics_due)


def _partition_key(after: Mapping[str, Any], columns: tuple[Column, ...]) -> Key:
    key = _components(after, columns)
    if key is None:
        raise Undecodable("a partition key column is null or missing")
    return key if len(columns) == 1 else _unpacked(key, columns)


def _unpacked(key: Key, columns: tuple[Column, ...]) -> Key:
    """Return the key with its blobs cut out of the whole composite that Kafka's converter shows for
    each.

    The converter writes the array behind a buffer, not the buffer. So every blob of a composite key
    comes as all components, each with a length before and a zero byte after it.
    """
    for column, component in zip(columns, key, strict=True):
        if column.cql_type == "blob":
            parts = _composite(component)
            if len(parts) == len(columns) and all(
                part == other
                for part, other, its in zip(parts, key, columns, strict=True)
                if its.cql_type != "blob"
            ):
                return parts
    return key


def _composite(whole: bytes) -> Key:
    """The components of a composite partition key, none where the bytes are not one."""
    parts, at = [], 0
    while at + 2 <= len(whole):
        end = at + 2 + int.from_bytes(whole[at : at + 2])
        if whole[end : end + 1] != b"\0":
            return ()
        parts.append(whole[at + 2 : end])
        at = end + 1
    return tuple(parts) if at == len(whole) else ()


def _components(after: Mapping[str, Any], columns: tuple[Column, ...]) -> Key | None:
    """The wire bytes of these key columns, or None where one of them is null."""
    key = []
    for column in columns:
        cell = after.get(column.name)
        value = cell.get("value") if isinstance(cell, dict) else None
        if value is None:
            return None
        key.append(from_json(column, value))
    return tuple(key)
