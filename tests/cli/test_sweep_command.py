"""`hintferry verify` and `backfill`: wrong calls, bookmarks, and what is shown."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from hintferry.adapters.config.settings import TableSettings
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.errors import ConfigurationError
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import WHOLE_RING, TokenRange, plan_ranges
from hintferry.core.verdict import BackfillSums, VerifySums
from hintferry.sweep.task import Task
from hintferry_cli.app import app
from hintferry_cli.sweep import bookmark, view
from hintferry_cli.sweep import run as sweep_run
from hintferry_cli.sweep.bill import PassPrice, duration
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import Order, as_numbers
from hintferry_ops.cost.estimate import Estimate
from hintferry_ops.cost.prices import price_book
from tools import places

TASK = Task(Verb.VERIFY, TableId("shop", "orders"))
RANGES = plan_ranges([], 8)
US_EAST = price_book().keyspaces("us-east-1")
CONFIG = """\
[source]
contact_points = ["127.0.0.1"]
port = 1
datacenter = "d"
[target]
endpoint = "127.0.0.1"
port = 1
region = "eu-west-1"
[tables."shop.orders"]
[tables."shop.visits"]
[tables."other.Readings"]
"""
BILL = PassPrice(TableSettings(TASK.table), US_EAST)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "orders"], "write shop.orders"),
        (["verify", "shop.orders", "--consistency", "one"], "'local_quorum', 'all'"),
        (["verify", "shop.orders", "--repair"], "--replay-queue-url"),
        (["verify", "shop.orders", "--rate", "9"], "--rate and --yes go with --repair"),
        (["verify", "shop.orders", "--yes"], "--rate and --yes go with --repair"),
        (["verify", "shop.orders", "--report", "/dev/null/x"], "no report can be written into"),
        (["verify", "shop.orders", "--bookmarks", "/dev/null/x"], "give another folder with"),
        (["verify"], "give tables as keyspace.table, keyspaces, groups, waves, or --all alone"),
        (["verify", "shop", "--all"], "keyspaces, groups, waves, or --all alone"),
        (["verify", "shop.nope"], "shop.nope is not a table of "),
        (["verify", "shop.orders", "--rate", "0"], "--rate"),
        (["verify", "shop.orders", "--processes", "0"], "--processes"),
        (["verify", "shop.orders", "--config", "no-such.toml"], "no-such.toml does not exist"),
        (["backfill", "shop.orders"], "--parked-queue-url"),
    ],
)
def test_a_wrong_call_does_nothing_and_says_what_to_fix(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PARKED_QUEUE_URL", "REPLAY_QUEUE_URL", "BUCKET", "CONFIG"):
        monkeypatch.delenv(f"HINTFERRY_{name}", raising=False)
    folder, config = tmp_path / "bookmarks", tmp_path / "migration.toml"
    config.write_text(CONFIG)
    where = {"--bookmarks": str(folder), "--config": str(config)}
    given = [part for name, at in where.items() if name not in arguments for part in (name, at)]
    result = CliRunner().invoke(app, [*arguments, *given])
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert (result.stdout, folder.exists()) == ("", False)


def test_a_side_that_is_away_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "migration.toml"
    config.write_text(CONFIG)
    call = ["verify", "shop.orders", "--config", str(config), "--bookmarks", str(tmp_path / "b")]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 3
    assert "cannot connect" in result.stderr
    assert "Traceback" not in result.output


@given(st.sets(st.integers(0, len(RANGES) - 1)), st.sets(st.integers(0, len(RANGES) - 1)))
def test_a_pass_goes_on_with_exactly_what_is_left(first: set[int], second: set[int]) -> None:
    with TemporaryDirectory() as name:
        goes_on(Path(name), first, second)


def goes_on(folder: Path, first: set[int], second: set[int]) -> None:
    assert bookmark.opened(folder, TASK) is None
    begun = bookmark.begun(folder, TASK, RANGES, None)
    for index in first:
        begun.enter(RANGES[index], as_numbers(VerifySums(equal=index)))
    begun.save()
    again = bookmark.opened(folder, TASK)
    if len(first) == len(RANGES):
        assert again is None, "a pass that is finished is not gone on with"
        return
    assert again is not None
    assert again.left == [part for index, part in enumerate(RANGES) if index not in first]
    for index in second:
        again.enter(RANGES[index], as_numbers(VerifySums(equal=index)))
    done = {part: sums["equal"] for part, sums in again.done}
    assert done == {RANGES[index]: index for index in first | second}


def test_other_options_begin_a_new_pass(tmp_path: Path) -> None:
    bookmark.begun(tmp_path, TASK, RANGES, None)
    assert bookmark.opened(tmp_path, TASK) is not None
    at_all = Task(TASK.verb, TASK.table, at_all=True)
    assert bookmark.opened(tmp_path, at_all) is None
    other = Task(Verb.BACKFILL, TASK.table)
    assert bookmark.opened(tmp_path, other) is None


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    path = bookmark.path_of(tmp_path, TASK)
    for content in ("", "[]", "{}", '{"version": 1}'):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match="move it away"):
            bookmark.opened(tmp_path, TASK)
        assert path.read_text() == content


def test_an_end_in_the_middle_of_saving_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = bookmark.begun(tmp_path, TASK, RANGES, None)

    def dump(tree: Any, file: Any) -> None:
        file.write("{")
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dump", dump)
    begun.enter(RANGES[0], {})
    with pytest.raises(KeyboardInterrupt):
        begun.save()
    again = bookmark.opened(tmp_path, TASK)
    assert again is not None
    assert again.left == RANGES


def run_of(tmp_path: Path) -> Run:
    """Two workers whose configuration does not exist."""
    mark = bookmark.begun(tmp_path, TASK, RANGES, None)
    return Run(Order(TASK, tmp_path / "none.toml"), mark, RunState(TASK.verb.sums, BILL), 2)


def test_what_a_worker_refuses_ends_the_run(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    for _ in run.steps():
        pass
    assert run.state.unfinished is not None
    assert "none.toml does not exist" in run.state.unfinished
    assert run.state.ending == run.state.unfinished, "to run it again would not help"


def test_workers_that_die_are_told_and_leave_the_run_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_run, "worker", SimpleNamespace(__name__="no_such_program"))
    run = run_of(tmp_path)
    for _ in run.steps():
        pass
    assert run.state.failed == 2
    assert run.state.unfinished == f"{len(RANGES)} ranges are not done"
    assert (
        run.state.ending
        == f"{len(RANGES)} ranges are not done; run the same command again to resume"
    )


def test_a_worker_that_has_told_all_and_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import os, sys, time; os.close(int(sys.argv[1])); time.sleep(600)"
    (tmp_path / "lingering.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sweep_run, "worker", SimpleNamespace(__name__="lingering"))
    monkeypatch.setattr(sweep_run, "END_WITHIN_S", 1.0)
    run = run_of(tmp_path)
    for _ in run.steps():
        pass
    assert run.state.failed == 0
    left = [one for one in psutil.Process().children() if "lingering" in one.cmdline()]
    assert left == []


def test_a_terminal_gets_a_bar_and_anything_else_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "FIRST_LINE_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    shown = []
    for is_terminal in (True, False):
        state, out = RunState(VerifySums(), BILL), StringIO()
        state.enter(
            WHOLE_RING.halves()[0],
            as_numbers(VerifySums(equal=1_500, missing=2, read_units=4_000_000)),
        )
        console = Console(file=out, force_terminal=is_terminal, width=120)
        view.follow(iter([None]), TASK, state, console)
        shown.append(out.getvalue())
    assert "━" in shown[0]
    assert re.match(
        r"verify shop.orders: 50 % done, .* left: .* 0.50 of about 1.00 USD; equal 1,500, miss",
        shown[1],
    ), shown[1]


def test_a_first_range_of_a_few_tokens_tells_no_end() -> None:
    """The ends of the nodes' own ranges cut such pieces; an end in a million years is none."""
    state, out = RunState(VerifySums(), BILL), StringIO()
    state.enter(TokenRange(0, 1), as_numbers(VerifySums(equal=1)))
    assert state.eta_s is None
    view.follow(iter([None]), TASK, state, Console(file=out))
    state.enter(WHOLE_RING.halves()[0], {})
    assert state.eta_s is not None


def test_the_result_is_shown_with_all_its_sums() -> None:
    state, out, errors = RunState(BackfillSums(), BILL), StringIO(), StringIO()
    state.enter(
        WHOLE_RING, as_numbers(BackfillSums(written=1_200, parked=1, write_units=2_000_000))
    )
    state.fail("source: down")
    state.unfinished = "1 ranges are not done"
    view.show(TASK, state, Console(file=out), Console(file=errors))
    assert out.getvalue() == (
        "shop.orders: 1,201 keys: written 1,200, parked 1, unread 0, write_units 2,000,000;"
        " 1.25 USD\n"
    )
    assert errors.getvalue() == (
        "1 x source: down\n1 ranges are not done; run the same command again to resume\n"
    )


def test_a_backfill_says_beforehand_what_it_takes() -> None:
    assert BILL.plan(Estimate(1_000_000, 3_200_000)) == (
        "about 1,000,000 rows, 3,200,000 write units, 2.00 USD (us-east-1, 2025-11-05),"
        " 16 min or more at 3,200 units/s"
    )
    bought = TableSettings(TASK.table, capacity=Capacity(Mode.PROVISIONED, 10, 1_000))
    assert "2.61 USD (us-east-1, 2025-11-05), 4 h 0 min or more at 800 units/s" in PassPrice(
        bought, US_EAST
    ).plan(Estimate(1, 11_520_000))
    assert (duration(45.2), duration(300.0)) == ("45 s", "5 min")


def test_the_examples_of_the_help_and_of_the_documents_name_known_options() -> None:
    pages = (places.ROOT / "docs" / "how-to").glob("*.md")
    text = "".join(page.read_text() for page in pages)
    for verb in ("verify", "backfill"):
        shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).stdout
        examples = re.findall(rf"^ *hintferry {verb} ([^#\n]*)", shown + text, re.MULTILINE)
        assert len(examples) >= 3
        for example in examples:
            for option in re.findall(r"--[a-z-]+", example):
                assert re.search(rf"{option}\b", shown.partition("Options")[2]), option
