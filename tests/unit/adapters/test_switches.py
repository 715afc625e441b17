"""Test the switches as the functions read them, and the pace that follows from them."""

from __future__ import annotations

from struct import pack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.rate_limit import FASTEST, RateLimit
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.journal import KeyspacesJournal
from hintferry.adapters.target.switches import KeyspacesSwitches, SwitchedLimits
from hintferry.core.errors import Paused, Side, SideFault
from hintferry.core.journal import Entry
from hintferry.core.limits import SWITCHES_HOLD_S
from hintferry.core.schema import TableId
from hintferry.core.switches import ALL, Pause, Rates, Switch, Workers
from hintferry.ports import Journal, SwitchBoard
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.switches import MemoryJournal, MemorySwitches

ORDERS, VISITS = TableId("shop", "orders"), TableId("shop", "visits")
PAUSE = Pause(1_764_000_000.5, "alice", "repair")
OWN, OTHER = "hintferry", "second"
"""Two pipelines of one account and Region, which share the control tables."""


class Control:
    """The target's session with both control tables; `reads` counts the readings of switches."""

    side = Side.TARGET

    def __init__(self) -> None:
        self.rows: dict[bytes, list[Any]] = {}
        self.entries: list[list[Any]] = []
        self.reads, self.is_down = 0, False

    def bind(self, text: str, values: Any) -> tuple[str, Any]:
        return text, values

    def current(self) -> Control:
        return self

    def execute(self, statement: tuple[str, Any]) -> Any:
        if self.is_down:
            raise OperationTimedOut()
        found = self._answer(*statement)
        return SimpleNamespace(all=lambda: found)

    def doubt(self, error: Exception) -> None:
        pass

    def still_serves(self) -> bool:
        return True

    def _answer(self, text: str, values: Any) -> list[tuple[Any, ...]]:
        if text in (cql.SET_PAUSE, cql.SET_RATES):
            row = self.rows.setdefault(values[-1], [None] * 6)
            first = 0 if text == cql.SET_PAUSE else 3
            row[first : first + 3] = values[:3]
        elif text == cql.ADD_ENTRY:
            self.entries.append(list(values))
        elif text == cql.ENTRIES:
            name, since = values
            kept = [one for one in self.entries if one[0] == name and one[1] >= since]
            return [(one[1], *one[3:]) for one in reversed(kept)]
        else:
            assert text == cql.SWITCHES
            self.reads += 1
            return [(name, *row) for name, row in self.rows.items()]
        return []


@pytest.fixture(params=["fake", "control table"])
def switches(request: pytest.FixtureRequest) -> SwitchBoard:
    if request.param == "fake":
        return MemorySwitches()
    clock = ScriptedClock(SimulatedTime())
    return KeyspacesSwitches(cast(CqlSession, Control()), clock, OWN)


def test_a_pause_and_bounds_are_set_apart(switches: SwitchBoard) -> None:
    switches.set_pause(str(ORDERS), PAUSE)
    switches.set_rates(str(ORDERS), Rates(5, None, 7))
    switches.set_rates(ALL, Rates(target=9))
    assert switches.read() == {
        str(ORDERS): Switch(PAUSE, Rates(5, None, 7)),
        ALL: Switch(None, Rates(target=9)),
    }
    switches.set_pause(str(ORDERS), None)
    assert switches.read()[str(ORDERS)] == Switch(None, Rates(5, None, 7))
    switches.set_rates(str(ORDERS), Rates())
    assert switches.read()[str(ORDERS)] == Switch()


def of_pipeline(control: Control, pipeline: str) -> KeyspacesSwitches:
    return KeyspacesSwitches(cast(CqlSession, control), ScriptedClock(SimulatedTime()), pipeline)


def test_all_tables_are_those_of_one_pipeline() -> None:
    control = Control()
    own, other = of_pipeline(control, OWN), of_pipeline(control, OTHER)
    own.set_pause(ALL, PAUSE)
    other.set_rates(ALL, Rates(source=5))
    other.set_pause(str(ORDERS), PAUSE)
    assert own.read() == {ALL: Switch(PAUSE), str(ORDERS): Switch(PAUSE)}
    assert other.read() == {ALL: Switch(rates=Rates(5)), str(ORDERS): Switch(PAUSE)}
    own.set_pause(ALL, None)
    own.set_rates(ALL, Rates())
    assert other.read()[ALL] == Switch(rates=Rates(5))


def test_what_an_earlier_version_set_for_all_holds_until_it_is_taken_back() -> None:
    control = Control()
    at = pack(">q", 1_764_000_000_500)
    control.rows[b"*"] = [at, b"alice", b"repair", pack(">i", 9), None, pack(">i", 3)]
    own, other = of_pipeline(control, OWN), of_pipeline(control, OTHER)
    assert own.read() == other.read() == {ALL: Switch(PAUSE, Rates(9, None, 3))}
    own.set_rates(ALL, Rates(source=20, target=7, repair=3))
    assert own.read() == {ALL: Switch(PAUSE, Rates(20, 7, 3))}
    assert other.read() == {ALL: Switch(PAUSE, Rates(9, None, 3))}
    own.set_pause(ALL, None)
    assert other.read() == {ALL: Switch(rates=Rates(9, None, 3))}
    own.set_rates(ALL, Rates())
    assert own.read()[ALL] == other.read()[ALL] == Switch()


def test_one_reading_serves_all_tables_for_a_few_seconds() -> None:
    control, time = Control(), SimulatedTime()
    clock = ScriptedClock(time)
    found = KeyspacesSwitches(cast(CqlSession, control), clock, OWN)
    paces = SwitchedLimits(found, RateLimit(), RateLimit(), lambda _: Workers(1, 1))
    for _ in range(1_000):
        paces.admit(ORDERS)
        paces.admit(VISITS)
    assert control.reads == 1
    found.set_pause(str(ORDERS), PAUSE)
    time.advance(int(SWITCHES_HOLD_S * 1e6) - 1_000)
    paces.admit(ORDERS)
    time.advance(1_000)
    with pytest.raises(Paused, match=r"repair; let it go on with `hintferry resume shop.orders`"):
        paces.admit(ORDERS)
    paces.admit(VISITS)
    clock.error_us = -10_000_000
    paces.admit(VISITS)
    assert control.reads == 3, "a clock that was set back must not make a reading young"


def test_without_an_answer_nothing_is_admitted() -> None:
    control, time = Control(), SimulatedTime()
    found = KeyspacesSwitches(cast(CqlSession, control), ScriptedClock(time), OWN)
    found.board()
    control.is_down = True
    time.advance(int(SWITCHES_HOLD_S * 1e6))
    with pytest.raises(SideFault):
        found.board()


def test_each_process_sends_its_share_and_everything_once_the_bound_is_gone() -> None:
    board, source, target = MemorySwitches(), RateLimit(), RateLimit()
    board.set_rates(str(ORDERS), Rates(source=60))
    board.set_rates(ALL, Rates(target=100))
    paces = SwitchedLimits(board, source, target, lambda _: Workers(6, 50))
    paces.admit(ORDERS)
    assert (source.most, target.most) == (10.0, 2.0)
    paces.admit(VISITS)
    assert (source.most, target.most) == (FASTEST, 2.0)
    board.switches = {}
    paces.admit(ORDERS)
    assert (source.most, target.most) == (FASTEST, FASTEST)


@pytest.mark.parametrize("threads", [1, 8])
def test_a_bounded_pace_is_kept_however_many_wait(threads: int) -> None:
    """Eight who wait at once send no more together than one alone."""
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = RateLimit(lambda: now[0], sleep)
    pace.most = 2.0
    for _ in range(40):
        slept.clear()
        for _ in range(threads):
            pace.wait()
        now[0] += max(slept, default=0.0)
    assert 40 * threads / now[0] < 2.0 * 1.2


@pytest.fixture(params=["fake", "control table"])
def journal(request: pytest.FixtureRequest) -> Journal:
    if request.param == "fake":
        return MemoryJournal()
    return KeyspacesJournal(cast(CqlSession, Control()), OWN)


def test_the_journal_keeps_all_entries_of_a_table(journal: Journal) -> None:
    first = Entry(1_000.5, str(ORDERS), "pause", "alice", "runs", "paused", "repair")
    second = Entry(2_000.0, str(ORDERS), "resume", "bob")
    for entry in (first, second, Entry(1_500.0, ALL, "pause", "eve")):
        journal.add(entry)
    assert journal.entries(str(ORDERS), 0.0) == [second, first]
    assert journal.entries(str(ORDERS), 1_500.0) == [second]
    assert journal.entries(str(VISITS), 0.0) == []


def test_the_journal_tells_what_was_done_to_all_tables_of_which_pipeline() -> None:
    control = Control()
    own, other = (KeyspacesJournal(cast(CqlSession, control), name) for name in (OWN, OTHER))
    first, second = (Entry(at, ALL, "pause", "alice") for at in (1.0, 2.0))
    own.add(first)
    other.add(second)
    assert (own.entries(ALL, 0.0), other.entries(ALL, 0.0)) == ([first], [second])
    before = Entry(1.5, ALL, "resume", "eve")
    control.entries.append([b"*", pack(">q", 1_500), b"", b"resume", b"eve", b"", b"", b""])
    assert own.entries(ALL, 0.0) == [before, first]
