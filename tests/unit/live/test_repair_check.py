"""A repair that changes nothing ends as unrepresentable, in one pass; every other one helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hintferry.core.errors import NoTimeLeft, ParkReason
from hintferry.core.hint import Errand, Hint, Scope, Slice
from hintferry.core.limits import REPAIR_RETRY
from hintferry.core.rows import Row
from hintferry.core.schema import Key, Table
from hintferry.core.work import RowWork
from hintferry.live.coalesce import coalesce
from hintferry.live.repair_check import RepairCheck
from hintferry.testing.changes import NewValues
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.target import MemoryTarget
from tests.model.tables import PLAIN, WIDE
from tests.unit.sweeping import Sides

P: Key = (b"p",)
KEYS: list[Key] = [(b"1", b"x"), (b"2", b"x"), (b"3", b"x")]


class ShowingTarget(MemoryTarget):
    """Shows some rows otherwise than they were written, as a service that normalises a type."""

    def __init__(self, sides: Sides, show: Callable[[Key, Row], Row]) -> None:
        super().__init__(sides.store)
        self._show, self.written = show, 0

    def write(self, writes):  # type: ignore[no-untyped-def]
        for write, error in super().write(writes):
            self.written += 1
            yield write, error

    def rows(self, table: Table, partition: Key, part: Slice) -> Iterator[dict[Key, Row]]:
        for page in super().rows(table, partition, part):
            yield {key: self._show(key, row) for key, row in page.items()}


def shown_by(show: Callable[[Key, Row], Row], *values: NewValues) -> tuple[Sides, ShowingTarget]:
    """Rows of the source, of which the target has other values."""
    sides = Sides()
    target = ShowingTarget(sides, show)
    sides.target = target
    object.__setattr__(sides.pipeline, "target", target)
    for key, value in zip(KEYS, values, strict=False):
        sides.on_target(WIDE, P, sides.put(WIDE, P, key, {"a": b"old"}))
        sides.on_source(WIDE, P, sides.put(WIDE, P, key, value))
    return sides, target


def as_normalised(key: Key, row: Row) -> Row:
    first, *rest = row.values
    return row._replace(values=(b"normal", *rest)) if first == b"odd" else row


def test_what_the_target_takes_for_another_value_is_parked_and_neighbours_are_repaired() -> None:
    sides, target = shown_by(as_normalised, {"a": b"1"}, {"a": b"odd"}, {"a": b"3"})
    found = sides.verify(WIDE, repair=True)
    assert (found.different, found.hinted) == (3, 3)
    hints = list(sides.later)
    sides.apply_later()
    assert (sides.parking.parked, target.written) == ([], 1), "each of them changed something"
    sides.later.extend(hints)
    sides.apply_later()
    (parked,) = sides.parking.parked
    assert parked.hint is not None
    assert parked.hint.clustering == KEYS[1]
    assert parked.end.reason is ParkReason.UNREPRESENTABLE
    assert "after 3 repair writes" in str(parked.end.error)
    # Together until it is clear that one is of no use; then each alone.
    assert target.written == 1 + REPAIR_RETRY.attempts + (1 + REPAIR_RETRY.attempts + 1)


def test_a_row_that_others_change_meanwhile_is_not_given_up() -> None:
    """It never shows what was just written, but never the same either."""
    looks = iter(range(1_000))

    def as_changing(key: Key, row: Row) -> Row:
        return row._replace(values=(b"%d" % next(looks), *row.values[1:]))

    sides, target = shown_by(as_changing, {"a": b"1"})
    sides.verify(WIDE, repair=True)
    sides.apply_later()
    assert sides.parking.parked == []
    assert target.written == 1


def test_a_delete_that_a_later_write_time_outlives_is_parked() -> None:
    sides = Sides()
    sides.time.advance(3_600_000_000)
    late = sides.put(PLAIN, P, (), {"a": b"late"})
    sides.time.advance(-3_600_000_000)
    sides.on_target(PLAIN, P, late)
    assert sides.verify(PLAIN, repair=True).extra == 1
    sides.apply_later()
    (parked,) = sides.parking.parked
    assert parked.end.reason is ParkReason.UNREPRESENTABLE


def test_nothing_is_written_that_there_is_no_time_to_look_at() -> None:
    sides, target = shown_by(as_normalised, {"a": b"1"})
    repair_check = RepairCheck(sides.source, target, sides.clock, FixedDeadline(1.0))
    with pytest.raises(NoTimeLeft):
        repair_check.repair(RowWork(WIDE.id, P, {KEYS[0]: (0,)}, is_repair=True))
    assert target.written == 0


def test_repairs_and_news_of_a_partition_are_work_of_their_own() -> None:
    hints = [
        Hint(WIDE.id, P, Scope.ROW, KEYS[0]),
        Hint(WIDE.id, P, Scope.ROW, KEYS[1], errand=Errand.REPAIR),
        Hint(WIDE.id, P, Scope.ROW, KEYS[1]),
    ]
    news, repairs = coalesce(enumerate(hints))
    assert (news, repairs) == (
        RowWork(WIDE.id, P, {KEYS[0]: (0,)}),
        RowWork(WIDE.id, P, {KEYS[1]: (1, 2)}, is_repair=True),
    )
    assert all(one.is_repair for one in repairs.split())  # type: ignore[union-attr]
