"""Counters are brought up by what the target lacks, and never set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hintferry.core.counters import plan_counters
from hintferry.core.rows import Add, Remove, Row
from hintferry.core.schema import Column, ColumnKind, Table, TableId

COUNTS = Table(
    TableId("shop", "counts"),
    (Column("pk", "text", ColumnKind.PARTITION_KEY),),
    (Column("ck", "text", ColumnKind.CLUSTERING),),
    regulars=tuple(Column(name, "counter", ColumnKind.REGULAR) for name in "mn"),
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
SHOWN = st.none() | NUMBERS


def row_of(*numbers: int | None) -> Row:
    values = (None if number is None else (number % 2**64).to_bytes(8) for number in numbers)
    return Row(tuple(values), (None,) * len(numbers))


def number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", signed=True)


@given(st.tuples(NUMBERS, NUMBERS), st.none() | st.tuples(SHOWN, SHOWN))
def test_the_target_plus_the_plan_is_the_source(
    wanted: tuple[int, int], found: tuple[int | None, int | None] | None
) -> None:
    """Modulo 2**64, as counters wrap around on both sides."""
    target = None if found is None else row_of(*found)
    sums = dict(zip("mn", found or (0, 0), strict=True))
    for statement in plan_counters(COUNTS, (b"c",), row_of(*wanted), target, 7):
        assert isinstance(statement, Add)
        for name, delta in zip(statement.columns, statement.values, strict=True):
            sums[name] = (sums[name] or 0) + number(delta)
    assert [value % 2**64 for value in wanted] == [(sums[name] or 0) % 2**64 for name in "mn"]


@given(st.tuples(NUMBERS, NUMBERS))
def test_equal_counters_are_left_alone(numbers: tuple[int, int]) -> None:
    assert plan_counters(COUNTS, (b"c",), row_of(*numbers), row_of(*numbers), 7) == []


@given(NUMBERS)
def test_a_counter_that_the_source_does_not_show_is_left_alone(shown: int) -> None:
    assert plan_counters(COUNTS, (b"c",), row_of(None, 1), row_of(shown, 1), 7) == []


def test_a_row_that_the_source_lacks_is_deleted() -> None:
    assert [Remove((b"c",), 7)] == plan_counters(COUNTS, (b"c",), None, row_of(1, 2), 7)
    assert plan_counters(COUNTS, (b"c",), None, None, 7) == []
