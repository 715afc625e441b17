"""Elements that expire one by one, and what expires without telling when."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from struct import pack
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.compare import same
from hintferry.core.elements import MOST_GROUPS, by_expiry, fields_of, holds, split
from hintferry.core.rows import ColumnOrField, Expiry, Extend, Put, Remove, Row, Snapshot
from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId, UserType
from hintferry.live.plan import plan_rows, plan_statics
from hintferry.testing.cells import Cell
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import RowState
from hintferry.testing.store import MemoryStore
from hintferry.testing.wirelist import encode
from tests.unit.live.test_plan import NOW_S, READ_START, _change

KEY: Key = (b"k",)
TYPES = {"a": "text", "l": "list<text>", "m": "map<text, text>", "s": "set<text>", "u": "place"}
FIELDS = ("x", "y", "z")
PLACE = UserType("place", tuple((name, "text") for name in FIELDS))


def table_of(kind: ColumnKind) -> Table:
    columns = tuple(Column(name, cql_type, kind) for name, cql_type in TYPES.items())
    statics, regulars = (columns, ()) if kind is ColumnKind.STATIC else ((), columns)
    key = (Column("pk", "text", ColumnKind.PARTITION_KEY),)
    clustering = (Column("ck", "text", ColumnKind.CLUSTERING),)
    return Table(
        TableId("shop", "orders"), key, clustering, statics, regulars, (PLACE,), tells_elements=True
    )


TABLE, STATIC = table_of(ColumnKind.REGULAR), table_of(ColumnKind.STATIC)
BOUND_S = 500
BOUNDED = replace(TABLE, longest_ttl=BOUND_S, tells_elements=False)
ENDS = st.sampled_from([None, NOW_S - 5, NOW_S, NOW_S + 1, NOW_S + 60, NOW_S + 3600])
CELLS = st.lists(st.tuples(st.sampled_from([b"p", b"q", b"r"]), st.binary(max_size=2), ENDS))


def row_of(table: Table, state: RowState) -> Row:
    """Return what a read showed of it a little earlier, when nothing had expired yet."""
    columns = table.regulars or table.statics
    return state.row(columns, NOW_S - 100, table.tells_elements)


@st.composite
def states(draw: st.DrawFn) -> RowState:
    """A row of any elements, each written with a TTL of its own, or with none."""
    row = RowState()
    for name in TYPES:
        for number, (path, value, end) in enumerate(draw(CELLS)):
            place: int | bytes = path if name in "ms" else number % 3 if name == "u" else number
            if name == "a":
                place = 0
            row.cells[name, place] = Cell(1, b"" if name == "s" else value, end)
    return row


def carried_out(table: Table, planned: list[object], before: RowState, seed: int) -> MemoryStore:
    """A store that held `before`, after these statements in some order."""
    store = MemoryStore(SimulatedTime(READ_START))
    clustering = KEY if table.regulars else None
    part = PartitionState(rows={KEY: before}) if clustering else PartitionState(statics=before)
    store.apply(table.id, (), part)
    Random(seed).shuffle(planned)
    for statement in planned:
        store.apply(table.id, (), _change(table, cast(Put, statement)))
    return store


def live(state: RowState, now_s: int) -> dict[tuple[str, object], tuple[bytes | None, Expiry]]:
    """Return the cells that a read shows; a list is one value with its longest expiry."""
    cells = {at: cell for at, cell in state.cells.items() if cell.is_live(now_s)}
    lists = [cell for (name, _), cell in cells.items() if name == "l"]
    ends = [cell.expires_at for cell in lists]
    last = None if None in ends else max(ends, default=None, key=lambda at: at or 0)
    shown: dict[tuple[str, object], tuple[bytes | None, Expiry]] = {
        at: (cell.value, cell.expires_at) for at, cell in cells.items() if at[0] != "l"
    }
    numbered = sorted(at for at in cells if at[0] == "l")
    return shown | {("l", n): (cells[at].value, last) for n, at in enumerate(numbered)}


@given(states(), states(), st.integers(0, 99))
def test_each_element_expires_as_at_the_source_whatever_came_first(
    state: RowState, before: RowState, seed: int
) -> None:
    seen = Snapshot(TABLE, READ_START, {KEY: row_of(TABLE, state)})
    planned = plan_rows([KEY], seen, NOW_S)
    shown = carried_out(TABLE, [*planned], before, seed).partition(TABLE.id, ()).row(KEY)
    assert live(shown, NOW_S) == live(state, NOW_S)


@given(states(), states(), st.integers(0, 99))
def test_static_elements_do_likewise(state: RowState, before: RowState, seed: int) -> None:
    seen = Snapshot(STATIC, READ_START, {(): row_of(STATIC, state)})
    planned = plan_statics(seen, NOW_S)
    shown = carried_out(STATIC, [*planned], before, seed).partition(STATIC.id, ()).static_row()
    assert live(shown, NOW_S) == live(state, NOW_S)


@given(states())
def test_no_cell_is_in_two_statements(state: RowState) -> None:
    seen = Snapshot(TABLE, READ_START, {KEY: row_of(TABLE, state)})
    written: list[tuple[str, object]] = []
    for one in plan_rows([KEY], seen, NOW_S):
        if isinstance(one, Put):
            cells = zip(one.columns, one.values, strict=True)
            written += [(name, cut) for name, value in cells for cut in cuts(name, value)]
        elif isinstance(one, Extend):
            for (name, field), part in zip(one.columns, one.values, strict=True):
                of_field = [] if field is None else [FIELDS.index(field)]
                written += [(name, cut) for cut in of_field or cuts(name, part)]
    assert sorted(map(str, set(written))) == sorted(map(str, written))


def cuts(name: str, value: bytes | None) -> list[object]:
    """Return what of a column a value writes; a list is one thing."""
    if value is None or name in "al":
        return [None]
    if name == "u":
        return [place for place, _ in fields_of(value)]
    return [*split(TYPES[name], value)]


def test_elements_that_expire_together_are_one_statement() -> None:
    """Two collections and a field beside the row's own values: one INSERT, one UPDATE."""
    soon, late = NOW_S + 60, NOW_S + 3600
    state = RowState()
    for place in (("a", 0), ("m", b"p"), ("s", b"p"), ("u", 0)):
        state.cells[place] = Cell(1, b"v", late)
    for place in (("m", b"q"), ("s", b"q"), ("u", 2)):
        state.cells[place] = Cell(1, b"w", soon)
    seen = Snapshot(TABLE, READ_START, {KEY: row_of(TABLE, state)})
    put, extend = plan_rows([KEY], seen, NOW_S)
    assert isinstance(put, Put)
    assert (put.columns, put.expires_at, put.creates_row) == (tuple(TYPES), late, True)
    assert isinstance(extend, Extend)
    assert extend.columns == (ColumnOrField("m"), ColumnOrField("s"), ColumnOrField("u", "z"))
    assert (extend.values[2], extend.expires_at, extend.timestamp) == (b"w", soon, READ_START)


def test_a_list_lives_as_long_as_its_last_element() -> None:
    value = encode([b"p", b"q", b"r"])
    groups = by_expiry("list<text>", value, (NOW_S + 9, NOW_S, NOW_S + 5), NOW_S)
    assert groups == {NOW_S + 9: encode([b"p", b"r"])}
    assert by_expiry("list<text>", value, (NOW_S + 9, None, NOW_S), NOW_S) == {
        None: encode([b"p", b"q"])
    }


def test_of_too_many_expiries_neighbours_are_joined_never_earlier() -> None:
    ends = [NOW_S + 1 + 10 * n for n in range(4 * MOST_GROUPS)]
    value = encode([b"%06d" % n for n in range(len(ends))])
    groups = by_expiry("set<text>", value, ends, NOW_S)
    assert len(groups) == MOST_GROUPS
    at_of = {one: at for at, part in groups.items() for one in split("set<text>", part)}
    listed = zip(split("set<text>", value), ends, strict=True)
    late = [cast(int, at_of[one]) - end for one, end in listed]
    assert (min(late), max(late), len(late)) == (0, 30, len(ends))


def read_at(table: Table, state: RowState, at: float) -> Snapshot:
    return Snapshot(table, READ_START, {KEY: row_of(table, state)}, arrived_at=at)


def test_the_marker_of_a_row_without_values_expires_by_the_longest_ttl() -> None:
    put, *_ = plan_rows([KEY], read_at(BOUNDED, RowState(), NOW_S + 0.9), NOW_S)
    assert isinstance(put, Put)
    assert (put.expires_at, put.creates_row, set(put.values)) == (NOW_S + BOUND_S, True, {None})


def test_without_a_longest_ttl_it_lasts() -> None:
    (put,) = plan_rows([KEY], read_at(TABLE, RowState(), NOW_S), NOW_S)
    assert isinstance(put, Put)
    assert put.expires_at is None


def test_what_has_outlived_the_longest_ttl_on_its_way_is_deleted() -> None:
    read = read_at(BOUNDED, RowState(), NOW_S - BOUND_S)
    assert plan_rows([KEY], read, NOW_S) == [Remove(KEY, READ_START)]


@pytest.mark.parametrize("name", ["l", "m", "s", "u"])
def test_a_collection_that_tells_nothing_expires_by_the_longest_ttl(name: str) -> None:
    state = RowState(cells={(name, b"p" if name in "ms" else 0): Cell(1, b"v", NOW_S + 60)})
    state.cells["a", 0] = Cell(1, b"v", NOW_S + 9)
    ends = {
        column: put.expires_at
        for put in plan_rows([KEY], read_at(BOUNDED, state, NOW_S), NOW_S)
        if isinstance(put, Put)
        for column, value in zip(put.columns, put.values, strict=True)
        if value is not None
    }
    assert ends == {name: NOW_S + BOUND_S, "a": NOW_S + 9}


def test_a_row_whose_values_tell_their_expiry_is_not_kept_longer() -> None:
    state = RowState(cells={("a", 0): Cell(1, b"v", NOW_S + 60)})
    (put,) = plan_rows([KEY], read_at(BOUNDED, state, NOW_S), NOW_S)
    assert isinstance(put, Put)
    assert (put.expires_at, put.creates_row) == (NOW_S + 60, True)


def test_the_target_does_not_tell_when_elements_expire() -> None:
    source = Row((b"v", b"m"), (None, (NOW_S + 5, None)))
    assert same(source, Row((b"v", b"m"), (None, None)))
    assert not same(source, Row((b"v", b"n"), (None, None)))
    assert not same(Row((b"v",), (NOW_S + 5,)), Row((b"v",), (None,)))


@pytest.mark.parametrize(
    ("cql_type", "whole", "part", "expected"),
    [
        ("list<text>", [b"p", b"q", b"p"], [b"q", b"p"], True),
        ("list<text>", [b"p", b"q", b"p"], [b"q", b"q"], False),
        ("list<text>", [b"p", b"q"], [b"q", b"p"], False),
        ("set<text>", [b"p", b"q"], [], True),
        ("set<text>", None, [b"p"], False),
        ("set<text>", [b"p"], None, True),
    ],
)
def test_whether_all_of_one_value_is_in_another(
    cql_type: str, whole: list[bytes] | None, part: list[bytes] | None, expected: bool
) -> None:
    values = [None if one is None else encode(one) for one in (whole, part)]
    assert holds(cql_type, *values) is expected


def test_a_changed_value_of_a_map_or_a_type_is_not_in_it() -> None:
    def map_of(**entries: bytes) -> bytes:
        return pack(">i", len(entries)) + b"".join(
            sized(key.encode()) + sized(value) for key, value in entries.items()
        )

    def sized(one: bytes | None) -> bytes:
        return pack(">i", -1) if one is None else pack(">i", len(one)) + one

    assert holds("map<text, text>", map_of(p=b"1", q=b"2"), map_of(q=b"2"))
    assert not holds("map<text, text>", map_of(p=b"1", q=b"2"), map_of(q=b"1"))
    assert holds("place", sized(b"1") + sized(b"2"), sized(None) + sized(b"2"))
    assert not holds("place", sized(b"1") + sized(b"2"), sized(b"2"))
