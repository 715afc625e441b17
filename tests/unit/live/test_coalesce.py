"""Coalescing loses no hint, does no work twice, and does not care about the order of hints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.hint import WHOLE_PARTITION, Errand, Hint, Scope, Slice
from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId
from hintferry.core.work import ROWS_PER_READ, RowWork, SliceWork, StaticWork, Work
from hintferry.live.coalesce import coalesce
from tests.unit.strategies import hints

ORDERS = Table(
    TableId("shop", "orders"),
    (Column("pk", "tinyint", ColumnKind.PARTITION_KEY),),
    (Column("ck", "tinyint", ColumnKind.CLUSTERING),),
    (Column("s", "text", ColumnKind.STATIC),),
)
BATCHES = st.lists(hints(ORDERS), max_size=40)

WorkPlace = tuple[TableId, Key, Scope, Key | Slice]


def places_of_hint(hint: Hint) -> set[WorkPlace]:
    """Return what a hint asks to be looked at."""
    places: set[WorkPlace] = set()
    if hint.scope is Scope.ROW:
        places.add((hint.table, hint.partition, Scope.ROW, hint.clustering))
    elif hint.scope is not Scope.STATIC:
        places.add((hint.table, hint.partition, Scope.SLICE, hint.slice))
    if hint.statics_due:
        places.add((hint.table, hint.partition, Scope.STATIC, ()))
    return places


def places_of_work(work: Work) -> list[tuple[WorkPlace, tuple[int, ...]]]:
    """Return what a piece of work looks at, with the records that it settles."""
    if isinstance(work, RowWork):
        where = work.table, work.partition, Scope.ROW
        return [((*where, key), records) for key, records in work.rows.items()]
    if isinstance(work, StaticWork):
        return [((work.table, work.partition, Scope.STATIC, ()), work.records)]
    return [((work.table, work.partition, Scope.SLICE, work.slice), work.records)]


def as_a_set(works: Iterable[Work], batch: list[Hint]) -> set[tuple[WorkPlace, tuple[str, ...]]]:
    """Work without regard to order, records named by their hints."""
    return {
        (place, tuple(sorted(repr(batch[index]) for index in records)))
        for work in works
        for place, records in places_of_work(work)
    }


@given(BATCHES)
def test_each_record_waits_for_exactly_the_places_its_hint_names(batch: list[Hint]) -> None:
    expected = {
        (index, place) for index, hint in enumerate(batch) for place in places_of_hint(hint)
    }
    actual = [
        (index, place)
        for work in coalesce(enumerate(batch))
        for place, records in places_of_work(work)
        for index in records
    ]
    assert Counter(expected) == Counter(actual)


@given(BATCHES)
def test_each_place_is_worked_on_once(batch: list[Hint]) -> None:
    places = [place for work in coalesce(enumerate(batch)) for place, _ in places_of_work(work)]
    assert len(set(places)) == len(places)


@given(BATCHES, st.randoms(use_true_random=False))
def test_any_order_of_hints_gives_the_same_work(batch: list[Hint], random: Random) -> None:
    shuffled = list(batch)
    random.shuffle(shuffled)
    assert as_a_set(coalesce(enumerate(batch)), batch) == as_a_set(
        coalesce(enumerate(shuffled)), shuffled
    )


@given(BATCHES)
def test_a_partition_hint_leaves_row_hints_to_be_written(batch: list[Hint]) -> None:
    """A row hint is settled only by a full write, never by a comparison that found it equal."""
    whole = Hint(ORDERS.id, (b"\1",), Scope.PARTITION)
    row = Hint(ORDERS.id, (b"\1",), Scope.ROW, (b"\2",))
    works = coalesce(enumerate([*batch, whole, row]))
    settling = [
        work for work in works if len(batch) + 1 in [*work.records] and isinstance(work, RowWork)
    ]
    assert len(settling) == 1


@given(st.integers(1, 255))
def test_no_request_reads_more_rows_than_a_batch_may_write(rows: int) -> None:
    batch = [Hint(ORDERS.id, (b"p",), Scope.ROW, (bytes([row]),)) for row in range(rows)]
    sizes = [len(work.rows) for work in coalesce(enumerate(batch)) if isinstance(work, RowWork)]
    assert rows == sum(sizes)
    assert max(sizes) <= ROWS_PER_READ
    assert -(-rows // ROWS_PER_READ) == len(sizes)


def test_a_slice_is_a_second_look_only_if_all_its_hints_say_so() -> None:
    """News among them asks for a second look of its own."""
    second = Hint(ORDERS.id, (b"p",), Scope.SLICE, errand=Errand.SECOND_LOOK)
    news = Hint(ORDERS.id, (b"p",), Scope.PARTITION)
    (alone,) = coalesce(enumerate([second, second]))
    (mixed,) = coalesce(enumerate([second, news]))
    assert isinstance(alone, SliceWork)
    assert isinstance(mixed, SliceWork)
    assert (alone.errand, mixed.errand) == (Errand.SECOND_LOOK, Errand.NEWS)
    assert mixed.slice == WHOLE_PARTITION


@given(BATCHES)
def test_splitting_keeps_every_row_and_record(batch: list[Hint]) -> None:
    for work in coalesce(enumerate(batch)):
        if isinstance(work, RowWork):
            alone = work.split()
            assert {1} == {len(one.rows) for one in alone}
            assert as_a_set([work], batch) == as_a_set(alone, batch)


def test_a_slice_is_of_the_latest_alteration_that_its_hints_tell_of() -> None:
    told = [Hint(ORDERS.id, (b"p",), Scope.SLICE, altered_us=altered) for altered in (3, 9, 5)]
    (work,) = coalesce(enumerate(told))
    assert isinstance(work, SliceWork)
    assert work.altered_us == 9
