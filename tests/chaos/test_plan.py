"""Test that a seed always gives the same run, and that a run holds everything it must."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.kinds import Consistency, Fault, Kind
from tests.chaos.plan import CHAOS, Lane, faults, orders
from tests.chaos.program import WEIGHTS, operations


def test_a_seed_gives_the_same_operations_again() -> None:
    first, again, other = (list(islice(operations(s, 0, WEIGHTS), 300)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_writers_do_different_things_to_the_same_keys() -> None:
    one, two = (list(islice(operations(1, writer, WEIGHTS), 300)) for writer in (0, 1))
    assert one != two
    keys = [
        {s.values for op in ops for s in op.statements if s.cql.startswith("INSERT INTO edges")}
        for ops in (one, two)
    ]
    assert keys[0] & keys[1]


def test_a_deck_holds_every_kind_at_every_consistency_soon() -> None:
    done = list(islice(operations(1, 0, WEIGHTS), 1_000))
    assert {one.kind for one in done} == set(Kind)
    assert {one.consistency for one in done} == set(Consistency)


@pytest.mark.parametrize("lane", Lane)
def test_a_seed_gives_the_same_faults_again(lane: Lane) -> None:
    first, again = (
        [(o.fault, o.gap_s, o.hold_s) for o in islice(orders(1, lane, CHAOS[lane]), 50)]
        for _ in "12"
    )
    assert first == again


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_does_each_of_its_faults_once_before_any_comes_again(lane: Lane) -> None:
    wanted = faults({lane: CHAOS[lane]})
    assert {one.fault for one in islice(orders(1, lane, CHAOS[lane]), len(wanted))} == wanted


def test_every_fault_has_its_lane() -> None:
    assert faults(CHAOS) == frozenset(Fault)
