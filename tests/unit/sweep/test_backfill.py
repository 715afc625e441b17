"""Old rows reach the target by one read each, and never against what is newer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hintferry.core.errors import Fenced, HintferryError, Overwhelmed, Side, Unavailable
from hintferry.core.limits import LIVE_RETRY
from hintferry.core.rows import Put, Row, Scanned, ScanPage, Statement
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import HIGHEST, LOWEST, WHOLE_RING, TokenRange, plan_ranges
from hintferry.core.verdict import BackfillSums
from hintferry.core.work import RowWork, StaticWork
from hintferry.ports import Write
from hintferry.sweep.progress import Finished
from hintferry.testing import changes
from hintferry.testing.fences import FENCE
from hintferry.testing.points import Point
from hintferry.testing.scan import page_of, token_of
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.target import Fate, MemoryTarget
from hintferry_ops.cost.estimate import Estimate, estimate
from tests.model.tables import COUNTS, PLAIN, WIDE
from tests.unit.sweeping import Sides

KEYS: list[Key] = [(b"%02d" % number, b"x") for number in range(12)]


def with_rows(seed: int = 0) -> Sides:
    sides, random = Sides(seed), Random(seed)
    for number in range(5):
        partition = (b"p%d" % number,)
        for key in random.sample(KEYS, random.choice([0, 1, 12])):
            sides.on_source(WIDE, partition, sides.put(WIDE, partition, key, {"a": b"1"}))
        if random.random() < 0.5:
            sides.on_source(WIDE, partition, sides.put(WIDE, partition, None, {"s": b"1"}))
    return sides


def fill(sides: Sides, table: Table, parts: Iterable[TokenRange] | None = None) -> BackfillSums:
    sums = BackfillSums()
    for report in sides.backfill(table).fill(plan_ranges([], 3) if parts is None else parts):
        if isinstance(report, Finished):
            assert report.error is None, report.error
            sums.add(report.sums)
    return sums


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_everything_is_filled_and_verified_equal(seed: int) -> None:
    sides = with_rows(seed)
    filled = fill(sides, WIDE)
    found = sides.verify(WIDE)
    assert (found.is_clean, found.equal) == (True, filled.written)


def test_a_row_is_read_once_by_the_scan_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = with_rows(3)
    scanned: list[Key] = []
    pages = sides.source_scan.rows

    def rows(table: Table, part: TokenRange) -> Iterator[object]:
        for page in pages(table, part):
            scanned.extend((*key.partition, *key.clustering) for key in page.keys)
            yield page

    def never(self: ReplicatedSource, works: Iterable[RowWork | StaticWork]) -> object:
        raise AssertionError(f"read by key: {list(works)}")

    expected = fill(sides, WIDE)
    monkeypatch.setattr(sides.source_scan, "rows", rows)
    monkeypatch.setattr(sides.raw_source.__class__, "read", never)
    monkeypatch.setattr(sides.source_scan, "statics", lambda table, part: iter(()))
    filled = fill(sides, WIDE)
    assert 0 < filled.written == len(scanned) == len(set(scanned)) <= expected.written


def test_a_page_is_written_at_the_time_at_which_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long the answer took."""
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))
    asked: list[int] = []
    written: list[int] = []
    pages = sides.source_scan.rows

    def slowly(table: Table, part: TokenRange) -> Iterator[ScanPage]:
        for page in pages(table, part):
            sides.time.advance(5_000_000)
            if page.keys:
                asked.append(page.read_start)
            yield page

    def answer(_write: Write, statement: Statement) -> Fate:
        assert isinstance(statement, Put)
        written.append(statement.timestamp)
        return Fate.WRITTEN

    monkeypatch.setattr(sides.source_scan, "rows", slowly)
    object.__setattr__(sides.pipeline, "target", MemoryTarget(sides.store, answers=answer))
    fill(sides, PLAIN, [WHOLE_RING])
    assert written == asked
    assert len(written) == 1


def test_a_target_that_is_away_for_long_is_waited_for() -> None:
    sides, refused = Sides(), [0]
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))

    def answer(_write: Write, _statement: Statement) -> Fate:
        refused[0] += 1
        return Fate.UNAVAILABLE if refused[0] <= 3 * LIVE_RETRY.attempts else Fate.WRITTEN

    object.__setattr__(sides.pipeline, "target", MemoryTarget(sides.store, answers=answer))
    assert fill(sides, PLAIN, [WHOLE_RING]) == BackfillSums(written=1)
    assert sides.verify(PLAIN).is_clean


def test_a_newer_write_and_a_newer_delete_are_never_undone() -> None:
    """Both arrive between the reading of the page and its writing."""
    sides = Sides()
    changed, gone = (b"p",), (b"q",)
    for partition in (changed, gone):
        sides.on_source(PLAIN, partition, sides.put(PLAIN, partition, (), {"a": b"old"}))
    happened: list[bool] = []

    def at(point: Point) -> None:
        if point is Point.BEFORE_WRITE and not happened:
            happened.append(True)
            sides.time.advance(1_000_000)
            sides.on_target(PLAIN, changed, sides.put(PLAIN, changed, (), {"a": b"new"}))
            sides.on_target(PLAIN, gone, changes.remove_row((), sides.time.micros))

    sides.hook = at
    fill(sides, PLAIN, [WHOLE_RING])
    assert [row.values[0] for row in sides.store.rows(PLAIN, changed).values()] == [b"new"]
    assert sides.store.rows(PLAIN, gone) == {}


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_faults_of_both_sides_lose_nothing(seed: int) -> None:
    sides, random = with_rows(seed), Random(seed)

    def fault(_: TokenRange) -> HintferryError | None:
        return Unavailable(Side.SOURCE, "down") if random.random() < 0.1 else None

    answers = [Fate.THROTTLED, Fate.TIMED_OUT_LOST, *[Fate.WRITTEN] * 8]
    sides.target = MemoryTarget(sides.store, answers=lambda *_: random.choice(answers))
    object.__setattr__(sides.pipeline, "target", sides.target)
    sides.source_scan.fails = fault
    fill(sides, WIDE)
    sides.source_scan.fails = lambda _: None
    assert sides.verify(WIDE).is_clean


def test_counters_are_filled_by_what_the_target_lacks() -> None:
    sides = Sides()
    for number in range(4):
        sides.on_source(COUNTS, (b"p",), changes.add((b"%d" % number,), {"m": 5}, number + 1))
    sides.on_target(COUNTS, (b"p",), changes.add((b"2",), {"m": 3}, 9))
    assert fill(sides, COUNTS).written == 4
    assert fill(sides, COUNTS).written == 4
    assert sides.verify(COUNTS).equal == 4


def test_what_the_target_refuses_is_parked_with_its_key() -> None:
    sides = with_rows(3)
    bad = KEYS[2]

    def answer(_write: Write, statement: Statement) -> Fate:
        refused = statement.clustering == bad
        return Fate.UNREPRESENTABLE if refused else Fate.WRITTEN

    object.__setattr__(sides.pipeline, "target", MemoryTarget(sides.store, answers=answer))
    filled = fill(sides, WIDE)
    keys = [one.hint.clustering for one in sides.parking.parked if one.hint]
    assert filled.parked == len(keys) > 0
    assert set(keys) == {bad}
    assert sides.verify(WIDE).missing == filled.parked


def test_what_the_source_cannot_read_is_told() -> None:
    sides = Sides()
    partitions = [(b"p%d" % number,) for number in range(9)]
    for partition in partitions:
        sides.on_source(PLAIN, partition, sides.put(PLAIN, partition, (), {"a": b"1"}))
    bad = token_of(partitions[4])
    sides.source_scan.fails = lambda part: (
        Overwhelmed("too many tombstones") if part.after < bad <= part.upto else None
    )
    filled = fill(sides, PLAIN)
    assert (filled.written, filled.unread, filled.is_clean) == (8, 1, False)


def test_after_the_fence_nothing_is_written() -> None:
    sides = with_rows(3)
    sides.fences.set(WIDE.id, FENCE)
    with pytest.raises(Fenced):
        fill(sides, WIDE)
    assert sides.store.partitions == {}


def test_a_snapshot_speaks_for_one_partition() -> None:
    """Two partitions of a page with the same clustering key keep their own values."""
    sides = Sides()
    for number in range(3):
        partition = (b"p%d" % number,)
        value = b"%d" % number
        sides.on_source(WIDE, partition, sides.put(WIDE, partition, KEYS[0], {"a": value}))
    fill(sides, WIDE, [WHOLE_RING])
    shown = [sides.store.rows(WIDE, (b"p%d" % n,))[KEYS[0]].values[0] for n in range(3)]
    assert shown == [b"0", b"1", b"2"]


def test_no_more_is_written_than_the_table_is_declared_to_take() -> None:
    sides = Sides()
    for number in range(60):
        sides.on_source(
            PLAIN, (b"%d" % number,), sides.put(PLAIN, (b"%d" % number,), (), {"a": b"1"})
        )
    began = sides.time.micros
    slow = replace(sides.backfill(PLAIN), units_per_s=4.0)
    sums = BackfillSums()
    for report in slow.fill([WHOLE_RING]):
        if isinstance(report, Finished):
            sums.add(report.sums)
    assert (sums.written, sums.write_units) == (60, 60)
    assert (sides.time.micros - began) / 1e6 >= 60 / 4.0


def test_an_estimate_is_near_what_a_backfill_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [Scanned(at, (b"%d" % at,), (), Row((b"x" * 2_000,), (None,)))
            for at in range(LOWEST + 1, HIGHEST, 2**64 // 3_000)]  # fmt: skip

    def rows(_table: Table, part: TokenRange) -> Iterator[ScanPage]:
        yield page_of([], 1, False)
        yield page_of([key for key in keys if part.after < key.token <= part.upto][:64], 1, False)

    scan = Sides().source_scan
    monkeypatch.setattr(scan, "rows", rows)
    table = replace(PLAIN, regulars=PLAIN.regulars[:1])
    found = estimate(table, scan, ttl=True)
    assert found.rows == pytest.approx(len(keys), rel=0.05)
    assert found.write_units == pytest.approx(3 * found.rows, rel=0.01)


def test_an_empty_table_is_estimated_as_one() -> None:
    assert estimate(PLAIN, Sides().source_scan, ttl=True) == Estimate(0, 0)
