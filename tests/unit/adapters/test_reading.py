"""Pages grow with what rows allow and shrink where a side fails; what a refusal speaks of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import pack, unpack_from
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from cassandra import InvalidRequest, OperationTimedOut

from hintferry.adapters.clocks.wall import WallClock
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.guardrails import PAGE_ROWS, EachOnceAMinute, Guardrails
from hintferry.adapters.driver.paging import FIRST_ROWS, PAGE_BYTES, pages
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.adapters.driver.raw_rows import RawRows
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.cassandra import CassandraSource
from hintferry.core.errors import Masked, Side, SideFault, Unrepresentable
from hintferry.core.hint import Bound, Slice
from hintferry.core.rows import Snapshot
from hintferry.core.schema import Column, ColumnKind, Table, TableId
from hintferry.core.work import RowWork, SliceWork

TABLE = Table(
    TableId("shop", "orders"),
    (Column("pk", "text", ColumnKind.PARTITION_KEY),),
    (Column("ck", "text", ColumnKind.CLUSTERING),),
    regulars=(Column("v", "text", ColumnKind.REGULAR),),
)
NO_ANSWER = OperationTimedOut()


@dataclass(slots=True)
class Server:
    """Stands for a session and what is behind it: answers each request by the next of `script`.

    A script entry is an error, or (rows, paging state).
    """

    script: Sequence[Any]
    serves: bool = True
    side: Side = Side.SOURCE
    asked: list[int] = field(default_factory=list)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    guardrails: Guardrails = field(default_factory=Guardrails)

    def bind(self, text: str, values: Any) -> Any:
        return SimpleNamespace(text=text, values=values, fetch_size=None)

    def current(self) -> Server:
        return self

    def execute(self, bound: Any, paging_state: Any = None) -> Any:
        step = self.script[len(self.asked)]
        self.asked.append(bound.fetch_size)
        if isinstance(step, Exception):
            self.guardrails.hear([str(step)])
            raise step
        rows, state = step
        return SimpleNamespace(current_rows=rows and as_read(rows), paging_state=state)

    def answered(self, sent_at: float, arrived_at: float, error: Exception | None) -> None:
        pass

    def has_served(self, statement: Any) -> None:
        pass

    def still_serves(self) -> bool:
        return self.serves

    def doubt(self, error: Exception) -> None:
        pass


def as_read(rows: list[tuple[bytes | None, ...]]) -> RawRows:
    cells = (value for row in rows for value in row)
    body = b"".join(
        pack(">i", -1) if value is None else pack(">i", len(value)) + value for value in cells
    )
    return RawRows(len(rows), body, len(rows[0]))


def paged(server: Server) -> list[tuple[int, Any, bool]]:
    stamps = iter(range(100))
    return list(pages(cast(CqlSession, server), "SELECT", [], lambda: next(stamps)))


def source(server: Server, monkeypatch: pytest.MonkeyPatch) -> CassandraSource:
    made = CassandraSource(cast(CqlSession, server), WallClock())
    monkeypatch.setattr(made, "table", lambda _: TABLE)
    return made


def test_only_the_paging_state_ends_a_read_never_an_empty_page() -> None:
    server = Server([([], b"1"), ([(b"a", b"v", None)], b"2"), ([], None)])
    assert [(stamp, len(rows), last) for stamp, rows, last in paged(server)] == [
        (0, 0, False),
        (1, 1, False),
        (2, 0, True),
    ]


@dataclass(frozen=True, slots=True)
class Answering:
    """A request that is answered at once, with no rows or with the error."""

    error: Exception | None
    has_more_pages: ClassVar = False

    def add_callbacks(
        self, callback: Any, errback: Any, callback_args: Any, errback_args: Any
    ) -> None:
        if self.error is None:
            callback([], *callback_args)
        else:
            errback(self.error, *errback_args)


LISTED, PAGED = (
    "Guardrail in_select_cartesian_product violated: Aborting query because the cartesian product"
    " of the IN restrictions on clustering key produces {} values, this exceeds fail threshold of"
    " 7.",
    "Guardrail page_size violated: Aborting query for table shop.orders, page size {} exceeds fail"
    " threshold of 7.",
)


@dataclass(slots=True)
class AsyncServer(Server):
    """A server of reads by key, which allows so many a request."""

    allowed: int = PAGE_ROWS
    refusal: str = LISTED

    def execute_async(self, bound: Any, timeout: float | None) -> Any:
        keys = unpack_from(">i", bound.values[1])[0] if " IN ?" in bound.text else 1
        self.asked.append(keys)
        if keys <= self.allowed:
            return Answering(None)
        text = self.refusal.format(keys)
        self.guardrails.hear([text])
        return Answering(InvalidRequest(text))


def of_rows(rows: int) -> RowWork:
    return RowWork(TABLE.id, (b"p",), {(b"%d" % n,): (n,) for n in range(rows)})


@pytest.mark.parametrize(("rows", "asked"), [(PAGE_ROWS, [PAGE_ROWS]), (1001, [1000, 1])])
def test_all_rows_that_are_asked_for_by_key_come_in_one_page(
    rows: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = AsyncServer([])
    read = list(source(server, monkeypatch).read([of_rows(rows)]))
    assert sum(len(cast(RowWork, work).rows) for work, _ in read) == rows
    assert server.asked == asked


@pytest.mark.parametrize("refusal", [LISTED, PAGED])
def test_one_refusal_of_a_guardrail_tells_how_many_rows_to_ask_for(
    refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S13: it was split down to single rows, and again for each batch."""
    server = AsyncServer([], allowed=7, refusal=refusal)
    reader = source(server, monkeypatch)
    read = list(reader.read([of_rows(30)]))
    assert server.asked == [30, 7, 7, 7, 7, 2]
    assert all(isinstance(seen, Snapshot) for _, seen in read)
    assert sorted(i for work, _ in read for i in cast(RowWork, work).records) == list(range(30))
    assert len(list(reader.read([of_rows(14)]))) == 2
    assert server.asked[6:] == [7, 7]


def test_a_refusal_that_names_no_less_is_the_sides_own(monkeypatch: pytest.MonkeyPatch) -> None:
    server = AsyncServer([], allowed=0, refusal=LISTED.replace("7", "{}"))
    ((_, seen),) = source(server, monkeypatch).read([of_rows(1)])
    assert isinstance(seen, SideFault)


def test_pages_keep_to_what_a_refusal_names() -> None:
    server = Server([InvalidRequest(PAGED.format(64)), ([(b"a", b"v")], b"1"), ([], None)])
    assert [stamp for stamp, _, _ in paged(server)] == [1, 2]
    assert server.asked == [FIRST_ROWS, 7, 7]


@pytest.mark.parametrize(
    ("said", "page_rows", "listed_keys"),
    [
        ("Guardrail page_size violated: Query for table shop.orders with page size 1000 exceeds"
         " warning threshold of 500.", 500, PAGE_ROWS),
        ("Guardrail page_size violated: Aborting query for table shop.orders, page size 1000"
         " exceeds fail threshold of 0.", 1, PAGE_ROWS),
        ("Guardrail in_select_cartesian_product violated: The cartesian product of the IN"
         " restrictions on clustering key produces 30 values, this exceeds warning threshold of"
         " 20.", PAGE_ROWS, 20),
        ("Guardrail partition_tombstones violated: Partition p has 9 tombstones, this exceeds the"
         " warning threshold of 5.", PAGE_ROWS, PAGE_ROWS),
    ],
)  # fmt: skip
def test_what_a_side_says_of_its_guardrails_is_kept_to(
    said: str, page_rows: int, listed_keys: int
) -> None:
    heard = Guardrails()
    heard.hear(["something else", said])
    heard.hear([said.replace("of 5", "of 7").replace("of 2", "of 3")])
    assert (heard.page_rows, heard.listed_keys) == (page_rows, listed_keys)


def test_a_session_asks_for_no_larger_pages_than_guardrails_allow() -> None:
    session = CqlSession(Side.SOURCE, lambda: cast(Any, cluster))

    def execute(text: str, timeout: float) -> None:
        assert opened.default_fetch_size == PAGE_ROWS
        session.guardrails.hear([PAGED.format(PAGE_ROWS)])
        raise InvalidRequest(PAGED.format(PAGE_ROWS))

    opened = SimpleNamespace(execute=execute)
    cluster = SimpleNamespace(connect=lambda: opened)
    assert session.current() is opened
    session.current()
    assert opened.default_fetch_size == 7


def test_a_warning_at_each_answer_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("hintferry.adapters.driver.guardrails.time.monotonic", lambda: now)
    passes = EachOnceAMinute()

    def said(text: str) -> bool:
        arguments = ("Server warning: %s", (text,), None)
        return passes.filter(logging.LogRecord("driver", logging.WARNING, "", 1, *arguments))

    assert said("read 17 tombstones")
    assert not said("read 18 tombstones")
    assert said("another 1")
    now += 61
    assert said("read 19 tombstones")


def test_a_page_has_as_many_rows_as_a_megabyte_takes() -> None:
    heavy = [(b"k", b"x" * (PAGE_BYTES // 4))] * FIRST_ROWS
    light = [(b"k", b"x")] * FIRST_ROWS
    server = Server([(light, b"1"), (heavy, b"2"), (light, b"3"), (light, None)])
    paged(server)
    assert server.asked == [FIRST_ROWS, 2 * FIRST_ROWS, 3, 6]
    assert max(server.asked) <= PAGE_ROWS


def test_a_page_that_fails_is_asked_for_again_a_row_at_a_time_with_a_new_stamp() -> None:
    server = Server([NO_ANSWER, ([(b"a", b"v")], None)])
    assert [stamp for stamp, _, _ in paged(server)] == [1]
    assert server.asked == [FIRST_ROWS, 1]


def test_a_row_that_fails_alone_is_an_error() -> None:
    with pytest.raises(OperationTimedOut):
        paged(Server([NO_ANSWER, NO_ANSWER]))


def test_pieces_of_a_slice_lend_their_time_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind its last row a piece is empty as of its own read, not of the next piece's."""
    columns = (*TABLE.clustering, Column("c2", "text", ColumnKind.CLUSTERING, 1))
    table = Table(TABLE.id, TABLE.partition_key, columns, regulars=TABLE.regulars)
    server = Server(
        [([(b"1", b"7", b"v", None)], None), ([(b"2", b"0", b"v", None)], None)],
    )
    made = source(server, monkeypatch)
    monkeypatch.setattr(made, "table", lambda _: table)
    behind = Slice(Bound((b"1", b"5"), inclusive=False), Bound())
    first, lent, second = made.pages(SliceWork(table.id, (b"p",), behind, (0,)))
    assert (list(first.rows), first.is_last) == ([(b"1", b"7")], False)
    assert (lent.rows, lent.is_last, lent.read_start) == ({}, False, first.read_start)
    assert (list(second.rows), second.is_last) == ([(b"2", b"0")], True)


REFUSALS = {
    "unconfigured table shop.orders": SideFault,
    "table orders does not exist": SideFault,
    "Undefined column name v": SideFault,
    "keyspace shop does not exist": SideFault,
    "User arn:aws:iam::1:role/r has no MODIFY permission on <table shop.orders>": SideFault,
    "The timestamp 1 is outside the allowed range: from 2 days before to": SideFault,
    "TTL is not yet supported.": SideFault,
    "Client-side timestamps are not enabled for table shop.orders.": SideFault,
    "Invalid value for column timestamp": Unrepresentable,
    "Amazon Keyspaces does not take rows over 1 MB": Unrepresentable,
    "Key may not be empty": Unrepresentable,
}


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_speaks_of_the_row_unless_it_speaks_of_the_deployment(text: str) -> None:
    error = InvalidRequest(f'Error from server: code=2200 [Invalid query] message="{text}"')
    server = cast(CqlSession, Server([], side=Side.TARGET))
    assert isinstance(translate(server, error), REFUSALS[text])


@dataclass(slots=True)
class Keyed(Server):
    """Answers each read of keys at once by the next of `script`."""

    def execute_async(self, bound: Any, timeout: None) -> Any:
        (rows,) = self.script

        def add_callbacks(served: Any, _failed: Any, callback_args: Any, errback_args: Any) -> None:
            served(as_read(rows), *callback_args)

        return SimpleNamespace(add_callbacks=add_callbacks, has_more_pages=False)


@dataclass(slots=True)
class Cut:
    """A request for keys, answered page by page by these rows."""

    pages: list[list[tuple[bytes | None, ...]]]
    answer: Any = None

    @property
    def has_more_pages(self) -> bool:
        return bool(self.pages)

    def add_callbacks(
        self, served: Any, _failed: Any, callback_args: Any, errback_args: Any
    ) -> None:
        self.answer = lambda rows: served(rows and as_read(rows), *callback_args)
        self.start_fetching_next_page()

    def start_fetching_next_page(self) -> None:
        self.answer(self.pages.pop(0))


@dataclass(slots=True)
class CutServer(Server):
    """Cuts the answer to each read of keys into the pages of `script`."""

    def execute_async(self, bound: Any, timeout: None) -> Any:
        return Cut(list(self.script))


@pytest.mark.parametrize("before", [[], [[]], [[(b"0", b"v", None)]], [[(b"0", b"v", None)], []]])
def test_a_row_behind_the_first_page_is_not_absent(
    before: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = source(CutServer([*before, [(b"1", b"v", None)]]), monkeypatch)
    ((_, seen),) = made.read([of_rows(2)])
    assert isinstance(seen, Snapshot)
    assert (b"1",) in seen.rows
    assert len(seen.rows) == len([page for page in before if page]) + 1


@pytest.mark.parametrize("asked", [[b"a@b.c"], [b"a@b.c", b"d@e.f"]])
def test_a_key_that_was_not_asked_for_is_a_mask_and_removes_nothing(
    asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = source(Keyed([[(b"****", b"v", None)]]), monkeypatch)
    work = RowWork(TABLE.id, (b"p",), {(key,): (index,) for index, key in enumerate(asked)})
    ((_, seen),) = made.read([work])
    assert isinstance(seen, Masked)
    stored = Keyed([[(b"a@b.c", b"v", None)]])
    ((_, seen),) = source(stored, monkeypatch).read([work])
    assert isinstance(seen, Snapshot)
