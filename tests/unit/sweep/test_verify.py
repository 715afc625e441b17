"""Every key of both sides is judged once, suspects are read again, and a repair corrects all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hintferry.core.errors import (
    Fenced,
    HintferryError,
    Overwhelmed,
    Side,
    Unavailable,
)
from hintferry.core.hint import Errand, Scope
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.rows import Row, ScanPage
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import WHOLE_RING, TokenRange, plan_ranges
from hintferry.core.verdict import Verdict, VerifySums, judge, shown
from hintferry.sweep import verify
from hintferry.sweep.progress import Finished
from hintferry.testing import changes, scan
from hintferry.testing.fences import FENCE
from hintferry.testing.points import Point
from hintferry.testing.scan import token_of
from tests.model.tables import BARE, COUNTS, PLAIN, WIDE
from tests.unit.sweeping import Sides

SEEDS = st.integers(0, 2**32)


def filled(seed: int) -> Sides:
    """Rows and static columns of `wide`: alike, on one side only, or different."""
    sides, random = Sides(seed), Random(seed)
    for number in range(random.randint(0, 6)):
        partition = (b"p%d" % number,)
        for clustering in range(random.choice([0, 1, 2, 30])):
            key: Key = (b"%02d" % clustering, b"x")
            fate = random.choice(["both", "both", "ours", "theirs", "differ"])
            if fate != "theirs":
                sides.on_source(WIDE, partition, sides.put(WIDE, partition, key, {"a": b"1"}))
            if fate != "ours":
                value = b"2" if fate == "differ" else b"1"
                sides.on_target(WIDE, partition, sides.put(WIDE, partition, key, {"a": value}))
        if random.random() < 0.5:
            sides.on_source(WIDE, partition, sides.put(WIDE, partition, None, {"s": b"1"}))
        if random.random() < 0.5:
            value = random.choice([b"1", b"2"])
            sides.on_target(WIDE, partition, sides.put(WIDE, partition, None, {"s": value}))
    return sides


def counted(sides: Sides, table: Table) -> VerifySums:
    """Return the tally, counted by brute force."""
    sums = VerifySums()
    replica = sides.cluster.replicas[0]
    known = {at[1] for at in (*replica.partitions, *sides.store.partitions) if at[0] == table.id}
    for partition in known:
        on_source, on_target = replica.rows(table, partition), sides.store.rows(table, partition)
        for key in on_source.keys() | on_target.keys():
            sums.count(judge(table, on_source.get(key), on_target.get(key)))
        if table.statics:
            source_statics = shown(replica.statics(table, partition))
            target_statics = shown(sides.store.statics(table, partition))
            if source_statics or target_statics:
                sums.count(judge(table, source_statics, target_statics))
    return sums


@settings(max_examples=30)
@given(SEEDS)
def test_every_key_of_either_side_is_judged_once(seed: int) -> None:
    sides = filled(seed)
    assert sides.verify(WIDE) == counted(sides, WIDE)
    assert sides.later == []


@settings(max_examples=30)
@given(SEEDS)
def test_some_of_what_is_not_equal_is_shown_as_examples(seed: int) -> None:
    for report in filled(seed).sweep(WIDE).verify(plan_ranges([], 3)):
        if isinstance(report, Finished):
            found = Counter(verdict for verdict, _ in report.examples)
            sums = report.sums
            unequal = sums.missing + sums.different + sums.extra
            assert found.total() == min(unequal, verify.MOST_EXAMPLES)
            assert all(count <= getattr(sums, one.value) for one, count in found.items())


@settings(max_examples=30)
@given(SEEDS)
def test_a_repair_sends_hints_that_make_both_sides_equal(seed: int) -> None:
    sides = filled(seed)
    found = sides.verify(WIDE, repair=True)
    assert found.hinted == len(sides.later) == found.missing + found.different + found.extra
    assert {one.hint.errand for one in sides.later} <= {Errand.REPAIR}
    sides.apply_later()
    again = sides.verify(WIDE)
    assert again.is_clean
    assert again == counted(sides, WIDE)


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 12))
def test_faults_on_the_way_change_no_sum(seed: int, often: int) -> None:
    sides, random = filled(seed), Random(seed)

    def fault(_: TokenRange) -> HintferryError | None:
        side = random.choice([Side.SOURCE, Side.TARGET])
        return Unavailable(side, "down") if random.random() * often * 3 < 1 else None

    def at(point: Point) -> None:
        failure = fault(WHOLE_RING)
        if point is Point.BEFORE_TARGET_READ and failure is not None:
            raise failure

    expected = counted(sides, WIDE)
    sides.source_scan.fails = sides.target_scan.fails = fault
    sides.hook = at
    sums = VerifySums()
    for report in sides.sweep(WIDE).verify([WHOLE_RING]):
        if isinstance(report, Finished) and report.error is None:
            sums = report.sums
            assert sums == expected


def test_a_hint_that_was_on_its_way_is_no_difference() -> None:
    sides = Sides()
    change = sides.put(PLAIN, (b"p",), (), {"a": b"1"})
    sides.on_source(PLAIN, (b"p",), change)
    reports = sides.sweep(PLAIN, repair=True).verify([WHOLE_RING])
    next(reports)
    sides.on_target(PLAIN, (b"p",), change)
    (last,) = [report for report in reports if isinstance(report, Finished)]
    assert last.sums == VerifySums(equal=1)
    assert sides.later == []


def test_the_second_look_comes_when_no_write_can_still_arrive() -> None:
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))
    began = sides.time.micros
    assert sides.verify(PLAIN) == VerifySums(missing=1)
    assert sides.time.micros - began >= SECOND_LOOK_AFTER_S * 1_000_000


@pytest.mark.parametrize(("ttl", "verdict"), [(60, Verdict.EQUAL), (64, Verdict.DIFFERENT)])
def test_ttls_within_two_seconds_count_as_equal(ttl: int, verdict: Verdict) -> None:
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}, ttl=61))
    sides.on_target(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}, ttl=ttl))
    expected = VerifySums()
    expected.count(verdict)
    assert sides.verify(PLAIN) == expected


def test_what_expired_on_the_source_and_stayed_on_the_target_is_repaired() -> None:
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}, ttl=5))
    sides.on_target(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))
    sides.time.advance(6_000_000)
    assert sides.verify(PLAIN, repair=True) == VerifySums(extra=1, hinted=1)
    sides.apply_later()
    assert sides.verify(PLAIN) == VerifySums()


def test_counters_are_brought_up_by_what_the_target_lacks() -> None:
    sides = Sides()
    for number in range(5):
        sides.on_source(COUNTS, (b"p",), changes.add((b"%d" % number,), {"m": number}, number + 1))
    sides.on_target(COUNTS, (b"p",), changes.add((b"3",), {"m": 2}, 9))
    sides.on_target(COUNTS, (b"p",), changes.add((b"4",), {"m": 4}, 9))
    assert sides.verify(COUNTS, repair=True) == VerifySums(
        equal=1, missing=3, different=1, hinted=4
    )
    sides.apply_later()
    assert sides.verify(COUNTS) == VerifySums(equal=5)


def test_a_partition_that_only_the_target_has_much_of_is_judged_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a TRUNCATE: far more rows than are judged at once, beside a few that are new."""
    monkeypatch.setattr(verify, "MOST_AT_ONCE", 5)
    sides, partition = Sides(), (b"p",)
    for number in range(200):
        change = sides.put(BARE, partition, (b"%03d" % number,), {})
        if number % 40 in (7, 8):
            sides.on_source(BARE, partition, change)
        if number % 40 != 7:
            sides.on_target(BARE, partition, change)
    expected = counted(sides, BARE)
    assert (expected.equal, expected.missing, expected.extra) == (5, 5, 190)
    assert sides.verify(BARE, ranges=[WHOLE_RING]) == expected


def test_tombstones_are_cut_around_and_what_stays_unread_is_hinted_whole() -> None:
    sides = Sides()
    partitions = [(b"p%d" % number,) for number in range(20)]
    for partition in partitions:
        change = sides.put(WIDE, partition, (b"1", b"x"), {"a": b"1"})
        sides.on_source(WIDE, partition, change)
        sides.on_target(WIDE, partition, change)
    bad = token_of(partitions[7])
    sides.source_scan.fails = lambda part: (
        Overwhelmed("too many tombstones") if part.after < bad <= part.upto else None
    )
    found = sides.verify(WIDE, repair=True)
    # Once for the rows, once for the static columns.
    assert (found.equal, found.unread, found.is_clean) == (19, 2, False)
    assert {(one.hint.scope, one.hint.partition) for one in sides.later} == {
        (Scope.PARTITION, partitions[7])
    }


def test_static_columns_of_partitions_with_one_token_are_all_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scan, "token_of", lambda partition: 7)
    sides = Sides()
    for number in range(9):
        partition = (b"p%d" % number,)
        sides.on_source(WIDE, partition, sides.put(WIDE, partition, None, {"s": b"1"}))
        value = b"2" if number == 3 else b"1"
        sides.on_target(WIDE, partition, sides.put(WIDE, partition, None, {"s": value}))
    assert sides.verify(WIDE) == VerifySums(equal=8, different=1)


def test_a_side_that_stays_away_fails_its_ranges_and_no_others() -> None:
    sides = Sides()
    for number in range(30):
        sides.on_source(
            PLAIN, (b"%d" % number,), sides.put(PLAIN, (b"%d" % number,), (), {"a": b"1"})
        )
    good, bad = WHOLE_RING.halves()
    sides.target_scan.fails = lambda part: (
        Unavailable(Side.TARGET, "down") if part.upto > bad.after else None
    )
    reports = list(sides.sweep(PLAIN).verify([good, bad]))
    ends = {one.part: one for one in reports if isinstance(one, Finished)}
    assert isinstance(ends[bad].error, Unavailable)
    assert ends[good].error is None
    assert ends[good].sums.missing > 0


def test_hints_that_the_queue_does_not_take_leave_the_range_undone() -> None:
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))
    sides.queue.is_closed = True
    (end,) = [
        one
        for one in sides.sweep(PLAIN, repair=True).verify([WHOLE_RING])
        if isinstance(one, Finished)
    ]
    assert end.error is not None


def test_behind_the_fence_nothing_is_read_or_hinted() -> None:
    sides = Sides()
    sides.on_source(PLAIN, (b"p",), sides.put(PLAIN, (b"p",), (), {"a": b"1"}))
    reports = sides.sweep(PLAIN, repair=True).verify([WHOLE_RING])
    next(reports)
    sides.fences.set(PLAIN.id, FENCE)
    with pytest.raises(Fenced):
        list(reports)
    assert sides.later == []


def test_a_row_of_nulls_counts_and_null_statics_do_not() -> None:
    row = Row((None,), (None,))
    assert judge(WIDE, row, None) is Verdict.MISSING
    assert shown(row) is None


def equal_rows(sides: Sides, count: int) -> None:
    for number in range(count):
        partition = (b"%d" % number,)
        row = sides.put(PLAIN, partition, (), {"a": b"1"})
        sides.on_source(PLAIN, partition, row)
        sides.on_target(PLAIN, partition, row)


def test_what_was_read_by_an_earlier_table_is_read_again_and_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides = Sides()
    equal_rows(sides, 30)
    asked, altered = list[int](), replace(PLAIN, altered_us=1)
    rows = sides.source_scan.rows

    def altered_meanwhile(table: Table, part: TokenRange) -> Iterator[ScanPage]:
        asked.append(table.altered_us)
        for page in rows(table, part):
            sides.cluster.schemas.alter(altered, range(3))
            yield page

    monkeypatch.setattr(sides.source_scan, "rows", altered_meanwhile)
    assert sides.verify(PLAIN, ranges=[WHOLE_RING]) == VerifySums(equal=30)
    assert set(asked) == {0, 1}


def test_no_range_is_swept_while_nodes_have_different_schemas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides = Sides()
    equal_rows(sides, 3)

    def differ(_table: TableId) -> Table:
        raise Unavailable(Side.SOURCE, "its nodes do not have the same schema")

    monkeypatch.setattr(sides.raw_source, "agreed", differ)
    (end,) = [one for one in sides.sweep(PLAIN).verify([WHOLE_RING]) if isinstance(one, Finished)]
    assert isinstance(end.error, Unavailable)
    assert end.sums.seen == 0
