"""Test that a switch is set after the journal knows of it, and that wrong calls change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hintferry.core.errors import ConfigurationError, Side, SideFault, Unreachable
from hintferry.core.journal import Entry
from hintferry.core.switches import ALL, UNSET, Rates
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.switches import MemoryJournal, MemorySwitches
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.condition import ConditionState
from hintferry_ops.switches.control import Control, HalfDone
from tests.unit.ops.test_gate import OPEN, TABLE, shut

ORDERS = str(TABLE)
WORKERS = 6


@pytest.fixture
def control() -> Control:
    return Control(MemorySwitches(), MemoryJournal(), ScriptedClock(SimulatedTime()), "alice")


def test_a_pause_is_written_down_and_set(control: Control) -> None:
    entry = control.pause(ORDERS, "repair")
    assert control.journal.entries(ORDERS, 0.0) == [entry]
    assert entry == Entry(entry.at, ORDERS, "pause", "alice", "runs", "paused", "repair")
    pause = control.switches.read()[ORDERS].pause
    assert pause is not None
    assert (pause.at, pause.by, pause.why) == (entry.at, "alice", "repair")
    with pytest.raises(ConfigurationError, match=r"is paused since .* nothing was changed"):
        control.pause(ORDERS, "again")
    again = control.resume(ORDERS, "done")
    assert again.old == str(pause)
    assert control.switches.read()[ORDERS] == UNSET
    assert len(control.journal.entries(ORDERS, 0.0)) == 2


def test_what_is_not_paused_cannot_go_on(control: Control) -> None:
    with pytest.raises(ConfigurationError, match=r"shop.orders is not paused; nothing was changed"):
        control.resume(ORDERS, "")
    control.pause("shop.visits", "")
    with pytest.raises(ConfigurationError, match=r"all tables are not paused; paused: shop.visits"):
        control.resume(ALL, "")
    control.pause(ALL, "")
    with pytest.raises(ConfigurationError, match=r"with all tables; .*resume --all"):
        control.resume(ORDERS, "")
    assert [one.verb for one in control.journal.entries(ORDERS, 0.0)] == []


def test_bounds_that_are_not_named_stay(control: Control) -> None:
    control.throttle(ORDERS, Rates(source=60), WORKERS, "")
    entry = control.throttle(ORDERS, Rates(target=30, repair=5), WORKERS, "peak")
    assert (entry.old, entry.new) == ("source 60/s", "source 60/s, target 30/s, repair 5/s")
    assert control.switches.read()[ORDERS].rates == Rates(60, 30, 5)
    assert control.unthrottle(ORDERS, "").new == "none"
    assert control.switches.read()[ORDERS].rates == Rates()
    with pytest.raises(ConfigurationError, match=r"shop.orders has no bound"):
        control.unthrottle(ORDERS, "")


@pytest.mark.parametrize(
    ("name", "rates", "says"),
    [
        (ORDERS, Rates(source=5), "--source 5 .* shop.orders; give 6 to .* each of 6 workers"),
        (ALL, Rates(target=5), "--target 5 .* all tables; give 6 to"),
        (ORDERS, Rates(repair=0), "--repair 0 .* give 1 to 1,000,000 a second, or `hint"),
        (ORDERS, Rates(source=-1), "--source -1"),
        (ORDERS, Rates(source=2_000_000), "--source 2000000"),
    ],
)
def test_a_bound_that_cannot_be_kept_changes_nothing(
    control: Control, name: str, rates: Rates, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        control.throttle(name, rates, WORKERS, "")
    assert not control.switches.read()
    assert not control.journal.entries(name, 0.0)


def test_the_least_bound_can_be_set(control: Control) -> None:
    control.throttle(ORDERS, Rates(6, 6, 1), WORKERS, "")
    control.throttle(ALL, Rates(6, 6, 1), WORKERS, "")


def test_a_target_that_is_away_leaves_nothing_or_says_what_to_do(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(control.switches, "set_pause", away)
    with pytest.raises(HalfDone, match=r"the journal says pause.* run it again"):
        control.pause(ORDERS, "")
    monkeypatch.setattr(control.journal, "add", away)
    with pytest.raises(SideFault):
        control.pause(ORDERS, "")


def test_the_gate_of_a_paused_table_is_shut_and_shows_bounds(control: Control) -> None:
    control.throttle(ALL, Rates(source=500), WORKERS, "")
    facts = replace(OPEN, switches=control.switches.read())
    (seen,) = [one for one in gate(facts) if one.name == "not paused"]
    assert (seen.state, seen.reason) == (
        ConditionState.HOLDS,
        "throttled: source 500/s (all tables)",
    )
    control.pause(ORDERS, "repair")
    closed = shut(replace(OPEN, switches=control.switches.read()))
    assert closed.fix == "`hintferry resume shop.orders`"
    assert "by alice: repair" in closed.reason
    control.pause(ALL, "")
    assert shut(facts).fix == "`hintferry resume --all`"


def test_a_pause_of_half_a_day_says_what_comes(control: Control) -> None:
    clock = control.clock
    control.pause(ORDERS, "")
    switches = control.switches.read()
    began = clock.now()
    for hours, warns in ((11, False), (13, True)):
        later = replace(OPEN, now=began + hours * 3600, switches=switches)
        (seen,) = [one for one in gate(later) if one.name == "not paused"]
        assert ("hints go to the bucket" in seen.reason) is warns
