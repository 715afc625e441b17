"""Plan what is harmed when and for how long: seeded, in lanes that run beside each other.

Pure. The parts of one lane are never harmed at once, so of the three source nodes at most one is
dead at a time. Two of them dead within the 100 ms of one commit-log sync would lose writes that a
quorum had acknowledged: Cassandra loses them then, and no hint tells of it. For the same reason
two connectors are never killed together: what one of them had sent and Kafka not acknowledged is
hinted by the other replicas' connectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from tests.chaos.kinds import Fault


class Lane(Enum):
    """Faults that exclude each other."""

    NODES = "nodes"
    CAPTURES = "captures"
    BROKER = "broker"
    TARGET = "target"
    WORKERS = "workers"
    ZOMBIES = "zombies"
    SLEEPERS = "sleepers"
    REPLAYS = "replays"
    SCHEMA = "schema"
    CLOCKS = "clocks"


@dataclass(frozen=True, slots=True)
class Pace:
    """Each fault of the lane with the bounds of its duration, and the bounds of the gaps, in s.

    Those that are over soonest come first.
    """

    holds: dict[Fault, tuple[float, float]]
    gap: tuple[float, float]


Plan = Mapping[Lane, Pace]

CHAOS: Plan = {
    Lane.NODES: Pace(
        {
            Fault.NODE_PAUSED: (0.5, 2.5),
            Fault.NODES_PAUSED: (0.3, 1.5),
            Fault.NODE_KILLED: (0.5, 3.0),
            Fault.NODE_MISSES_DDL: (12.0, 14.0),
        },
        (1.5, 3.0),
    ),
    Lane.CAPTURES: Pace(
        {Fault.CAPTURE_PAUSED: (1.0, 4.0), Fault.CAPTURE_KILLED: (0.2, 2.0)}, (3.0, 6.0)
    ),
    Lane.BROKER: Pace(
        {Fault.BROKER_PAUSED: (0.5, 2.0), Fault.BROKER_KILLED: (0.2, 1.0)}, (12.0, 18.0)
    ),
    Lane.TARGET: Pace(
        {
            Fault.TARGET_PAUSED: (0.3, 2.0),
            Fault.TARGET_THROTTLES: (0.5, 3.0),
            Fault.TARGET_CUTS: (0.5, 2.0),
            Fault.TARGET_KILLED: (0.2, 1.0),
        },
        (4.0, 7.0),
    ),
    Lane.WORKERS: Pace(
        {
            Fault.WORKER_KILLED: (0.0, 0.0),
            Fault.WORKER_FROZEN: (0.3, 4.0),
            Fault.WORKER_FROZEN_IDLE: (0.5, 4.0),
            Fault.REPLAYER_KILLED: (0.0, 0.0),
        },
        (0.6, 2.0),
    ),
    Lane.ZOMBIES: Pace({Fault.ZOMBIE: (3.0, 6.0), Fault.PAYLOAD_REPLAYED: (0.0, 0.0)}, (0.1, 0.6)),
    Lane.SLEEPERS: Pace({Fault.STALE_ZOMBIE: (33.0, 36.0)}, (4.0, 7.0)),
    Lane.REPLAYS: Pace(
        {
            Fault.RECORDS_DUPLICATED: (0.0, 0.0),
            Fault.RECORDS_REORDERED: (0.0, 0.0),
            Fault.HINTS_REPLAYED: (0.0, 0.0),
            Fault.POISONED: (0.0, 0.0),
        },
        (0.4, 1.5),
    ),
    Lane.SCHEMA: Pace(
        {
            Fault.COLUMN_ADDED: (0.0, 0.0),
            Fault.COLUMN_DROPPED: (0.0, 0.0),
            Fault.COLUMN_BACK: (0.0, 0.0),
            Fault.VIEW_MADE: (3.0, 6.0),
            Fault.UNCAPTURED_REMADE: (0.0, 0.0),
        },
        (2.0, 4.0),
    ),
    Lane.CLOCKS: Pace({Fault.CLOCKS_WRONG: (2.0, 4.0)}, (6.0, 10.0)),
}
"""What was sent to a node that misses a change of the schema must be too old when it goes on: after
`request_timeout`, 10 s."""

LAST: Plan = {
    Lane.CAPTURES: CHAOS[Lane.CAPTURES],
    Lane.WORKERS: CHAOS[Lane.WORKERS],
    Lane.ZOMBIES: CHAOS[Lane.ZOMBIES],
    Lane.REPLAYS: replace(
        CHAOS[Lane.REPLAYS],
        holds={
            fault: bounds
            for fault, bounds in CHAOS[Lane.REPLAYS].holds.items()
            if fault is not Fault.POISONED
        },
    ),
}
"""Beside the load that a cutover ends. What is parked shuts the gate, and each node must take a
write at a quorum."""

SOAK: Plan = {
    Lane.NODES: Pace({Fault.NODE_PAUSED: (0.5, 2.5)}, (8.0, 15.0)),
    Lane.CAPTURES: replace(CHAOS[Lane.CAPTURES], gap=(15.0, 30.0)),
    Lane.BROKER: replace(CHAOS[Lane.BROKER], gap=(45.0, 90.0)),
    Lane.TARGET: replace(CHAOS[Lane.TARGET], gap=(8.0, 15.0)),
    Lane.WORKERS: CHAOS[Lane.WORKERS],
    Lane.ZOMBIES: replace(CHAOS[Lane.ZOMBIES], gap=(3.0, 8.0)),
    Lane.SLEEPERS: replace(CHAOS[Lane.SLEEPERS], gap=(20.0, 40.0)),
    Lane.REPLAYS: replace(CHAOS[Lane.REPLAYS], gap=(3.0, 8.0)),
    Lane.SCHEMA: replace(CHAOS[Lane.SCHEMA], gap=(8.0, 15.0)),
    Lane.CLOCKS: replace(CHAOS[Lane.CLOCKS], gap=(20.0, 40.0)),
}
"""For a source of one node, which is paused and never killed: with no other replica Cassandra loses
what it acknowledged since the last sync of its log. More load, so fewer faults a minute."""


@dataclass(frozen=True, slots=True)
class Order:
    """Wait `gap_s`, then do `fault` for `hold_s`. `random` decides whatever else is to choose."""

    fault: Fault
    gap_s: float
    hold_s: float
    random: Random


def orders(seed: int, lane: Lane, pace: Pace, number: int = 0) -> Iterator[Order]:
    """The endless orders of one lane: first each fault in order, then decks of them, shuffled.

    `number` tells lanes of the same kind from each other.
    """
    random = Random(f"{seed}/{lane.value}/{number}")
    deck = list(pace.holds)
    while True:
        for fault in deck:
            hold_s = random.uniform(*pace.holds[fault])
            yield Order(fault, random.uniform(*pace.gap), hold_s, Random(random.getrandbits(64)))
        deck = random.sample(deck, len(deck))


def faults(plan: Plan) -> frozenset[Fault]:
    """The faults that a run by this plan must contain."""
    return frozenset(fault for pace in plan.values() for fault in pace.holds)
