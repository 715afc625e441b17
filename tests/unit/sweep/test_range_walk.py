"""The ring is cut without a gap, and a walk goes past whatever is in its way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest
from cassandra import OperationTimedOut, ReadFailure
from cassandra.protocol import ServerError
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.sweep.scan import TokenScan
from hintferry.core.errors import HintferryError, Overwhelmed, Side, Troubled, Unavailable
from hintferry.core.limits import RANGE_RETRY
from hintferry.core.tokens import HIGHEST, LOWEST, WHOLE_RING, TokenRange, gaps, plan_ranges
from hintferry.sweep.range_walk import walk
from hintferry.testing.clock import ScriptedClock, SimulatedTime

TOKENS = st.integers(LOWEST, HIGHEST)


@given(st.lists(TOKENS, max_size=60), st.integers(1, 500))
def test_the_ranges_are_the_whole_ring_in_order(ring: list[int], count: int) -> None:
    ranges = plan_ranges(ring, count)
    assert (ranges[0].after, ranges[-1].upto) == (LOWEST, HIGHEST)
    assert all(one.upto == other.after for one, other in pairwise(ranges))
    assert all(0 < one.width <= -(-(2**64) // count) for one in ranges)
    assert len(ranges) <= 2 * count + 1


def test_a_range_ends_where_a_nodes_range_ends() -> None:
    assert 4242 in {one.upto for one in plan_ranges([4242], 8)}


def walked(
    bad: set[int], part: TokenRange = WHOLE_RING, faults: int = 0
) -> tuple[list[TokenRange], list[int]]:
    """The ranges done and the tokens unread of a side that fails at ranges with a bad token."""
    done: list[TokenRange] = []
    unread: list[int] = []
    left = [faults]

    def step(rest: TokenRange) -> Iterator[int]:
        if left[0]:
            left[0] -= 1
            raise Unavailable(Side.SOURCE, "down")
        if any(rest.after < token <= rest.upto for token in bad):
            raise Overwhelmed("too many tombstones")
        done.append(rest)
        yield rest.upto

    for _ in walk(part, step, unread.append, ScriptedClock(SimulatedTime())):
        pass
    return done, unread


@given(st.sets(TOKENS.filter(lambda token: token > LOWEST), max_size=3))
def test_what_cannot_be_read_is_cut_down_to_its_tokens(bad: set[int]) -> None:
    done, unread = walked(bad)
    assert unread == sorted(bad)
    pieces = sorted(done + [TokenRange(token - 1, token) for token in bad])
    assert (pieces[0].after, pieces[-1].upto) == (LOWEST, HIGHEST)
    assert all(one.upto == other.after for one, other in pairwise(pieces))


def test_a_fault_is_waited_out_and_one_that_stays_is_told() -> None:
    part = TokenRange(0, 9)
    assert walked(set(), part, faults=RANGE_RETRY.attempts - 1) == ([part], [])
    with pytest.raises(HintferryError):
        walked(set(), part, faults=RANGE_RETRY.attempts)


@given(st.sets(TOKENS.filter(lambda token: token > LOWEST), max_size=2))
def test_what_fails_without_a_cause_is_cut_down_within_minutes(bad: set[int]) -> None:
    time = SimulatedTime()
    began, unread, served = time.micros, list[int](), list[TokenRange]()

    def step(rest: TokenRange) -> Iterator[int]:
        if any(rest.after < token <= rest.upto for token in bad):
            raise Troubled(Side.SOURCE, "ServerError")
        served.append(rest)
        yield rest.upto

    for _ in walk(WHOLE_RING, step, unread.append, ScriptedClock(time)):
        pass
    assert unread == sorted(bad)
    assert (time.micros - began) / 1e6 < 240 * len(bad) + 1


def test_a_failure_that_passes_leaves_nothing_unread() -> None:
    left, unread = [RANGE_RETRY.attempts - 1], list[int]()

    def step(rest: TokenRange) -> Iterator[int]:
        if left[0]:
            left[0] -= 1
            raise Troubled(Side.SOURCE, "ReadFailure: UNKNOWN")
        yield rest.upto

    told = list(walk(WHOLE_RING, step, unread.append, ScriptedClock(SimulatedTime())))
    assert [str(one) for one in told] == [
        *["source: ReadFailure: UNKNOWN"] * (RANGE_RETRY.attempts - 1),
        str(WHOLE_RING.width),
    ]
    assert unread == []


@pytest.mark.parametrize("serves", [True, False])
def test_a_scan_blames_the_tokens_only_while_its_side_serves(serves: bool) -> None:
    session = SimpleNamespace(
        side=Side.SOURCE, doubt=lambda _: None, still_serves=lambda: serves, rate_limit=None
    )
    scan = TokenScan(cast(CqlSession, session), lambda: 0)
    silent, failed = OperationTimedOut(), ServerError(0, "NullPointerException", None)
    many = ReadFailure("1 failures: READ_TOO_MANY_TOMBSTONES from /10.0.0.1")
    kinds = [type(scan._failure(error)) for error in (silent, failed, many)]
    if serves:
        assert kinds == [Overwhelmed, Troubled, Overwhelmed]
    else:
        assert kinds == [Unavailable, Unavailable, Overwhelmed]


def test_a_walk_goes_on_from_where_it_had_come_to() -> None:
    seen: list[TokenRange] = []

    def step(rest: TokenRange) -> Iterator[int]:
        seen.append(rest)
        yield rest.after + 1
        if rest.width > 1:
            raise Unavailable(Side.TARGET, "down")

    ends = walk(TokenRange(0, 20), step, lambda _: None, ScriptedClock(SimulatedTime()))
    told = list(ends)
    assert [one for one in told if isinstance(one, int)] == [1] * 20
    assert {str(one) for one in told if not isinstance(one, int)} == {"target: down"}
    assert [one.after for one in seen] == list(range(20))


SOME = st.lists(st.integers(-50, 50), min_size=2, max_size=12, unique=True).map(sorted)


@given(SOME, SOME)
def test_a_gap_is_what_is_not_done(planned: list[int], done: list[int]) -> None:
    whole = list(map(TokenRange, planned, planned[1:]))
    behind = list(map(TokenRange, done[::2], done[1::2]))
    left = gaps(whole, reversed(behind))
    for token in range(-51, 52):
        is_planned = planned[0] < token <= planned[-1]
        is_done = any(part.after < token <= part.upto for part in behind)
        of = [part for part in left if part.after < token <= part.upto]
        assert len(of) == (is_planned and not is_done)
    assert all(any(w.after <= part.after and part.upto <= w.upto for w in whole) for part in left)
