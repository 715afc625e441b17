"""Test that values without a readable TTL expire by the longest TTL of their table."""

from __future__ import annotations

import pytest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.cql import Ttls
from hintferry.adapters.driver.row_layout import RowLayout
from hintferry.core.rows import ColumnOrField
from hintferry.core.schema import Key, Table
from hintferry.core.tokens import WHOLE_RING
from hintferry.core.verdict import VerifySums
from hintferry.testing import changes
from hintferry.testing.changes import NewValues
from hintferry.testing.wirelist import encode
from tests.model.tables import BOUNDED, ELEMENTS, LONGEST_TTL_S, WIDE
from tests.unit.sweeping import Sides

PARTITION: Key = (b"p",)
KEY: Key = (b"1",)
SETS: list[NewValues] = [{"s": encode([b"x"])}, {"s": encode([b"x", b"y"])}]


def tally(
    table: Table, on_source: NewValues | None, on_target: NewValues | None, key: Key | None = KEY
) -> VerifySums:
    """Return the tally of a sweep over one row, or static columns, that each side has so."""
    sides = Sides()
    for values, write in ((on_source, sides.on_source), (on_target, sides.on_target)):
        if values is not None:
            write(table, PARTITION, sides.put(table, PARTITION, key, values))
    return sides.verify(table)


@pytest.mark.parametrize(
    ("on_source", "on_target", "expected"),
    [
        (None, {}, "expiring"),
        (None, SETS[0], "expiring"),
        (SETS[0], SETS[1], "expiring"),
        ({}, SETS[0], "expiring"),
        (SETS[1], SETS[0], "different"),
        (SETS[0], {"s": encode([b"y"])}, "different"),
        (SETS[0], {**SETS[1], "a": b"1"}, "different"),
        (None, {"a": b"1"}, "extra"),
        ({}, None, "missing"),
        (SETS[0], SETS[0], "equal"),
    ],
)
def test_what_only_the_target_has_and_goes_by_itself_is_no_divergence(
    on_source: NewValues | None, on_target: NewValues | None, expected: str
) -> None:
    found = tally(BOUNDED, on_source, on_target)
    assert (getattr(found, expected), found.seen) == (1, 1)
    assert found.is_clean is (expected in ("equal", "expiring"))


@pytest.mark.parametrize(
    ("on_source", "on_target", "expected"),
    [(None, {}, "extra"), (None, SETS[0], "extra"), (SETS[0], SETS[1], "different")],
)
def test_without_a_longest_ttl_it_is_one(
    on_source: NewValues | None, on_target: NewValues | None, expected: str
) -> None:
    assert getattr(tally(ELEMENTS, on_source, on_target), expected) == 1


def test_static_elements_are_judged_likewise() -> None:
    value = b"\0\0\0\1" + encode([b"k", b"v"])[4:]
    assert tally(BOUNDED, None, {"sm": value}, None).expiring == 1
    assert tally(ELEMENTS, None, {"sm": value}, None).extra == 1


def test_a_repair_fixes_it() -> None:
    sides = Sides()
    sides.on_target(BOUNDED, PARTITION, sides.put(BOUNDED, PARTITION, KEY, {}))
    assert sides.verify(BOUNDED, repair=True).hinted == 1
    sides.apply_later()
    assert sides.store.rows(BOUNDED, PARTITION) == {}


def test_a_backfilled_row_without_values_goes_within_the_longest_ttl_and_no_earlier() -> None:
    sides = Sides()
    row = sides.put(BOUNDED, PARTITION, KEY, {}, ttl=LONGEST_TTL_S)
    sides.on_source(BOUNDED, PARTITION, row)
    sides.time.advance(20_000_000)
    for _ in sides.backfill(BOUNDED).fill([WHOLE_RING]):
        pass
    sides.time.advance((LONGEST_TTL_S - 1) * 1_000_000)
    assert sides.store.rows(BOUNDED, PARTITION).keys() == {KEY}
    sides.time.advance(3_000_000)
    assert sides.store.rows(BOUNDED, PARTITION) == {}


def test_single_elements_expire_on_the_target_as_at_the_source() -> None:
    sides = Sides()
    now = sides.time
    sides.on_source(ELEMENTS, PARTITION, sides.put(ELEMENTS, PARTITION, KEY, {"s": encode([b"x"])}))
    for column, value in (("s", encode([b"y"])), ("m", b"\0\0\0\1" + encode([b"k", b"v"])[4:])):
        part = [(ColumnOrField(column), value)]
        change = changes.extend(ELEMENTS, KEY, part, now.micros, now.seconds + 60)
        sides.on_source(ELEMENTS, PARTITION, change)
    for _ in sides.backfill(ELEMENTS).fill([WHOLE_RING]):
        pass
    assert sides.verify(ELEMENTS).equal == 1
    now.advance(62_000_000)
    columns = ELEMENTS.regular_names
    shown = dict(zip(columns, sides.store.rows(ELEMENTS, PARTITION)[KEY].values, strict=True))
    assert (shown["s"], shown["m"]) == (encode([b"x"]), None)


def test_the_times_of_elements_are_asked_and_cut_out() -> None:
    shape = RowLayout(ELEMENTS, Ttls.ELEMENTS, statics=False)
    text = cql.select_rows(ELEMENTS, Ttls.ELEMENTS, one=True)
    assert 'TTL("a"), TTL("l"), TTL("m"), TTL("s"), TTL("u")' in text
    assert "TTL" not in cql.select_rows(ELEMENTS, Ttls.NONE, one=True)
    assert 'TTL("a") FROM' in cql.scan_rows(ELEMENTS, Ttls.CELLS)
    nine, lasting = b"\0\0\0\4\0\0\0\x09", b"\xff\xff\xff\xff"
    mixed, none = b"\0\0\0\2" + nine + lasting, b"\0\0\0\1" + lasting
    raw = (b"1", None, None, b"m", b"s", None, None, None, mixed, none, None)
    (row,) = shape.rows([raw], 100.5).values()
    assert row.expiries == (None, None, (109, None), None, None)


def test_elements_are_added_and_fields_are_set_beside_the_others() -> None:
    places = (ColumnOrField("m"), ColumnOrField("u", "x"))
    assert cql.extend(ELEMENTS, places, False) == (
        'UPDATE "model"."elements" USING TIMESTAMP ? AND TTL ? SET "m" = "m" + ?, "u"."x" = ?'
        ' WHERE "pk" = ? AND "c1" = ?'
    )
    assert cql.extend(WIDE, (ColumnOrField("sl"),), True).endswith(
        'SET "sl" = "sl" + ? WHERE "pk" = ?'
    )
