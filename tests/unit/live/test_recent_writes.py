"""Test that a hint is skipped when its key was read and written after the hint's arrival."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hintferry.core.hint import Errand, Hint, Scope
from hintferry.core.rows import Add, Remove
from hintferry.core.schema import TableId
from hintferry.core.work import RowWork, StaticWork
from hintferry.live.recent_writes import KEYS, MARGIN_US, RecentWrites

TABLE, PARTITION, ROW = TableId("shop", "orders"), (b"p",), (b"c",)
HINT = Hint(TABLE, PARTITION, Scope.ROW, ROW)
READ_START = 1_800_000_000_000_000
IN_TIME_MS = (READ_START - MARGIN_US) // 1000
WRITE = [Remove(ROW, READ_START)]


@pytest.fixture
def acknowledged() -> RecentWrites:
    found = RecentWrites()
    found.add(RowWork(TABLE, PARTITION, {ROW: (0,)}), WRITE, 5)
    return found


def test_a_hint_from_before_the_read_is_covered(acknowledged: RecentWrites) -> None:
    assert acknowledged.covers(HINT, IN_TIME_MS)


@pytest.mark.parametrize("appended_at_ms", [None, IN_TIME_MS + 1])
def test_a_hint_of_no_or_a_later_time_is_not(
    acknowledged: RecentWrites, appended_at_ms: int | None
) -> None:
    assert not acknowledged.covers(HINT, appended_at_ms)


@pytest.mark.parametrize(
    "hint",
    [
        replace(HINT, clustering=(b"d",)),
        replace(HINT, errand=Errand.REPAIR),
        replace(HINT, statics_due=True),
        replace(HINT, scope=Scope.PARTITION, clustering=()),
        replace(HINT, scope=Scope.STATIC, clustering=(), statics_due=True),
    ],
)
def test_what_was_not_written_whole_is_not(acknowledged: RecentWrites, hint: Hint) -> None:
    assert not acknowledged.covers(hint, IN_TIME_MS)


def test_statics_are_covered_by_a_write_of_theirs(acknowledged: RecentWrites) -> None:
    acknowledged.add(StaticWork(TABLE, PARTITION, (0,)), WRITE, 5)
    assert acknowledged.covers(replace(HINT, statics_due=True), IN_TIME_MS)


def test_an_addition_covers_nothing() -> None:
    acknowledged = RecentWrites()
    acknowledged.add(RowWork(TABLE, PARTITION, {ROW: (0,)}), [Add(ROW, ("n",), (b"1",))], 5)
    assert not acknowledged.covers(HINT, 0)


def test_a_bounded_number_of_keys_is_remembered(acknowledged: RecentWrites) -> None:
    for number in range(KEYS):
        key = (number.to_bytes(4),)
        acknowledged.add(RowWork(TABLE, PARTITION, {key: (0,)}), WRITE, 5)
    assert not acknowledged.covers(HINT, IN_TIME_MS)
    assert acknowledged.covers(replace(HINT, clustering=((KEYS - 1).to_bytes(4),)), IN_TIME_MS)


def test_one_of_no_keys_covers_nothing() -> None:
    acknowledged = RecentWrites(0)
    acknowledged.add(RowWork(TABLE, PARTITION, {ROW: (0,)}), WRITE, 5)
    assert not acknowledged.covers(HINT, IN_TIME_MS)


@pytest.mark.parametrize(("altered_us", "is_covered"), [(4, True), (5, True), (6, False)])
def test_a_copy_whose_node_knew_a_later_alteration_is_read_again(
    altered_us: int, is_covered: bool, acknowledged: RecentWrites
) -> None:
    hint = replace(HINT, altered_us=altered_us)
    assert acknowledged.covers(hint, IN_TIME_MS) is is_covered
