"""Which tables have the short wait behind the fence, and how long it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hintferry.core.limits import (
    ANNOUNCED_HOLDS_S,
    CLOCK_MARGIN_S,
    CUTOVER_WAIT_S,
    FENCE_HOLDS_S,
)
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.ports import Fence
from hintferry_ops.cutover.gate.fence import (
    SET_WITHIN_S,
    Stated,
    Wait,
    cutover_at,
    ends_at,
    newest_at,
    wait_of,
)
from tests.model.tables import BARE, BOUNDED, COUNTS, ELEMENTS, PLAIN, WIDE

STATED = Stated(skew_s=0.3, own_timestamps=False, tombstones_kept=True)
KEY = (Column("a", "int", ColumnKind.PARTITION_KEY),)


def of(
    table: Table, stated: Stated = STATED, *, stock: bool = False, has_clock: bool = True
) -> Wait:
    return wait_of(table, stated, stock=stock, has_clock=has_clock)


def table(cql_type: str, kind: ColumnKind = ColumnKind.REGULAR) -> Table:
    columns = (Column("v", cql_type, kind),)
    is_static = kind is ColumnKind.STATIC
    name = TableId("shop", "orders")
    return Table(name, KEY, (), columns if is_static else (), () if is_static else columns)


@pytest.mark.parametrize("one", [PLAIN, BARE], ids=lambda one: one.id.name)
def test_rows_of_cells_have_the_short_wait(one: Table) -> None:
    assert of(one).is_short


@pytest.mark.parametrize(
    "cql_type",
    [
        "map<text, frozen<list<int>>>",
        "set<int>",
        "frozen<list<int>>",
        "pair",
        "frozen<map<int, frozen<list<int>>>>",
        "tuple<int, frozen<list<int>>>",
        "vector<float, 3>",
    ],
)
def test_collections_that_keep_each_element_under_its_own_key_have_it_too(cql_type: str) -> None:
    for kind in (ColumnKind.REGULAR, ColumnKind.STATIC):
        assert of(table(cql_type, kind)).is_short


@pytest.mark.parametrize("one", [WIDE, ELEMENTS, BOUNDED], ids=lambda one: one.id.name)
def test_a_list_keeps_the_long_wait(one: Table) -> None:
    assert not of(one).is_short
    assert "a late write of a list" in of(one).why


def test_a_static_list_keeps_the_long_wait() -> None:
    assert "(v)" in of(table("list<int>", ColumnKind.STATIC)).why


def test_elements_that_may_expire_apart_keep_the_long_wait() -> None:
    """Of the statements of one row the first may arrive, and the others later."""
    elements = replace(table("map<int, int>"), tells_elements=True)
    assert "expire apart" in of(elements).why
    assert of(replace(elements, may_expire=False)).is_short
    assert of(replace(table("frozen<map<int, int>>"), tells_elements=True)).is_short


def test_counters_keep_the_long_wait() -> None:
    assert of(COUNTS).why == "additions to counters have no write time"


def test_what_is_not_known_keeps_the_long_wait_and_every_reason_is_told() -> None:
    for one, why in (
        (of(PLAIN, replace(STATED, own_timestamps=True)), "own_timestamps"),
        (of(PLAIN, replace(STATED, tombstones_kept=False)), "tombstones_kept"),
        (of(PLAIN, has_clock=False), "does not tell its time"),
        (of(PLAIN, stock=True), "stock connector"),
    ):
        assert not one.is_short
        assert why in one.why
        assert (one.least_s, one.most_s) == (CUTOVER_WAIT_S, CUTOVER_WAIT_S)
    assert of(WIDE, replace(STATED, own_timestamps=True)).why.count("; ") == 1


def test_the_wait_that_is_told_beforehand_is_the_least_and_the_most() -> None:
    short = of(PLAIN)
    margins = 2 * CLOCK_MARGIN_S + 0.3
    assert short.least_s == pytest.approx(ANNOUNCED_HOLDS_S + margins)
    assert short.most_s == pytest.approx(SET_WITHIN_S + FENCE_HOLDS_S + margins)
    slow = of(PLAIN, replace(STATED, skew_s=60.0))
    assert (slow.least_s, slow.most_s) == (CUTOVER_WAIT_S, CUTOVER_WAIT_S)


@pytest.mark.parametrize("announced_at", [None, 0.0, 93.0, 95.9, 99.0, 100.0, 200.0])
def test_no_reading_holds_longer_than_the_newest_write_time(announced_at: float | None) -> None:
    """Each reading began before the fence stood; one without the announcement, before that."""
    stands_at = 100.0
    newest = newest_at(stands_at, announced_at)
    unseen = stands_at if announced_at is None else min(stands_at, announced_at)
    assert newest > unseen + FENCE_HOLDS_S
    assert newest > stands_at + ANNOUNCED_HOLDS_S
    assert newest <= stands_at + FENCE_HOLDS_S + CLOCK_MARGIN_S
    slowest = ends_at(newest, 0.3) - CLOCK_MARGIN_S - 0.3
    assert slowest >= newest, "an application whose clock is slow writes later times"


def test_the_short_wait_never_ends_later_than_the_long_one() -> None:
    fence = Fence(100.0, None, 103.0, 104.0)
    assert cutover_at(fence) == 104.0
    assert cutover_at(replace(fence, ends_at=None)) == 100.0 + CUTOVER_WAIT_S
    assert cutover_at(replace(fence, ends_at=1000.0)) == 100.0 + CUTOVER_WAIT_S
