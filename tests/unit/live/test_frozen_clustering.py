"""A slice of a table whose target cannot bound it: made equal by keys, and never refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.errors import NoTimeLeft, Overwhelmed, Unrepresentable
from hintferry.core.hint import WHOLE_PARTITION, Bound, Slice
from hintferry.core.limits import RESERVE_S
from hintferry.core.rows import Row
from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId
from hintferry.core.slices import bounded, pieces
from hintferry.core.work import SliceWork
from hintferry.live.reconcile import Reconciler
from hintferry.testing import changes
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cluster import REPLICAS, ReplicatedCluster
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.source import ReplicatedSource
from hintferry.testing.store import MemoryStore
from hintferry.testing.target import MemoryTarget

TABLE = Table(
    TableId("shop", "tagged"),
    (Column("k", "int", ColumnKind.PARTITION_KEY),),
    (
        Column("t", "text", ColumnKind.CLUSTERING, 0),
        Column("tags", "frozen<map<text, text>>", ColumnKind.CLUSTERING, 1),
    ),
    regulars=(Column("v", "text", ColumnKind.REGULAR),),
)
PARTITION = (b"p",)
KEYS = st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"1", b"2", b"3"]))
BOUNDS = st.builds(lambda key, length: Bound(key[:length]), KEYS, st.integers(0, 2))


class ByEqualityOnly(MemoryTarget):
    """Refuses to compare tags by anything else, as Keyspaces does."""

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        for piece in pieces(part, table.clustering):
            if len(piece.prefix) == 1 and (piece.after or piece.before):
                raise Unrepresentable("tags can be compared by equality only")
        yield from super().rows(table, partition, part)


class Sides:
    """Both sides, with these rows of one partition."""

    def __init__(self, source: set[Key], target: set[Key], seed: int) -> None:
        time = SimulatedTime()
        self.cluster = ReplicatedCluster([TABLE], time, lambda *_: None)
        self.store = MemoryStore(time)
        for key in source:
            row = changes.put(TABLE, key, {"v": b"new"}, time.micros, creates_row=True)
            self.cluster.write(TABLE, PARTITION, row, range(REPLICAS))
        for key in target:
            row = changes.put(TABLE, key, {"v": b"old"}, time.micros, creates_row=True)
            self.store.apply(TABLE.id, PARTITION, row)
        time.advance(1_000_000)
        clock = ScriptedClock(time)
        self.reconciler = Reconciler(
            ReplicatedSource(self.cluster, clock, random=Random(seed)),
            ByEqualityOnly(self.store, random=Random(seed)),
            clock,
            FixedDeadline(),
        )

    def reconcile(self, part: Slice) -> Slice | None:
        return self.reconciler.reconcile(SliceWork(TABLE.id, PARTITION, part, (0,)))

    @property
    def target(self) -> dict[Key, Row]:
        return self.store.rows(TABLE, PARTITION)

    @property
    def source(self) -> dict[Key, Row]:
        return self.cluster.replicas[0].rows(TABLE, PARTITION)


@given(st.sets(KEYS), st.sets(KEYS), st.integers(0, 99))
def test_a_partition_becomes_equal(source: set[Key], target: set[Key], seed: int) -> None:
    sides = Sides(source, target, seed)
    assert sides.reconcile(WHOLE_PARTITION) is None
    assert sides.target == sides.source
    assert sides.target.keys() == source


@given(st.sets(KEYS), st.sets(KEYS), BOUNDS, BOUNDS, st.integers(0, 99))
def test_a_slice_becomes_equal_whatever_bounds_it_has(
    source: set[Key], target: set[Key], start: Bound, end: Bound, seed: int
) -> None:
    sides = Sides(source, target, seed)
    part = Slice(start, end)
    assert sides.reconcile(part) is None
    inside = sides.cluster.replicas[0].rows(TABLE, PARTITION, part)
    assert sides.store.rows(TABLE, PARTITION, part) == inside
    assert all(sides.source[key] == row for key, row in sides.target.items() if key in inside)


class Shrinking(FixedDeadline):
    """Time for so many pages of the target."""

    def remaining(self) -> float:
        self._seconds -= 1.0
        return self._seconds


ALL: set[Key] = {(bytes([letter]), number) for letter in b"abc" for number in (b"1", b"2", b"3")}


def test_what_is_deleted_is_done_with_where_time_runs_out() -> None:
    sides = Sides({(b"c", b"3")}, ALL, 1)
    left, rounds = [len(sides.target)], 0
    while (rest := in_time(sides, 1)) is not None:
        assert rest == WHOLE_PARTITION
        left.append(len(sides.target))
        rounds += 1
    assert sides.target == sides.source
    assert rounds >= 2
    assert left == sorted(set(left), reverse=True)


def test_a_slice_of_which_nothing_is_gone_is_taken_up_by_another_invocation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides = Sides(ALL, ALL, 1)
    with pytest.raises(NoTimeLeft):
        in_time(sides, 2)
    monkeypatch.setattr("hintferry.live.reconcile.MOST_BY_KEYS", 0)
    with pytest.raises(Overwhelmed, match="run hintferry verify"):
        in_time(sides, 2)


def in_time(sides: Sides, pages: int) -> Slice | None:
    """Reconcile the whole partition, with time for so many pages of the target."""
    limited = replace(sides.reconciler, deadline=Shrinking(RESERVE_S + pages))
    return limited.reconcile(SliceWork(TABLE.id, PARTITION, WHOLE_PARTITION, (0,)))


@pytest.mark.parametrize(
    ("part", "around"),
    [
        (WHOLE_PARTITION, WHOLE_PARTITION),
        (Slice(Bound((b"a",), inclusive=False)), Slice(Bound((b"a",), inclusive=False))),
        (Slice(Bound((b"a", b"1"), inclusive=False), Bound((b"b",))),
         Slice(Bound((b"a",)), Bound((b"b",)))),
    ],
)  # fmt: skip
def test_the_slice_around_has_bounds_that_can_be_compared(part: Slice, around: Slice) -> None:
    assert bounded(part, TABLE.clustering) == around
    assert bounded(part, TABLE.clustering[:1]) is None
