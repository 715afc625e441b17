"""The fakes' store reconciles as Cassandra does: cells, deletions, markers, lists, counters."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.hint import Bound, Slice
from hintferry.core.rows import Row
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.testing import changes, wirelist
from hintferry.testing.cells import Cell, winner
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState, holds
from hintferry.testing.store import MemoryStore

REGULAR, STATIC = ColumnKind.REGULAR, ColumnKind.STATIC
TABLE = Table(
    TableId("shop", "orders"),
    (Column("pk", "text", ColumnKind.PARTITION_KEY),),
    (Column("ck", "text", ColumnKind.CLUSTERING),),
    (Column("s", "text", STATIC),),
    (Column("a", "text", REGULAR), Column("l", "list<text>", REGULAR)),
)
COUNTS = Table(
    TABLE.id, TABLE.partition_key, TABLE.clustering, (), (Column("n", "counter", REGULAR),)
)
PK, CK = (b"p",), (b"c",)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(SimulatedTime(1_000_000_000))


def insert(at: int, ttl: int | None = None, **values: bytes | None) -> PartitionState:
    expires_at = None if ttl is None else 1_000 + ttl
    return changes.put(TABLE, CK, values, at, expires_at, creates_row=True)


def update(at: int, ttl: int | None = None, **values: bytes | None) -> PartitionState:
    expires_at = None if ttl is None else 1_000 + ttl
    return changes.put(TABLE, CK, values, at, expires_at, creates_row=False)


def shown(store: MemoryStore, *written: PartitionState) -> Row | None:
    for change in written:
        store.apply(TABLE.id, PK, change)
    return store.rows(TABLE, PK).get(CK)


def listed(*elements: bytes) -> bytes:
    return wirelist.encode(elements)


@pytest.mark.parametrize(
    ("loses", "wins"),
    [
        (Cell(1, b"z"), Cell(2, b"a")),
        (Cell(1, b"z"), Cell(1, None)),
        (Cell(1, b"z"), Cell(1, b"a", expires_at=5)),
        (Cell(1, b"z", expires_at=5), Cell(1, None)),
        (Cell(1, b"z", expires_at=5), Cell(1, b"a", expires_at=6)),
        (Cell(1, b"a"), Cell(1, b"b")),
        (Cell(1, b"a", expires_at=5), Cell(1, b"b", expires_at=5)),
        (Cell(1, None), Cell(2, b"a", expires_at=5)),
    ],
)
def test_which_of_two_cells_wins(loses: Cell, wins: Cell) -> None:
    assert wins == winner(loses, wins) == winner(wins, loses)


def test_an_update_makes_no_row_without_a_value(store: MemoryStore) -> None:
    assert shown(store, update(1, a=b"v"), update(2, a=None)) is None


def test_an_insert_does(store: MemoryStore) -> None:
    assert shown(store, insert(1, a=b"v"), update(2, a=None)) == Row((None, None), (None, None))


def test_an_older_write_changes_nothing(store: MemoryStore) -> None:
    assert shown(store, insert(2, a=b"new"), insert(1, a=b"old")) == Row(
        (b"new", None), (None,) * 2
    )


@pytest.mark.parametrize(
    "deletion",
    [
        changes.remove_row(CK, 5),
        changes.remove_partition(5),
        changes.remove_slice(Slice(Bound((b"b",)), Bound((b"d",))), 5),
        changes.remove_slice(Slice(Bound(CK), Bound(CK)), 5),
    ],
)
def test_a_deletion_hides_what_is_not_newer(store: MemoryStore, deletion: PartitionState) -> None:
    assert shown(store, deletion, insert(5, a=b"v")) is None
    assert shown(store, update(6, a=b"w")) == Row((b"w", None), (None, None))


def test_a_deletion_of_its_neighbours_spares_a_row(store: MemoryStore) -> None:
    behind = changes.remove_slice(Slice(Bound(CK, inclusive=False)), 5)
    assert shown(store, insert(1, a=b"v"), behind) is not None


def test_a_partition_deletion_takes_the_statics_and_a_range_does_not(store: MemoryStore) -> None:
    static = changes.put(TABLE, None, {"s": b"v"}, 1, creates_row=False)
    store.apply(TABLE.id, PK, static)
    store.apply(TABLE.id, PK, changes.remove_slice(Slice(), 5))
    assert store.statics(TABLE, PK).values == (b"v",)
    store.apply(TABLE.id, PK, changes.remove_partition(5))
    assert store.statics(TABLE, PK).values == (None,)


def test_a_value_is_there_until_the_second_it_expires(store: MemoryStore) -> None:
    assert shown(store, update(1, ttl=10, a=b"v")) == Row((b"v", None), (1_010, None))
    store.time.advance(9_999_999)
    assert shown(store) is not None
    store.time.advance(1)
    assert shown(store) is None


def test_what_expired_does_not_bring_back_what_it_replaced(store: MemoryStore) -> None:
    shown(store, insert(1, a=b"old"), update(2, ttl=1, a=b"new"))
    store.time.advance(2_000_000)
    assert shown(store) == Row((None, None), (None, None))


def test_a_marker_expires_with_its_insert(store: MemoryStore) -> None:
    shown(store, insert(1, ttl=10, a=b"v"), update(2, a=None))
    store.time.advance(10_000_000)
    assert shown(store) is None


def test_overwriting_a_list_leaves_the_new_elements_only(store: MemoryStore) -> None:
    row = shown(store, insert(1, l=listed(b"a", b"b")), insert(2, l=listed(b"c")))
    assert row is not None
    assert row.values[1] == listed(b"c")


def test_two_inserts_of_a_list_at_one_time_double_it(store: MemoryStore) -> None:
    """Why no two reads share a read start, and why no write is sent again."""
    row = shown(store, insert(1, l=listed(b"a", b"b")), insert(1, l=listed(b"a", b"b")))
    assert row is not None
    assert row.values[1] == listed(b"a", b"b", b"a", b"b")


def test_an_append_adds_to_a_list_and_null_takes_it_away(store: MemoryStore) -> None:
    row = shown(store, insert(1, l=listed(b"a")), changes.append(CK, "l", b"b", 2))
    assert row is not None
    assert row.values[1] == listed(b"a", b"b")
    assert shown(store, insert(3, l=None)) == Row((None, None), (None, None))


def test_additions_to_a_counter_count_once_however_often_they_arrive(store: MemoryStore) -> None:
    first, second = changes.add(CK, {"n": 5}, 1), changes.add(CK, {"n": -7}, 2)
    for change in (first, second, first):
        store.apply(COUNTS.id, PK, change)
    assert store.rows(COUNTS, PK)[CK].values == ((-2 % 2**64).to_bytes(8),)


TIMES = st.integers(1, 4)
VALUES = st.sampled_from([None, b"1", b"2"])
TTLS = st.sampled_from([None, 5, 9])


@st.composite
def writes(draw: st.DrawFn) -> PartitionState:
    """Any write to a small partition at one of few timestamps."""
    at, clustering = draw(TIMES), draw(st.sampled_from([(b"b",), CK, (b"d",)]))
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return changes.remove_row(clustering, at)
    if kind == 1:
        return changes.remove_partition(at)
    if kind == 2:
        return changes.remove_slice(Slice(Bound(clustering, draw(st.booleans()))), at)
    if kind == 3:
        return changes.append(clustering, "l", b"x", at)
    ttl = draw(TTLS)
    expires_at = None if ttl is None else 1_000 + ttl
    if kind == 4:
        return changes.put(TABLE, None, {"s": draw(VALUES)}, at, expires_at, creates_row=False)
    values = {"a": draw(VALUES), "l": draw(st.sampled_from([None, listed(b"y")]))}
    return changes.put(TABLE, clustering, values, at, expires_at, creates_row=kind == 5)


def visible(written: list[PartitionState], seconds: int) -> tuple[object, object]:
    store = MemoryStore(SimulatedTime(seconds * 1_000_000))
    for change in written:
        store.apply(TABLE.id, PK, deepcopy(change))
    return store.rows(TABLE, PK), store.statics(TABLE, PK)


@given(st.lists(writes(), max_size=8).flatmap(lambda w: st.tuples(st.just(w), st.permutations(w))))
def test_writes_merge_in_any_order(both: tuple[list[PartitionState], list[PartitionState]]) -> None:
    for seconds in (1_000, 1_006, 1_010):
        assert visible(both[0], seconds) == visible(both[1], seconds)


@given(st.lists(writes(), max_size=6), st.data())
def test_writes_merge_any_number_of_times(
    written: list[PartitionState], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(written), max_size=6)) if written else []
    assert visible(written, 1_000) == visible(written + again, 1_000)


@given(st.lists(writes(), max_size=6), st.lists(writes(), max_size=6))
def test_replicas_merge_to_what_one_of_all_writes_holds(
    one_writes: list[PartitionState], other_writes: list[PartitionState]
) -> None:
    one, other = PartitionState(), PartitionState()
    for state, written in ((one, one_writes), (other, other_writes)):
        for change in written:
            state.merge(deepcopy(change))
    store = MemoryStore(SimulatedTime(1_000_000_000))
    store.apply(TABLE.id, PK, one)
    store.apply(TABLE.id, PK, other)
    assert visible(one_writes + other_writes, 1_000) == (
        store.rows(TABLE, PK),
        store.statics(TABLE, PK),
    )


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Slice(), ["ax", "ay", "bx"]),
        (Slice(Bound((b"a",), inclusive=False)), ["bx"]),
        (Slice(Bound(), Bound((b"a",))), ["ax", "ay"]),
        (Slice(Bound((b"a", b"x"), inclusive=False), Bound((b"b",), inclusive=False)), ["ay"]),
    ],
)
def test_a_bound_that_is_a_prefix_speaks_of_all_rows_under_it(
    part: Slice, expected: list[str]
) -> None:
    rows = [(b"a", b"x"), (b"a", b"y"), (b"b", b"x")]
    assert expected == [b"".join(key).decode() for key in rows if holds(part, key)]
