"""Read starts: never ahead of the clock, never twice, and no clock that was set back."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hintferry.adapters.clocks import wall as wall_module
from hintferry.adapters.clocks.wall import WallClock
from hintferry.core.errors import ClockFault
from hintferry.testing.clock import ScriptedClock, SimulatedTime


def test_read_starts_grow_and_are_never_ahead_of_the_clock() -> None:
    wall = WallClock()
    starts = []
    for _ in range(300):
        starts.append(wall.read_start())
        assert starts[-1] <= time.time_ns() // 1000
    assert all(earlier < later for earlier, later in pairwise(starts))


class _SlowToRemember(WallClock):
    """Takes its time between drawing a read start and remembering it."""

    _remembered = 0

    @property
    def _last(self) -> int:
        return self._remembered

    @_last.setter
    def _last(self, start: int) -> None:
        time.sleep(0.002)
        self._remembered = start


def test_threads_never_share_a_read_start(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, real = _SlowToRemember(), time.time_ns
    starts: list[int] = []

    def draw() -> None:
        starts.extend(wall.read_start() for _ in range(3))

    monkeypatch.setattr(time, "time_ns", lambda: real() // 10**7 * 10**7)
    threads = [threading.Thread(target=draw) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(starts)) == 18


def test_the_last_two_digits_are_the_workers_own() -> None:
    wall = WallClock()
    assert len({wall.read_start() % 100 for _ in range(20)}) == 1


def test_a_read_start_is_hardly_older_than_the_clock() -> None:
    before = time.time_ns() // 1000
    assert before - WallClock().read_start() < 200


def test_a_small_step_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, offset = WallClock(), 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + offset)
    before = wall.read_start()
    offset = -20_000_000
    assert before < wall.read_start()


def test_a_clock_set_back_by_minutes_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, offset = WallClock(), 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + offset)
    monkeypatch.setattr(wall_module, "LONGEST_WAIT_S", 0.05)
    wall.read_start()
    offset = -300 * 10**9
    with pytest.raises(ClockFault, match=r"set back and is \d+\.\d s behind"):
        wall.read_start()


@given(
    st.integers(0, 99),
    st.integers(-3_000_000, 3_000_000),
    st.lists(st.integers(0, 5_000), min_size=1, max_size=20),
)
def test_the_scripted_clock_keeps_the_same_rules(salt: int, error: int, steps: list[int]) -> None:
    simulated = SimulatedTime()
    scripted = ScriptedClock(simulated, salt, error)
    last = 0
    for step in steps:
        simulated.advance(step)
        start = scripted.read_start()
        assert last < start <= simulated.micros + error
        assert salt == start % 100
        last = start


def test_the_scripted_clock_set_back_is_a_fault() -> None:
    simulated = SimulatedTime()
    scripted = ScriptedClock(simulated)
    scripted.read_start()
    scripted.error_us = -2_000_000
    with pytest.raises(ClockFault):
        scripted.read_start()
