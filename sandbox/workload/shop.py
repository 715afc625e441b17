"""Draw what happens in the shop: an endless, seeded sequence of mutations of every kind.

Pure: no driver session, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from cassandra.query import BatchType

from sandbox.workload.draw import Draw
from sandbox.workload.kinds import Kind
from sandbox.workload.mutation import Mutation
from sandbox.workload.statements import MAKERS, day_of_readings, purchase

_OF_A_HUNDRED = {
    Kind.INSERT: 26,
    Kind.UPDATE: 18,
    Kind.COLUMN_DELETE: 5,
    Kind.COLLECTION_APPEND: 9,
    Kind.COLLECTION_REMOVE: 5,
    Kind.ELEMENT_DELETE: 5,
    Kind.STATIC_WRITE: 5,
    Kind.ROW_DELETE: 7,
    Kind.RANGE_DELETE: 4,
    Kind.PARTITION_DELETE: 2,
    Kind.UNLOGGED_BATCH: 5,
    Kind.LOGGED_BATCH: 4,
    Kind.LWT: 5,
}


def mutations(seed: int) -> Iterator[Mutation]:
    """Each kind comes once before any comes again, and then as often as it is common."""
    draw = Draw(seed)
    deck = [kind for kind, count in _OF_A_HUNDRED.items() for _ in range(count)]
    for kind in Kind:
        yield _mutation(kind, draw, first=True)
    while True:
        for kind in draw.shuffled(deck):
            yield _mutation(kind, draw)


def statements() -> set[str]:
    """The CQL of every statement that `mutations` can give."""
    draw = Draw(0)
    made = [make(draw) for makers in MAKERS.values() for make in makers]
    return {statement.cql for statement in (*made, *day_of_readings(draw), *purchase(draw))}


def _mutation(kind: Kind, draw: Draw, *, first: bool = False) -> Mutation:
    """The first of a kind is the one that always has an effect."""
    if kind is Kind.UNLOGGED_BATCH:
        return Mutation(kind, day_of_readings(draw), BatchType.UNLOGGED)
    if kind is Kind.LOGGED_BATCH:
        return Mutation(kind, purchase(draw), BatchType.LOGGED)
    make = MAKERS[kind][0] if first else draw.one(MAKERS[kind])
    return Mutation(kind, (make(draw),))
