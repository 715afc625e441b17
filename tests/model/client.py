"""Apply a client's statement to the cells of the source."""

from __future__ import annotations

from struct import pack

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.rows import ColumnOrField
from hintferry.core.schema import Table
from hintferry.testing import changes, wirelist
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState
from tests.model.program import SourceWrite, Verb


def change_of(step: SourceWrite, table: Table, time: SimulatedTime) -> PartitionState:
    """The cells that a write brings, stamped with the client's clock."""
    timestamp = time.micros - step.lag_us
    match step.verb:
        case Verb.DELETE_ROW:
            return changes.remove_row(step.clustering, timestamp)
        case Verb.DELETE_SLICE if step.part is not None:
            return changes.remove_slice(step.part, timestamp)
        case Verb.DELETE_PARTITION:
            return changes.remove_partition(timestamp)
        case Verb.ADD:
            deltas = {name: delta or 0 for name, delta in step.values}
            return changes.add(step.clustering, deltas, timestamp)
        case Verb.APPEND | Verb.APPEND_STATIC:
            clustering = step.clustering if step.verb is Verb.APPEND else None
            name, number = step.values[0]
            return changes.append(clustering, name, _bytes(number or 0), timestamp)
        case Verb.EXTEND:
            return _extend(step, table, timestamp, time)
        case _:
            return _put(step, table, timestamp, time)


def _put(step: SourceWrite, table: Table, timestamp: int, time: SimulatedTime) -> PartitionState:
    known = {column.name: column.cql_type for column in table.statics + table.regulars}
    lists = {column.name for column in table.statics + table.regulars if column.multicell}
    may_expire = table.tells_elements or table.longest_ttl
    values = {
        name: None if number is None else _encoded(number, known[name])
        for name, number in step.values
        # Elements that expire and tell nothing, without a bound: a limit that is documented.
        if name in known and (name not in lists or step.ttl is None or may_expire)
    }
    return changes.put(
        table,
        None if step.verb is Verb.SET_STATIC else step.clustering,
        values,
        timestamp,
        None if step.ttl is None else time.seconds + step.ttl,
        creates_row=step.verb is Verb.INSERT,
    )


def _extend(step: SourceWrite, table: Table, timestamp: int, time: SimulatedTime) -> PartitionState:
    """One element of each collection that is named, or one field."""
    types = {column.name: column.cql_type for column in table.statics + table.regulars}
    parts = []
    for name, number in step.values:
        kind, number = parse(types[name]).kind, number or 0
        if kind is TypeKind.USER:
            parts.append((ColumnOrField(name, "xy"[number % 2]), _bytes(number)))
        elif kind in _OF_ONE:
            parts.append((ColumnOrField(name), _OF_ONE[kind](number)))
    expires_at = None if step.ttl is None else time.seconds + step.ttl
    return changes.extend(table, step.clustering, parts, timestamp, expires_at)


def _map_of(number: int) -> bytes:
    return pack(">i", 1) + wirelist.encode([_bytes(number % 3), _bytes(number)])[4:]


_OF_ONE = {
    TypeKind.LIST: lambda number: wirelist.encode([_bytes(number)]),
    TypeKind.SET: lambda number: wirelist.encode([_bytes(number % 3)]),
    TypeKind.MAP: _map_of,
}


def _encoded(number: int, cql_type: str) -> bytes:
    """A collection of one or two elements, a user type of one or two fields, or the number."""
    match parse(cql_type).kind:
        case TypeKind.MAP:
            return _map_of(number)
        case TypeKind.LIST | TypeKind.SET:
            return wirelist.encode([_bytes(number), b"z"][: 1 + number % 2])
        case TypeKind.USER:
            return wirelist.encode([_bytes(number), b"z"][: 1 + number % 2])[4:]
        case _:
            return _bytes(number)


def _bytes(number: int) -> bytes:
    return str(number).encode()
