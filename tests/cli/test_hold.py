"""Test that a pass is one run's alone, on this machine and on all, and that a dead run frees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hintferry.core.errors import ConfigurationError, Side, Unreachable
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.sweep.task import Task
from hintferry_cli.sweep import bookmark, hold
from hintferry_cli.sweep.hold import PassLock, locked
from hintferry_ops.testing.pass_lock import MemoryPassLock
from tests.cli.test_sweep_command import run_of

TASK = Task(Verb.BACKFILL, TableId("shop", "orders"))


def check_lock(lock_of: Callable[[str], PassLock]) -> None:
    """Hold a lock to its contract; `lock_of` makes an owner's view of one lock."""
    ours, theirs = lock_of("ours 1"), lock_of("theirs 2")
    assert ours.take() is None
    assert ours.take() is None, "a run that was killed takes it again"
    assert theirs.take() == "ours 1"
    assert not theirs.renew()
    theirs.release()
    assert ours.renew()
    ours.release()
    assert theirs.take() is None
    assert not ours.renew()
    theirs.release()
    assert ours.renew(), "it had expired, and nobody took it"
    ours.release()


def test_a_lock_in_memory_keeps_the_contract() -> None:
    row: list[str] = []
    check_lock(lambda owner: MemoryPassLock(row, owner))


def test_a_second_run_is_refused_with_the_name_of_the_first() -> None:
    row: list[str] = []
    with locked(MemoryPassLock(row, "ana@host 1"), TASK):
        with (
            pytest.raises(
                ConfigurationError, match=r"backfill of shop\.orders runs: ana@host; wait"
            ),
            locked(MemoryPassLock(row, "bob@host 2"), TASK),
        ):
            raise AssertionError
        assert row == ["ana@host 1"]
    assert row == []


def test_a_run_that_was_held_up_is_told_that_another_took_its_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "RENEW_EVERY_S", 0.02)
    row: list[str] = []
    with locked(MemoryPassLock(row, "ana@host 1"), TASK) as lost:
        row[:] = ["bob@host 2"]
        assert lost.wait(20)
    assert row == ["bob@host 2"]


def test_a_target_that_is_away_for_a_while_costs_nobody_the_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "RENEW_EVERY_S", 0.02)
    asked = []

    class Away(MemoryPassLock):
        def renew(self) -> bool:
            asked.append(time.monotonic())
            if len(asked) == 2:
                raise Unreachable(Side.TARGET, "cannot connect")
            return super().renew()

    with locked(Away([], "ana@host 1"), TASK) as lost:
        end = time.monotonic() + 20
        while len(asked) < 4 and time.monotonic() < end:
            time.sleep(0.01)
    assert len(asked) >= 4
    assert not lost.is_set()


def test_each_run_with_the_same_bookmarks_has_the_same_owner(tmp_path: Path) -> None:
    with bookmark.held(tmp_path / "a", TASK) as first:
        pass
    with bookmark.held(tmp_path / "a", TASK) as again, bookmark.held(tmp_path / "b", TASK) as other:
        assert first == again
        assert first != other
        assert "@" in first


def test_a_run_whose_pass_was_taken_over_ends(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.lost.set()
    for _ in run.steps():
        pass
    assert run.state.unfinished is not None
