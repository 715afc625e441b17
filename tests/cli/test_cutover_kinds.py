"""Test `cutover --dry-run` and `--rehearse`: what is done, what is told, and what is taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hintferry.core.errors import ConfigurationError
from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.passes import unfenced
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_cli.app import app
from hintferry_cli.cutover import command, dry_run, rehearsal
from hintferry_cli.cutover.rehearsal import Rehearsal
from hintferry_cli.exits import Status, Unfinished
from hintferry_cli.gate import view
from hintferry_cli.gate.overview import told_obstacle
from hintferry_cli.gate.view import TableStatus
from hintferry_cli.next_steps import next_steps
from hintferry_cli.status import command as status
from hintferry_cli.status.watcher import _came_before
from hintferry_ops.cutover.gate.facts import Confirmations
from tests.cli.test_cutover_command import QUEUES, WITH_ORDERS
from tests.cli.test_cutover_of_several import log
from tests.cli.test_undo import said
from tests.unit.ops.test_joint_cutover import ORDERS, TABLES, Shop


def rehearsed(shop: Shop, errors: Console) -> Rehearsal:
    joint = shop.joint(is_rehearsal=True)
    return rehearsal.rehearsed(
        joint,
        lambda: command._cutover(joint, shop.journal, errors, rehearsal.VERB),
        shop.journal,
        errors,
    )


def shown(found: Rehearsal) -> str:
    out = Console(file=StringIO(), width=200)
    rehearsal.show(found, out)
    return said(out)


@pytest.mark.parametrize(
    "kinds", [["--undo", "--dry-run"], ["--dry-run", "--rehearse"], ["--undo", "--rehearse"]]
)
def test_two_kinds_at_once_are_refused(kinds: list[str], tmp_path: Path) -> None:
    config = tmp_path / "migration.toml"
    config.write_text(WITH_ORDERS)
    call = ["cutover", "shop.orders", *kinds, *QUEUES, "--config", str(config)]
    result = CliRunner().invoke(app, call)
    assert (result.exit_code, "exclude each other" in result.stderr) == (2, True)


def test_a_dry_run_shows_the_acts_and_does_none() -> None:
    shop = Shop()
    for keeper in shop.keepers:
        keeper.confirmations = Confirmations(writers_at_quorum=True)
    found = dry_run.planned(shop.joint())
    out = Console(file=StringIO(), width=100)
    dry_run.show(found, out)
    lines = said(out).splitlines()
    assert "you" in lines[0]
    assert "stop every writer of shop.orders, shop.carts, shop.visits" in lines[0]
    assert lines[-1].startswith("downtime to expect: 50 s, at most ")
    assert lines[-1].endswith("Nothing was done.")
    tree = dry_run.as_tree(found)
    assert [one["yours"] for one in tree["acts"]] == [True] + [False] * 5
    assert tree["expected_downtime_seconds"] < tree["most_downtime_seconds"]
    assert (shop.fences.fenced, shop.journal.kept) == ({}, [])


def test_a_dry_run_of_tables_with_a_fence_plans_only_what_is_left() -> None:
    shop = Shop()
    for keeper in shop.keepers:
        keeper.set_fence()
    shop.clock.sleep(20)
    found = dry_run.planned(shop.joint())
    assert [one.expected_s for one in found.acts] == [pytest.approx(CUTOVER_WAIT_S - 20)]
    assert len(found.seen) == 3


def test_a_rehearsal_sets_every_fence_waits_and_takes_all_back() -> None:
    shop, errors = Shop(), log()
    found = rehearsed(shop, errors)
    assert shop.fences.fenced == {}
    assert found.parts is not None
    assert CUTOVER_WAIT_S <= found.parts.wait_s < CUTOVER_WAIT_S + 2
    text = shown(found)
    assert "The rehearsal held the writers for " in text
    assert "No table is cut over: the application goes on with Cassandra." in text
    assert "Let the application write" not in text + said(errors)
    verbs = [one.verb for one in shop.journal.kept]
    assert verbs == ["cutover --rehearse"] * 3 + ["cutover --undo"] * 3
    tree = rehearsal.as_tree(found)
    assert set(tree["rehearsal"]) == {"gate_s", "fence_s", "wait_s", "take_back_s"}
    assert all(unfenced(shop.passes.of(one, 0.0)) for one in TABLES), "hints were skipped"


def test_a_rehearsal_needs_the_gate_of_a_cutover() -> None:
    shop = Shop()
    shop.around.by_reason = {"schema": 1}
    found = rehearsed(shop, log())
    assert (found.parts, shop.journal.kept) == (None, [])
    assert "No fence was set: a rehearsal needs every condition of a cutover." in shown(found)


def test_a_rehearsal_that_is_stopped_leaves_no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, errors = Shop(), log()
    real, slept = shop.clock.sleep, list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if shop.fences.fenced and len(slept) < 9:
            raise KeyboardInterrupt
        real(seconds)

    monkeypatch.setattr(shop.clock, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        rehearsed(shop, errors)
    assert shop.fences.fenced == {}
    assert "the fences of the rehearsal are removed again" in said(errors)


def test_a_fence_that_stands_is_never_taken_back_by_a_rehearsal() -> None:
    shop = Shop()
    shop.keepers[0].set_fence()
    with pytest.raises(ConfigurationError, match=r"shop.orders has a fence already"):
        rehearsed(shop, log())
    assert set(shop.fences.fenced) == {ORDERS}


def killed_rehearsal() -> Shop:
    """Return tables of which a rehearsal was killed behind its first fence."""
    shop = Shop()
    shop.keepers[0].set_fence(is_rehearsal=True)
    shop.clock.sleep(CUTOVER_WAIT_S + 1)
    return shop


UNDO = (
    "a rehearsal's fence stands: run `hintferry cutover shop.orders shop.carts shop.visits --undo`"
)


def test_the_fence_of_a_killed_rehearsal_is_not_told_as_a_cutover() -> None:
    shop = killed_rehearsal()
    seen = view.read_statuses(shop.keepers[:1])
    (tree,) = map(view.as_tree, seen)
    assert view.standing(tree) == UNDO
    assert (tree["cut_over"], tree["cut_over_at"], tree["fenced"]) == (False, None, True)
    assert status._ended(seen) is Status.NEGATIVE
    assert (told_obstacle(tree), tree["stage"]) == (UNDO.partition(": ")[2], "backfilled")
    assert _came_before(seen[0]) == ("killed rehearsal", Status.DONE)
    (step,) = next_steps(*_came_before(seen[0]), list(map(str, seen[0].to_undo)))
    assert step.command == "hintferry cutover shop.orders shop.carts shop.visits --undo"


@pytest.mark.parametrize(
    "run",
    [
        lambda shop: command._cutover(shop.joint(), shop.journal, log()),
        lambda shop: dry_run.planned(shop.joint()),
        lambda shop: rehearsed(shop, log()),
    ],
    ids=["cutover", "dry run", "rehearsal"],
)
def test_nothing_takes_the_fence_of_a_killed_rehearsal_for_its_own(
    run: Callable[[Shop], object],
) -> None:
    shop = killed_rehearsal()
    with pytest.raises(ConfigurationError, match=UNDO):
        run(shop)
    assert set(shop.fences.fenced) == {ORDERS}
    assert shop.journal.kept == []


def beaten(shop: Shop, *, by_rehearsal: bool) -> None:
    """Let a run of that kind set each fence a moment earlier."""
    real = shop.fences.set

    def faster(table: TableId, fence: Fence) -> Fence:
        real(table, replace(fence, is_rehearsal=by_rehearsal))
        return real(table, fence)

    shop.fences.set = faster  # type: ignore[method-assign]


def test_a_cutover_that_a_rehearsal_beats_does_not_say_that_the_application_may_write() -> None:
    shop = Shop()
    beaten(shop, by_rehearsal=True)
    with pytest.raises(Unfinished, match=UNDO):
        command._cutover(shop.joint(), shop.journal, log())
    assert set(shop.fences.fenced) == set(TABLES)


def test_a_rehearsal_that_a_cutover_beats_leaves_its_fences() -> None:
    shop = Shop()
    beaten(shop, by_rehearsal=False)
    with pytest.raises(Unfinished, match="has a fence already"):
        rehearsed(shop, log())
    assert set(shop.fences.fenced) == set(TABLES)


def test_after_a_rehearsal_and_an_undo_the_next_step_speaks_of_what_was_skipped() -> None:
    for verb in (rehearsal.VERB, "cutover --undo"):
        (step,) = next_steps(verb, Status.DONE, ["shop.canary"])
        assert step.command == "hintferry verify shop.canary --consistency all"
        assert step.why == "compare both sides: behind the fence change hints were skipped"


def test_a_table_that_was_written_meanwhile_is_named() -> None:
    shop, errors = Shop(), log()
    joint = shop.joint(is_rehearsal=True)

    def cut() -> list[TableStatus]:
        seen = command._cutover(joint, shop.journal, errors, rehearsal.VERB)
        shop.captures.newest = dict.fromkeys(shop.captures.since, shop.clock.now())
        return seen

    found = rehearsal.rehearsed(joint, cut, shop.journal, errors)
    assert [one.table for one in found.written] == TABLES
    assert "shop.orders was written meanwhile (not stopped since " in shown(found)
    assert "run `hintferry verify shop.orders`, then with --repair" in shown(found)
    assert rehearsal.as_tree(found)["written_meanwhile"] == list(map(str, TABLES))
