"""Behind the fence nothing is read, and a reading of the fences is believed for five seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.core.errors import ClockFault, Fenced, HintferryError, Side, SideFault
from hintferry.core.hint import WHOLE_PARTITION
from hintferry.core.limits import ANNOUNCED_FOR_S, ANNOUNCED_HOLDS_S, FENCE_HOLDS_S
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Snapshot
from hintferry.core.schema import Table, TableId
from hintferry.core.work import RowWork, SliceWork, StaticWork
from hintferry.live.fence import FencedSource
from hintferry.live.ledger import Ledger
from hintferry.ports import Fence, FencePost, Source
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.fences import FENCE, HeldFences, MemoryFences
from hintferry.testing.points import nowhere
from hintferry.testing.switches import MemorySwitches

OPEN, CUTOVER = TableId("shop", "open"), TableId("shop", "done")


class Pages:
    """A source of three pages, and of a row for each key; it remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[TableId] = []

    def table(self, table: TableId, altered_us: int = 0) -> Table:
        return Table(table, ())

    def agreed(self, table: TableId) -> Table:
        return Table(table, ())

    def read(
        self, works: Iterable[RowWork | StaticWork]
    ) -> Iterator[tuple[RowWork | StaticWork, Snapshot | HintferryError]]:
        for work in works:
            self.asked.append(work.table)
            yield work, Snapshot(Table(work.table, ()), 1, {})

    def pages(self, work: SliceWork) -> Iterator[Snapshot]:
        for number in range(3):
            self.asked.append(work.table)
            yield Snapshot(Table(work.table, ()), number, {}, number == 2)


def row(table: TableId) -> RowWork:
    return RowWork(table, (b"p",), {(): (0,)})


def fenced(*tables: TableId) -> tuple[FencedSource, Pages, MemoryFences]:
    pages, fences = Pages(), MemoryFences()
    for table in tables:
        fences.set(table, FENCE)
    return FencedSource(cast(Source, pages), fences, MemorySwitches()), pages, fences


def test_keys_behind_the_fence_are_not_read_and_the_others_are() -> None:
    source, pages, _ = fenced(CUTOVER)
    answers = {work.table: seen for work, seen in source.read([row(CUTOVER), row(OPEN)])}
    assert isinstance(answers[CUTOVER], Fenced)
    assert isinstance(answers[OPEN], Snapshot)
    assert pages.asked == [OPEN]


def test_a_fence_set_between_two_pages_ends_the_read() -> None:
    source, pages, fences = fenced()
    read = source.pages(SliceWork(OPEN, (b"p",), WHOLE_PARTITION, (0,)))
    next(read)
    fences.set(OPEN, FENCE)
    with pytest.raises(Fenced):
        next(read)
    assert pages.asked == [OPEN]


def ends(*errors: HintferryError | None) -> Settled:
    """Return how one record ends whose pieces of work end so."""
    ledger = Ledger(1)
    for _ in errors:
        ledger.open([0])
    for error in errors:
        if error is None:
            ledger.applied([0])
        else:
            ledger.failed([0], error)
    (end,) = ledger.close()
    return end


def test_a_record_of_a_fenced_table_is_skipped_whatever_became_of_its_other_pieces() -> None:
    fault, fence = SideFault(Side.TARGET, "down"), Fenced("cut over")
    for pieces in ((None, fence), (fence, None)):
        end = ends(*pieces)
        assert (end.outcome, end.reason) == (Outcome.SKIPPED, SkipReason.FENCED)
    assert ends(fence, fault).outcome is Outcome.RETURNED
    assert ends(fault, fence).outcome is Outcome.RETURNED


class Control:
    """The session in which the fences are read; `names` are in the table, `reads` counts."""

    side = Side.TARGET

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reads = 0
        self.is_down = False

    def bind(self, text: str, values: Any) -> None:
        pass

    def current(self) -> Control:
        return self

    def execute(self, _statement: Any) -> Any:
        if self.is_down:
            raise OperationTimedOut()
        self.reads += 1
        return SimpleNamespace(all=lambda: [(name.encode(), None) for name in self.names])

    def doubt(self, error: Exception) -> None:
        pass

    def still_serves(self) -> bool:
        return True


def test_a_reading_serves_for_five_seconds_from_its_beginning() -> None:
    control, time = Control(), SimulatedTime()
    clock = ScriptedClock(time)
    fences = KeyspacesFences(cast(CqlSession, control), clock)
    assert not fences.is_fenced(OPEN)
    control.names.append(str(OPEN))
    time.advance(int(FENCE_HOLDS_S * 1e6) - 1_000)
    assert not fences.is_fenced(OPEN)
    assert control.reads == 1
    time.advance(1_000)
    assert fences.is_fenced(OPEN)
    clock.error_us = -900_000
    assert fences.is_fenced(OPEN)
    assert control.reads == 3, "a clock that was set back must not make a reading young"
    clock.error_us = -10_000_000
    with pytest.raises(ClockFault):
        fences.is_fenced(OPEN)


def test_without_an_answer_nothing_counts_as_open() -> None:
    control, time = Control(), SimulatedTime()
    fences = KeyspacesFences(cast(CqlSession, control), ScriptedClock(time))
    assert not fences.is_fenced(OPEN)
    control.is_down = True
    time.advance(int(FENCE_HOLDS_S * 1e6))
    with pytest.raises(SideFault):
        fences.is_fenced(OPEN)


class FenceTable:
    """The target's session with one table of fences, which takes conditional writes."""

    side = Side.TARGET

    def __init__(self) -> None:
        self.rows: dict[bytes, tuple[Any, ...]] = {}

    def bind(self, text: str, values: Any) -> tuple[str, Any]:
        return text, values

    def current(self) -> FenceTable:
        return self

    def execute(self, statement: tuple[str, Any]) -> Any:
        text, values = statement
        found: list[tuple[Any, ...]] = []
        if text == cql.SET_FENCE:
            name, *times, rehearsal = values
            self.rows.setdefault(name, (*times, None, None, rehearsal))
        elif text == cql.ANNOUNCE:
            self.rows[values[0]] = (None, None, None, values[1], None)
        elif text == cql.SETTLE_FENCE:
            *times, name = values
            if name in self.rows:
                self.rows[name] = (*self.rows[name][:2], *times, self.rows[name][4])
        elif text in (cql.LIFT_FENCE, cql.WITHDRAW):
            self.rows.pop(values[0], None)
        elif text == cql.FENCE:
            found = [self.rows[values[0]]] if values[0] in self.rows else []
        else:
            assert text == cql.FENCES
            found = [(name, row[3]) for name, row in self.rows.items()]
        return SimpleNamespace(all=lambda: found)


@pytest.fixture(params=["fake", "control table"])
def posts(request: pytest.FixtureRequest) -> FencePost:
    if request.param == "fake":
        return MemoryFences()
    clock = ScriptedClock(SimulatedTime())
    return KeyspacesFences(cast(CqlSession, FenceTable()), clock)


def test_a_fence_keeps_when_it_was_first_set(posts: FencePost) -> None:
    first, second = Fence(1_000.5, 990.0), Fence(2_000.0, None)
    assert posts.standing(OPEN) is None
    assert posts.set(OPEN, first) == first
    assert posts.set(OPEN, second) == first, "of two cut-overs at once the first counts"
    assert posts.is_fenced(OPEN)
    posts.lift(OPEN)
    assert posts.standing(OPEN) is None
    assert not posts.is_fenced(OPEN)
    assert posts.set(OPEN, second) == second


def test_a_fence_keeps_until_when_it_is_waited_out(posts: FencePost) -> None:
    posts.settle(OPEN, 1_002.0, 1_003.0)
    assert posts.standing(OPEN) is None, "a fence that was lifted meanwhile does not come back"
    posts.set(OPEN, Fence(1_000.5, 990.0))
    posts.settle(OPEN, 1_002.0, 1_003.25)
    assert posts.standing(OPEN) == Fence(1_000.5, 990.0, 1_002.0, 1_003.25)


def test_a_fence_keeps_whether_a_rehearsal_set_it(posts: FencePost) -> None:
    posts.set(OPEN, Fence(1_000.5, 990.0, is_rehearsal=True))
    posts.settle(OPEN, 1_002.0, 1_003.25)
    assert posts.standing(OPEN) == Fence(1_000.5, 990.0, 1_002.0, 1_003.25, is_rehearsal=True)


def test_an_announcement_is_no_fence(posts: FencePost) -> None:
    assert posts.announced(OPEN) is None
    posts.announce(OPEN, 2_000.0)
    assert posts.announced(OPEN) == 2_000.0
    assert not posts.is_fenced(OPEN)
    assert posts.standing(OPEN) is None
    posts.set(OPEN, Fence(1_000.5, 990.0))
    posts.withdraw(OPEN)
    assert posts.announced(OPEN) is None
    assert posts.is_fenced(OPEN)


class Readers:
    """Both readers of the fences, each with a clock of its own over one time."""

    def __init__(self) -> None:
        self.time, self.control, self.fences = SimulatedTime(), FenceTable(), MemoryFences()
        self.clock = ScriptedClock(self.time)
        self.real = KeyspacesFences(cast(CqlSession, self.control), self.clock)
        self.fake = HeldFences(self.fences, self.clock)
        command = KeyspacesFences(cast(CqlSession, self.control), ScriptedClock(self.time))
        self.posts: tuple[FencePost, ...] = (command, self.fences)

    def are_fenced(self, read_start: int = 0) -> bool:
        """What both say, which must be the same."""
        real = self.real.is_fenced(OPEN, read_start)
        assert self.fake.is_fenced(OPEN, nowhere, read_start) == real
        return real


def test_a_reading_that_shows_an_announcement_holds_for_a_second() -> None:
    readers = Readers()
    assert not readers.are_fenced()
    for post in readers.posts:
        post.announce(OPEN, readers.clock.now() + ANNOUNCED_FOR_S)
        post.set(OPEN, FENCE)
    readers.time.advance(int(FENCE_HOLDS_S * 1e6) - 10_000)
    assert not readers.are_fenced(), "it does not know of the announcement yet"
    readers.time.advance(20_000)
    assert readers.are_fenced()
    for post in readers.posts:
        post.lift(OPEN)
    readers.time.advance(int(ANNOUNCED_HOLDS_S * 1e6) - 10_000)
    assert readers.are_fenced()
    readers.time.advance(20_000)
    assert not readers.are_fenced()
    readers.time.advance(int(ANNOUNCED_FOR_S * 1e6))
    assert not readers.are_fenced()
    for post in readers.posts:
        post.set(OPEN, FENCE)
    readers.time.advance(int(FENCE_HOLDS_S * 1e6) - 10_000)
    assert not readers.are_fenced(), "the announcement has ended"


def test_no_read_start_is_later_than_the_reading_of_the_fences_holds() -> None:
    """A clock that is set back after a read began must not make the reading young for it."""
    readers = Readers()
    assert not readers.are_fenced()
    for post in readers.posts:
        post.set(OPEN, FENCE)
    readers.time.advance(int(FENCE_HOLDS_S * 1e6) - 10_000)
    read_start = readers.time.micros + 20_000
    readers.clock.error_us = -1_000_000
    assert not readers.are_fenced()
    assert readers.are_fenced(read_start)


def test_a_row_that_was_read_too_late_for_its_reading_is_not_given_out() -> None:
    source, _, fences = fenced()
    starts: list[int] = []

    def is_fenced(table: TableId, read_start: int = 0) -> bool:
        starts.append(read_start)
        return read_start > 0

    fences.is_fenced = is_fenced  # type: ignore[method-assign]
    ((_, seen),) = source.read([row(OPEN)])
    assert isinstance(seen, Fenced)
    assert starts == [0, 1]


def test_a_fence_that_was_set_by_hand_was_set_long_ago() -> None:
    control = FenceTable()
    control.rows[str(OPEN).encode()] = (None, None, None, None, None)
    fences = KeyspacesFences(cast(CqlSession, control), ScriptedClock(SimulatedTime()))
    assert fences.standing(OPEN) == Fence(0.0, None)
