"""Both sides of a range show every key once, whatever their pages are and wherever they differ."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.driver.cql import Ttls
from hintferry.adapters.driver.raw_rows import cut
from hintferry.adapters.driver.row_layout import RowLayout
from hintferry.core.rows import Row, Scanned, ScanPage
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.sweep.merge_pages import PageMerge, Pair
from hintferry.testing.scan import page_of

UPTO = 12
PAGE = 3

Rows = dict[tuple[int, int], bytes]
"""Values by token and clustering key."""

ROWS = st.dictionaries(
    st.tuples(st.integers(1, UPTO), st.integers(0, 5)), st.sampled_from([b"v", b"w"]), max_size=40
)


def scanned(rows: Rows) -> list[Scanned]:
    return [
        Scanned(token, (b"p%d" % token,), (b"%d" % key,), Row((value,), (None,)))
        for (token, key), value in sorted(rows.items())
    ]


def pages(keys: list[Scanned], random: Random) -> Iterator[ScanPage]:
    rest = keys
    while True:
        size = random.randint(0, PAGE)
        page, rest = rest[:size], rest[size:]
        is_last = not rest and random.random() < 0.5
        yield page_of(page, 1, is_last)
        if is_last:
            return


@given(ROWS, ROWS, st.booleans(), st.randoms(use_true_random=False))
def test_every_key_is_shown_once_and_beside_its_like(
    source: Rows, changes: Rows, slices: bool, random: Random
) -> None:
    """`changes` are rows that the target lacks, if the source has them, or has alone."""
    target = {at: v for at, v in source.items() if changes.get(at) != b"w"}
    target |= {at: v for at, v in changes.items() if at not in source or v == b"v"}
    source_keys, target_keys = scanned(source), scanned(target)
    both = PageMerge(pages(source_keys, random), pages(target_keys, random), 0, UPTO, slices)
    equal, pairs, done = 0, list[Pair](), 0
    for step in both.steps():
        # A row is never shown of a token that was said to be done.
        tokens = [key.token for pair in step.pairs for key in pair if key]
        assert all(token > done for token in tokens)
        assert step.done >= done
        done = step.done
        equal += step.equal
        pairs += step.pairs
        assert len(step.pairs) <= 4 * PAGE or not slices, "memory is bounded"
    if both.is_over:
        assert done == UPTO
    else:
        assert slices, "only then is a large partition left to others"
    place = both.position
    judged = {at for at in source.keys() | target.keys() if at[0] <= place.done}
    (bound,) = place.reached.values() or (None,)
    if bound is not None:
        judged |= {
            at
            for at in source.keys() | target.keys()
            if at[0] == place.done + 1 and b"%d" % at[1] <= bound.values[0]
        }
    shown = [next(key for key in pair if key)[:3] for pair in pairs]
    assert len(shown) == len(set(shown))
    assert all(one == other or one is None or other is None or one[:3] == other[:3]
               for one, other in pairs)  # fmt: skip
    alike = sum(one == other for one, other in pairs)
    assert equal + alike == sum(source.get(at) == target.get(at) for at in judged)
    assert equal + len(shown) == len(judged)


def test_pages_of_equal_bytes_are_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the two sides cut their pages differently."""
    keys = scanned({(token, key): b"v" for token in range(1, 9) for key in range(9)})
    random = Random(1)
    source_keys, target_keys = (list(pages(keys, random)) for _ in range(2))
    layout = type(source_keys[0].layout)
    monkeypatch.setattr(layout, "scanned", lambda *_: pytest.fail("rows were made"))
    both = PageMerge(iter(source_keys), iter(target_keys), 0, UPTO, True)
    assert sum(step.equal for step in both.steps()) == len(keys)


def test_equal_ttls_that_were_read_apart_are_looked_at() -> None:
    """With the same remaining seconds, the value that was read later expires later."""
    key = Scanned(3, (b"p",), (b"c",), Row((b"v",), (None,)))
    now = page_of([key], 1, True)
    later = ScanPage(1, now.arrived_at + 3, now.body, now.count, True, now.layout)
    (step, _) = PageMerge(iter([now]), iter([later]), 0, UPTO, True).steps()
    assert (step.equal, step.pairs) == (0, [(key, key)])


def cell(value: bytes | None) -> bytes:
    return (-1).to_bytes(4, signed=True) if value is None else len(value).to_bytes(4) + value


def body(*rows: tuple[bytes | None, ...]) -> bytes:
    return b"".join(cell(value) for row in rows for value in row)


STATIC = Table(
    TableId("shop", "orders"),
    (Column("pk", "text", ColumnKind.PARTITION_KEY),),
    (Column("ck", "text", ColumnKind.CLUSTERING),),
    (Column("s", "text", ColumnKind.STATIC),),
    (Column("v", "text", ColumnKind.REGULAR),),
)


def test_an_answer_of_nulls_is_no_row_and_is_passed_with_the_next() -> None:
    """As a partition that holds nothing but static columns gives."""
    shape = RowLayout(STATIC, Ttls.NONE, statics=False)
    token = (7).to_bytes(8)
    nulls, row, last = (
        (token, b"p", None, None),
        (token, b"q", b"c", None),
        (token, b"q", b"d", b""),
    )
    assert not shape.is_dense(body(row, nulls))
    assert shape.is_dense(body(row, last))
    assert cut(2, body(nulls, last), 4) == [nulls, last]
    page = ScanPage(1, 0.0, body(nulls, row, last), 3, True, shape)
    assert page.first_token == 7
    assert [key.clustering for key in page.keys] == [(b"c",), (b"d",)]
    assert page.without(1) == ScanPage(1, 0.0, body(last), 1, True, shape)
    statics = RowLayout(STATIC, Ttls.NONE, statics=True)
    assert not statics.is_dense(body((token, b"p", None)))
    assert statics.is_dense(body((token, b"p", b"")))


def test_sides_that_only_answer_nulls_come_to_their_end() -> None:
    shape = RowLayout(STATIC, Ttls.NONE, statics=False)
    nulls = body(((7).to_bytes(8), b"p", None, None))
    both = [ScanPage(1, 0.0, nulls, 1, is_last, shape) for is_last in (False, True)]
    steps = list(PageMerge(iter(both), iter(both), 0, UPTO, True).steps())
    assert [(step.done, step.equal, step.pairs) for step in steps] == [(UPTO, 0, [])]


def test_memory_stays_flat_over_a_partition_of_many_pages() -> None:
    """20 MB a side, in which the two show one row differently."""

    def shown(odd: int) -> Iterator[ScanPage]:
        for first in range(0, 100_000, 1_000):
            keys = [
                Scanned(3, (b"p",), (b"%06d" % n,), Row((b"%0200d" % (n == odd),), (None,)))
                for n in range(first, first + 1_000)
            ]
            yield page_of(keys, 1, is_last=first == 99_000)

    tracemalloc.start()
    try:
        both = PageMerge(shown(-1), shown(50_500), 0, UPTO, True)
        equal, differ = 0, 0
        for step in both.steps():
            equal += step.equal + sum(one == other for one, other in step.pairs)
            differ += sum(one != other for one, other in step.pairs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (equal, differ) == (99_999, 1)
    assert peak < 8_000_000
