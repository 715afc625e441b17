"""Draw what the writers do: for each an endless, seeded sequence of every kind of operation.

Pure: no driver session, no clock. Not provoked, because no hint tells of it or only a sweep
repairs it: TRUNCATE, bulk loads, TTLs on elements of non-frozen collections, a row that keeps
nothing but an immortal marker (`statements.py`). A counter that was deleted is never added to
again: Cassandra itself leaves open what that gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from cassandra.query import BatchType

from sandbox.workload.mutation import Statement
from tests.chaos.draw import Draw
from tests.chaos.kinds import SLICES, Consistency, Kind
from tests.chaos.statements import (
    MAKERS,
    insert_event,
    insert_item,
    insert_uncaptured,
    insert_user,
)

Weights = Mapping[Kind, int]
"""How often each kind comes in a deck; others do not."""

_COMMON = {
    Kind.INSERT: 14,
    Kind.UPDATE: 12,
    Kind.COLLECTION_APPEND: 6,
    Kind.COLLECTION_REPLACE: 4,
    Kind.STATIC_WRITE: 5,
    Kind.ROW_DELETE: 7,
    Kind.RANGE_DELETE: 3,
    Kind.PARTITION_DELETE: 2,
    Kind.UNLOGGED_BATCH: 4,
    Kind.LOGGED_BATCH: 3,
    Kind.DELETE_AND_REWRITE: 2,
    Kind.COUNTER_ADD: 6,
    Kind.KEY_INSERT: 4,
    Kind.TTL_INSERT: 3,
    Kind.TTL_UPDATE: 4,
    Kind.UNCAPTURED_WRITE: 2,
    Kind.MIXED_BATCH: 2,
    Kind.MOVING_WRITE: 6,
}
WEIGHTS: Weights = {kind: _COMMON.get(kind, 1) for kind in Kind}

_DECKS = 20
_DOZEN = 12
_ALONE = SLICES | {
    Kind.COUNTER_ADD,
    Kind.COUNTER_DELETE,
    Kind.LWT,
    Kind.OWN_TIMESTAMP,
    Kind.MOVING_WRITE,
}
"""Not among a dozen: a batch takes no counter and one timestamp, and one statement that is refused
would refuse all; many slices would have the replay queue do all the work."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One statement, or several in a batch.

    With `shift_s` the first value of the first statement is a write timestamp: so many seconds from
    the time of sending.
    """

    number: int
    kind: Kind
    statements: tuple[Statement, ...]
    consistency: Consistency
    batch: BatchType | None = None
    shift_s: float | None = None


def statements(seed: int, writer: int, weights: Weights) -> set[str]:
    """The CQL of nearly all that `operations` will give; a maker is missed once in a while.

    What names a column that comes and goes is left out: it cannot be prepared yet.
    """
    many = islice(operations(seed, writer, weights), _DECKS * sum(weights.values()))
    lasting = (one for one in many if one.kind is not Kind.MOVING_WRITE)
    return {statement.cql for operation in lasting for statement in operation.statements}


def operations(seed: int, writer: int, weights: Weights, first: int = 0) -> Iterator[Operation]:
    """Return the operations of one writer from the number `first` on, deck after deck."""
    draw = Draw(f"{seed}/{writer}")
    draw.number = first
    deck = _deck(weights)
    while True:
        for kind in draw.shuffled(deck):
            yield _operation(kind, draw)
            draw.number += 1


def _deck(weights: Weights) -> list[Kind]:
    return [kind for kind, weight in weights.items() for _ in range(weight)]


_TOGETHER = _deck({kind: WEIGHTS[kind] for kind in MAKERS if kind not in _ALONE})


def _operation(kind: Kind, draw: Draw) -> Operation:
    consistency = draw.one(tuple(Consistency))
    shift = _shift(kind, draw)
    batch, statements = _statements(kind, draw)
    return Operation(draw.number, kind, statements, consistency, batch, shift)


def _shift(kind: Kind, draw: Draw) -> float | None:
    if kind is Kind.OWN_TIMESTAMP:
        return draw.random.uniform(-20.0, 5.0)
    # At one timestamp a delete wins over values, so this one is a little older than its batch.
    return -0.001 if kind is Kind.DELETE_AND_REWRITE else None


def _statements(kind: Kind, draw: Draw) -> tuple[BatchType | None, tuple[Statement, ...]]:
    match kind:
        case Kind.UNLOGGED_BATCH:
            return BatchType.UNLOGGED, _rows_of_one_partition(draw)
        case Kind.LOGGED_BATCH:
            return BatchType.LOGGED, (insert_user(draw), insert_item(draw), insert_event(draw))
        case Kind.DELETE_AND_REWRITE:
            return BatchType.UNLOGGED, _delete_and_rewrite(draw)
        case Kind.BIG_BATCH:
            return BatchType.UNLOGGED, _dozen(draw)
        case Kind.MIXED_BATCH:
            return draw.one((BatchType.UNLOGGED, BatchType.LOGGED)), _mixed(draw)
        case _:
            return None, (draw.one(MAKERS[kind])(draw),)


def _rows_of_one_partition(draw: Draw) -> tuple[Statement, ...]:
    partition = draw.partition()
    insert = "INSERT INTO events (pk, seq, v) VALUES (?, ?, ?)"
    rows = [Statement(insert, (partition, draw.clustering(), draw.word())) for _ in range(2)]
    note = Statement("UPDATE events SET note = ? WHERE pk = ?", (draw.word(), partition))
    return (*rows, note)


def _dozen(draw: Draw) -> tuple[Statement, ...]:
    """Rows of one partition number, as a client sends many changes at once."""
    with draw.one_partition():
        return tuple(draw.one(MAKERS[draw.one(_TOGETHER)])(draw) for _ in range(_DOZEN))


def _mixed(draw: Draw) -> tuple[Statement, ...]:
    """One mutation with rows of two tables: their partition keys are equal."""
    with draw.one_partition():
        return insert_event(draw), insert_uncaptured(draw), insert_item(draw)


def _delete_and_rewrite(draw: Draw) -> tuple[Statement, ...]:
    pk, seq = draw.row()
    delete = "DELETE FROM events USING TIMESTAMP ? WHERE pk = ? AND seq = ?"
    insert = "INSERT INTO events (pk, seq, v) VALUES (?, ?, ?)"
    return (
        Statement(delete, (None, pk, seq)),
        Statement(insert, (pk, (seq + 1) % 6, draw.word())),
        Statement("UPDATE events SET raw = ? WHERE pk = ? AND seq = ?", (draw.blob(), pk, seq)),
    )
