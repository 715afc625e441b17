"""Test passes whose side, disk or neighbour fails: what is said, kept, and how they end."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hintferry.core.errors import ConfigurationError
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import WHOLE_RING
from hintferry.core.verdict import VerifySums
from hintferry.sweep.progress import Progress
from hintferry.sweep.task import Task
from hintferry_cli.exits import Status, Unfinished
from hintferry_cli.sweep import bookmark, command, state, view
from hintferry_cli.sweep.one_pass import ended
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import RangeEnded, as_numbers
from hintferry_cli.sweep.view import TablePlace
from tests.cli.test_sweep_command import BILL, RANGES, TASK, run_of

DOWN = "source: cannot connect: Connection refused"
GONE = RangeEnded(RANGES[0], {}, DOWN, is_away=True)


def test_a_side_that_stays_away_ends_the_run_and_keeps_what_is_done(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run._ended(RangeEnded(RANGES[1], as_numbers(VerifySums(equal=3))))
    run.state.hear(Progress(0, trouble=DOWN))
    run._ended(GONE)
    assert run.state.is_away
    ending = run.state.ending or ""
    assert ending.startswith(f"{DOWN}; nothing was read for 0.0 s; run the same command again")
    assert ended(TASK, run.state, is_recorded=False) is Status.UNAVAILABLE
    repairing = Task(Verb.VERIFY, TASK.table, repair_rate=9)
    assert ended(repairing, run.state, is_recorded=False) is Status.UNFINISHED
    run.bookmark.save()
    again = bookmark.opened(tmp_path, TASK)
    assert again is not None
    assert [part for part, _ in again.done] == [RANGES[1]]


def test_a_range_that_fails_while_others_are_read_ends_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.state.hear(Progress(0, trouble=DOWN))
    run.state.hear(Progress(7))
    run._ended(GONE)
    assert (run.state.is_away, run.state.unfinished, run.state.failed) == (False, None, 1)


def lines(found: RunState, monkeypatch: pytest.MonkeyPatch, steps: Iterator[None]) -> list[str]:
    monkeypatch.setattr(view, "FIRST_LINE_S", 0.0)
    out = StringIO()
    view.follow(steps, TASK, found, Console(file=out))
    return out.getvalue().splitlines()


def test_a_log_says_at_once_that_a_side_is_away_and_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = RunState(VerifySums(), BILL)

    def steps() -> Iterator[None]:
        yield
        found.hear(Progress(0, trouble=DOWN))
        found.moved_at -= 15
        yield
        yield
        found.hear(Progress(5, WHOLE_RING.width // 4))
        yield

    first, away, back = lines(found, monkeypatch, steps())
    assert first.startswith("verify shop.orders: 0 % done: 0 keys, ")
    assert away.endswith(f": {DOWN}; nothing was read for 15 s, trying again")
    assert back.startswith("verify shop.orders: 25 % done, ")


def test_the_wait_for_a_second_look_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    found = RunState(VerifySums(), BILL)
    found.hear(Progress(5, WHOLE_RING.width))
    found.hear(Progress(0, waits_s=40.5))
    found.moved_at -= 60
    (line,) = lines(found, monkeypatch, iter([None]))
    assert "100 % done, second look in 40 s: 5 keys, " in line


def test_a_silence_without_an_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = RunState(VerifySums(), BILL)
    found.moved_at -= 12
    (line,) = lines(found, monkeypatch, iter([None]))
    assert ": nothing was read for 12 s; 0 keys" in line


def test_the_pace_is_that_of_the_last_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    found = RunState(VerifySums(), BILL)
    for _ in range(60):
        now[0] += 1
        found.hear(Progress(100, WHOLE_RING.width // 1000))
    assert found.keys_per_s == pytest.approx(100, rel=0.05)
    assert found.eta_s == pytest.approx(940, rel=0.05)
    now[0] += state.WINDOW_S
    assert (found.keys_per_s, found.eta_s) == (0, None)


def test_what_an_earlier_run_did_is_shown_but_is_no_pace() -> None:
    found = RunState(VerifySums(), BILL)
    found.enter(WHOLE_RING.halves()[0], {})
    found.begin()
    assert (found.share, found.keys_per_s, found.eta_s) == (0.5, 0, None)
    found.hear(Progress(1, WHOLE_RING.width // 4))
    assert found.share == 0.75
    found.enter(WHOLE_RING.halves()[1], {})
    assert found.share == 1.0


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_narrow_terminal_keeps_the_bar_the_share_and_the_time(width: int) -> None:
    found, out = RunState(VerifySums(), BILL), StringIO()
    found.enter(WHOLE_RING.halves()[0], as_numbers(VerifySums(equal=1_500, missing=2)))
    console = Console(file=out, force_terminal=True, width=width, legacy_windows=False)
    view.follow(iter([None]), TASK, found, console, TablePlace(3, 40))
    shown = out.getvalue()
    for one in ("━", "50%", "left", "table 3 of 40"):
        assert one in shown, shown


def test_two_runs_of_one_pass_are_not_let_in(tmp_path: Path) -> None:
    other = Task(Verb.VERIFY, TableId("shop", "visits"))
    with bookmark.held(tmp_path, TASK):
        with (
            pytest.raises(ConfigurationError, match=r"another verify of shop.orders runs with"),
            bookmark.held(tmp_path, TASK),
        ):
            pass
        with bookmark.held(tmp_path, other):
            pass
    with bookmark.held(tmp_path, TASK):
        pass


def test_a_full_disk_ends_a_pass_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = bookmark.begun(tmp_path, TASK, RANGES, None)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unfinished, match=r"No space left on device; make room for it, then run"):
        begun.save()
    again = bookmark.opened(tmp_path, TASK)
    assert again is not None
    assert again.left == RANGES


def test_the_pass_is_recorded_before_its_report_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded: list[Run] = []

    def follow(_: Any, task: Task, found: RunState, *others: object) -> None:
        found.enter(WHOLE_RING, as_numbers(VerifySums(equal=1)))

    def enter(run: Run, errors: Console) -> bool:
        recorded.append(run)
        return True

    monkeypatch.setattr(view, "follow", follow)
    monkeypatch.setattr(command, "recorded", enter)
    run = run_of(tmp_path)
    status = command._finish(run, Path("/dev/null/reports"), json=True)
    assert (status, recorded) == (Status.UNFINISHED, [run])
    assert "the report cannot be written: /dev/null/reports: Not a dir" in capsys.readouterr().err
    assert command._finish(run, tmp_path / "reports", json=True) is Status.DONE


def test_what_cannot_be_swept_at_all_shows_no_sums() -> None:
    found, out, errors = RunState(VerifySums(), BILL), StringIO(), StringIO()
    found.unfinished, found.is_refused = "the target has no table shop.orders; make it", True
    view.show(TASK, found, Console(file=out), Console(file=errors, width=200))
    assert out.getvalue() == ""
    assert errors.getvalue() == "shop.orders: the target has no table shop.orders; make it\n"
