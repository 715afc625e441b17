"""What a client's statement does to the cells of the source."""

from __future__ import annotations

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
        case _:
            return _put(step, table, timestamp, time)


def _put(step: SourceWrite, table: Table, timestamp: int, time: SimulatedTime) -> PartitionState:
    lists = {column.name for column in table.statics + table.regulars if column.multicell}
    known = {column.name for column in table.statics + table.regulars}
    values = {
        name: None if number is None else _encoded(number, name in lists)
        for name, number in step.values
        # Elements that expire: their times to live cannot be read, a limit that is documented.
        if name in known and (name not in lists or step.ttl is None)
    }
    return changes.put(
        table,
        None if step.verb is Verb.SET_STATIC else step.clustering,
        values,
        timestamp,
        None if step.ttl is None else time.seconds + step.ttl,
        creates_row=step.verb is Verb.INSERT,
    )


def _encoded(number: int, is_list: bool) -> bytes:
    """A list of one or two elements, or the number as text."""
    if not is_list:
        return _bytes(number)
    return wirelist.encode([_bytes(number), b"z"][: 1 + number % 2])


def _bytes(number: int) -> bytes:
    return str(number).encode()
