"""The books of a batch: every record has one end, the worst of its pieces, or the batch fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.errors import (
    HintferryError,
    ParkReason,
    Side,
    Throttled,
    Undecodable,
    Unrepresentable,
)
from hintferry.core.outcome import Outcome, SkipReason
from hintferry.live.ledger import ConservationError, Ledger

FAULT = Throttled(Side.TARGET, "asked for less")
POISON = Unrepresentable("too large")

PIECES = st.lists(st.sampled_from([None, FAULT, POISON]), min_size=1, max_size=5)


def ends_of(errors: list[HintferryError | None]) -> Outcome:
    """Return how a record ends whose pieces of work ended so."""
    ledger = Ledger(1)
    for _ in errors:
        ledger.open([0])
    for error in errors:
        if error is None:
            ledger.applied([0])
        else:
            ledger.failed([0], error)
    return ledger.close()[0].outcome


@given(PIECES)
def test_a_record_ends_as_the_worst_of_its_pieces(errors: list[HintferryError | None]) -> None:
    """Returned over parked over applied: what is returned comes back whole."""
    worst = Outcome.APPLIED
    if POISON in errors:
        worst = Outcome.PARKED
    if FAULT in errors:
        worst = Outcome.RETURNED
    assert worst is ends_of(errors)


@given(PIECES.flatmap(lambda errors: st.tuples(st.just(errors), st.permutations(errors))))
def test_the_order_of_the_pieces_does_not_matter(
    both: tuple[list[HintferryError | None], list[HintferryError | None]],
) -> None:
    assert ends_of(both[0]) is ends_of(both[1])


@given(st.lists(st.sampled_from(["work", "skip", "refuse"]), max_size=30))
def test_as_many_come_out_as_went_in(kinds: list[str]) -> None:
    ledger = Ledger(len(kinds))
    for index, kind in enumerate(kinds):
        if kind == "work":
            ledger.open([index])
            ledger.applied([index])
        elif kind == "skip":
            ledger.skipped(index, SkipReason.NOTHING)
        else:
            ledger.refused(index, Undecodable("no hint"))
    expected = {"work": Outcome.APPLIED, "skip": Outcome.SKIPPED, "refuse": Outcome.PARKED}
    assert [expected[kind] for kind in kinds] == [end.outcome for end in ledger.close()]


def test_a_record_without_an_end_fails_the_batch() -> None:
    with pytest.raises(ConservationError, match=r"\[0\]"):
        Ledger(1).close()


def test_work_that_never_ended_fails_the_batch() -> None:
    ledger = Ledger(2)
    ledger.open([0, 1])
    ledger.open([1])
    ledger.applied([0, 1])
    with pytest.raises(ConservationError, match=r"\[1\]"):
        ledger.close()


def test_work_that_ended_twice_fails_the_batch() -> None:
    ledger = Ledger(1)
    ledger.open([0])
    ledger.applied([0])
    ledger.applied([0])
    with pytest.raises(ConservationError):
        ledger.close()


def test_an_end_says_why() -> None:
    ledger = Ledger(2)
    ledger.refused(0, POISON)
    ledger.refused(1, FAULT)
    parked, returned = ledger.close()
    assert (parked.reason, parked.error) == (ParkReason.UNREPRESENTABLE, POISON)
    assert (returned.reason, returned.error) == (None, FAULT)
