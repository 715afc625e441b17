"""Test that what a comparison leaves for later covers the slice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hintferry.core.compare import EXPIRY_TOLERANCE_S, same
from hintferry.core.hint import WHOLE_PARTITION, Bound, Errand, Hint, Scope, Slice
from hintferry.core.limits import (
    COUNT_WITHIN_S,
    LEASE_S,
    REQUEST_TIMEOUT_S,
    SECOND_LOOK_AFTER_S,
    STALE_AFTER_S,
)
from hintferry.core.rows import Row
from hintferry.core.schema import TableId
from hintferry.core.work import SliceWork
from hintferry.live.followup import followups

TABLE = TableId("shop", "orders")
REST = Slice(Bound((b"m",), inclusive=False), Bound())
DONE = Slice(Bound(), Bound((b"m",)))


def work(errand: Errand) -> SliceWork:
    return SliceWork(TABLE, (b"p",), WHOLE_PARTITION, (0,), errand)


def hint(part: Slice, errand: Errand) -> Hint:
    return Hint(TABLE, (b"p",), Scope.SLICE, slice=part, errand=errand)


@pytest.mark.parametrize("errand", [Errand.NEWS, Errand.CONTINUATION])
def test_a_compared_slice_is_looked_at_again_when_no_write_can_be_on_its_way(
    errand: Errand,
) -> None:
    (later,) = followups(work(errand), None)
    assert hint(WHOLE_PARTITION, Errand.SECOND_LOOK) == later.hint
    assert later.delay_s >= STALE_AFTER_S + REQUEST_TIMEOUT_S


def test_a_second_look_is_the_last() -> None:
    assert followups(work(Errand.SECOND_LOOK), None) == []


def test_the_rest_of_a_long_slice_goes_on_at_once() -> None:
    again, rest = followups(work(Errand.NEWS), REST)
    assert hint(DONE, Errand.SECOND_LOOK) == again.hint
    assert hint(REST, Errand.CONTINUATION) == rest.hint
    assert (again.delay_s, rest.delay_s) == (SECOND_LOOK_AFTER_S, 0)


@pytest.mark.parametrize("errand", [Errand.NEWS, Errand.CONTINUATION])
def test_a_slice_that_is_left_as_a_whole_is_looked_at_again_once_at_its_end(errand: Errand) -> None:
    """Else each delivery would leave a second look of the whole, and those again."""
    (rest,) = followups(work(errand), work(errand).slice)
    assert (rest.hint, rest.delay_s) == (hint(WHOLE_PARTITION, Errand.CONTINUATION), 0)


def test_the_rest_of_a_second_look_stays_one() -> None:
    (rest,) = followups(work(Errand.SECOND_LOOK), REST)
    assert (hint(REST, Errand.SECOND_LOOK), 0) == (rest.hint, rest.delay_s)


def test_no_write_of_a_lease_outlives_it() -> None:
    assert COUNT_WITHIN_S + REQUEST_TIMEOUT_S < LEASE_S


@pytest.mark.parametrize(
    ("source_end", "target_end", "expected"),
    [
        (None, None, True),
        (100, 100, True),
        (100, 100 + EXPIRY_TOLERANCE_S, True),
        (100 + EXPIRY_TOLERANCE_S, 100, True),
        (100, 101 + EXPIRY_TOLERANCE_S, False),
        (None, 100, False),
        (100, None, False),
    ],
)
def test_expiries_are_the_same_within_what_reading_them_blurs(
    source_end: int | None, target_end: int | None, expected: bool
) -> None:
    assert expected is same(
        Row((b"v", b"w"), (source_end, None)), Row((b"v", b"w"), (target_end, None))
    )


def test_values_are_the_same_by_their_bytes() -> None:
    assert not same(Row((b"",), (None,)), Row((None,), (None,)))


def test_what_is_done_later_knows_the_table_as_its_hint_did() -> None:
    altered = replace(work(Errand.NEWS), altered_us=7)
    assert [later.hint.altered_us for later in followups(altered, REST)] == [7, 7]
