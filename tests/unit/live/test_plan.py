"""Test that a plan makes the target show what was read, by applying it to a store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.rows import Add, Extend, Put, Remove, Row, Snapshot, Statement
from hintferry.core.schema import Column, ColumnKind, Key, Table, TableId
from hintferry.live.plan import COLUMNS_PER_STATEMENT, plan_rows, plan_statics
from hintferry.testing import changes
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.partition import PartitionState
from hintferry.testing.store import MemoryStore

NOW_S = 1_760_000_000
READ_START = NOW_S * 1_000_000
KEY: Key = (b"k",)


def table_of(width: int, kind: ColumnKind = ColumnKind.REGULAR) -> Table:
    """A table with so many columns of a kind beside its key."""
    columns = tuple(Column(f"v{place:03}", "text", kind, place) for place in range(width))
    statics, regulars = (columns, ()) if kind is ColumnKind.STATIC else ((), columns)
    return Table(
        TableId("shop", "orders"),
        (Column("pk", "text", ColumnKind.PARTITION_KEY),),
        (Column("ck", "text", ColumnKind.CLUSTERING),),
        statics,
        regulars,
    )


EXPIRIES = st.sampled_from([None, None, NOW_S - 5, NOW_S, NOW_S + 1, NOW_S + 60, NOW_S + 3600])
CELLS = st.one_of(st.just((None, None)), st.tuples(st.binary(min_size=1, max_size=3), EXPIRIES))


@st.composite
def rows(draw: st.DrawFn, least: int = 0, most: int = 6) -> Row:
    """A row as a read sees it: nulls do not expire."""
    cells = draw(st.lists(CELLS, min_size=least, max_size=most))
    return Row(tuple(value for value, _ in cells), tuple(expiry for _, expiry in cells))


def at_expiry(row: Row) -> Row:
    """Return what a reader sees of a row now: expired values are nulls."""
    live = [
        (None, None) if isinstance(expiry, int) and expiry <= NOW_S else (value, expiry)
        for value, expiry in zip(row.values, row.expiries, strict=True)
    ]
    return Row(tuple(value for value, _ in live), tuple(expiry for _, expiry in live))


def carried_out(
    table: Table, statements: list[Statement], before: Row | None = None
) -> MemoryStore:
    """A store that held `before`, written somewhat earlier, after these statements."""
    store = MemoryStore(SimulatedTime(READ_START))
    if before is not None:
        names = table.regular_names or table.static_names
        clustering = KEY if table.regulars or not table.statics else None
        values = dict(zip(names, before.values, strict=True))
        change = changes.put(table, clustering, values, READ_START - 9, creates_row=True)
        store.apply(table.id, (), change)
    for statement in statements:
        store.apply(table.id, (), _change(table, statement))
    return store


def _change(table: Table, statement: Statement) -> PartitionState:
    assert not isinstance(statement, Add)
    if isinstance(statement, Remove):
        return changes.remove_row(statement.clustering, statement.timestamp)
    if isinstance(statement, Extend):
        parts = zip(statement.columns, statement.values, strict=True)
        at, expires_at = statement.timestamp, statement.expires_at
        return changes.extend(table, statement.clustering, parts, at, expires_at)
    values = dict(zip(statement.columns, statement.values, strict=True))
    return changes.put(
        table,
        statement.clustering,
        values,
        statement.timestamp,
        statement.expires_at,
        creates_row=statement.creates_row,
    )


def puts(statements: list[Statement]) -> list[Put]:
    return [statement for statement in statements if isinstance(statement, Put)]


def is_gone(row: Row) -> bool:
    """Return whether every value that there was has expired, and there was one."""
    return any(row.expiries) and not any(at_expiry(row).values)


@given(rows(), rows(6, 6))
def test_the_target_shows_what_was_seen_whatever_it_showed(row: Row, before: Row) -> None:
    table = table_of(len(row.values))
    stale = Row(before.values[: len(row.values)], before.expiries[: len(row.values)])
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: row}), NOW_S)
    shown = carried_out(table, planned, stale).rows(table, ())
    assert ({} if is_gone(row) else {KEY: at_expiry(row)}) == shown


@given(rows(6, 6))
def test_a_row_that_was_not_there_is_deleted(before: Row) -> None:
    table = table_of(6)
    planned = plan_rows([KEY], Snapshot(table, READ_START, {}), NOW_S)
    assert [Remove(KEY, READ_START)] == planned
    assert carried_out(table, planned, before).rows(table, ()) == {}


@given(rows(6, 6), st.booleans(), rows(6, 6))
def test_statics_show_what_was_seen_whatever_they_were(
    row: Row, is_there: bool, before: Row
) -> None:
    table = table_of(6, ColumnKind.STATIC)
    planned = plan_statics(Snapshot(table, READ_START, {(): row} if is_there else {}), NOW_S)
    nothing = Row((None,) * 6, (None,) * 6)
    shown = carried_out(table, planned, before).statics(table, ())
    assert (at_expiry(row) if is_there else nothing) == shown
    assert all(put.clustering is None for put in puts(planned))


@given(rows())
def test_each_column_is_in_exactly_one_statement(row: Row) -> None:
    """If a null and a value had one timestamp, the null would win."""
    table = table_of(len(row.values))
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: row}), NOW_S)
    written = [name for put in puts(planned) for name in put.columns]
    assert ([] if is_gone(row) else list(table.regular_names)) == sorted(written)


@given(rows())
def test_everything_carries_the_read_start_and_no_ttl_of_zero(row: Row) -> None:
    """A TTL of zero would be none at all: the value would stay for ever."""
    table = table_of(len(row.values))
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: row}), NOW_S)
    assert {READ_START} == {getattr(one, "timestamp", None) for one in planned}
    assert all(put.expires_at is None or put.expires_at > NOW_S for put in puts(planned))


@given(rows(1))
def test_the_marker_lives_as_long_as_the_last_value(row: Row) -> None:
    table = table_of(len(row.values))
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: row}), NOW_S)
    live = at_expiry(row)
    cells = zip(live.values, live.expiries, strict=True)
    lives = [expiry for value, expiry in cells if value is not None]
    last = None if None in lives else max((expiry for expiry in lives if expiry), default=None)
    markers = [put.expires_at for put in puts(planned) if put.creates_row]
    assert ([] if is_gone(row) else [last]) == markers


@given(st.integers(0, 3 * COLUMNS_PER_STATEMENT), st.booleans())
def test_wide_rows_are_cut_into_statements_that_the_target_takes(width: int, has_ttl: bool) -> None:
    table = table_of(width)
    expiries = [NOW_S + 60 if has_ttl and place % 2 else None for place in range(width)]
    row = Row((b"v",) * width, tuple(expiries))
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: row}), NOW_S)
    assert all(len(put.columns) <= COLUMNS_PER_STATEMENT for put in puts(planned))
    assert sum(put.creates_row for put in puts(planned)) == 1
    assert {KEY: row} == carried_out(table, planned).rows(table, ())


def test_values_that_all_expired_before_the_write_delete_the_row() -> None:
    row = Row((b"v", None), (NOW_S, None))
    planned = plan_rows([KEY], Snapshot(table_of(2), READ_START, {KEY: row}), NOW_S)
    assert [Remove(KEY, READ_START)] == planned


def test_a_table_without_regular_columns_is_written_as_its_marker() -> None:
    table = table_of(0)
    planned = plan_rows([KEY], Snapshot(table, READ_START, {KEY: Row((), ())}), NOW_S)
    assert [Put(KEY, (), (), READ_START, None, creates_row=True)] == planned
