"""Test `hintferry cutover` of several tables: what it says, and that it is all or none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console

from hintferry.core.errors import Side, Unreachable
from hintferry.core.journal import Entry
from hintferry.core.open_item import OpenItem
from hintferry.core.schema import TableId
from hintferry_cli.cutover import command
from hintferry_cli.cutover.undo import undone
from hintferry_cli.exits import Status, Unfinished
from hintferry_cli.gate.view import Standing
from hintferry_ops.cutover.cutover import Cutover
from tests.cli.test_undo import Writes, said, terminal
from tests.unit.ops.test_joint_cutover import CARTS, ORDERS, TABLES, VISITS, Shop

NAMES = command._Names(["checkout"], Path("migration.toml"))


def log() -> Console:
    return Console(file=StringIO(), width=300)


def test_one_run_cuts_all_over_and_tells_one_downtime(capsys: pytest.CaptureFixture[str]) -> None:
    shop, errors = Shop(), log()
    seen = command._cutover(shop.joint(), shop.journal, errors)
    assert [one.standing for one in seen] == [Standing.CUTOVER] * 3
    kept = [(one.verb, one.table) for one in shop.journal.kept]
    assert kept == [(verb, str(one)) for verb in ("writers stopped", "cutover") for one in TABLES]
    assert said(errors).splitlines()[-2:] == [
        "the gates of all 3 tables are open",
        "the fence is set; the application may write in 50 s",
    ]
    command._tell(seen, NAMES, Console(width=200), json=False)
    shown = capsys.readouterr().out
    assert "Hintferry no longer changes these 3 tables. Downtime until then: " in shown
    command._tell(seen, NAMES, Console(width=200), json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["cut_over"], len(told["tables"]), told["next_steps"]) == (True, 3, [])
    assert 50.0 <= told["downtime_seconds"] < 60.0


def test_what_waits_is_told_by_table_and_nothing_is_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop, errors = Shop(), log()
    shop.around.by_reason = {"schema": 1}
    seen = command._cutover(shop.joint(), shop.journal, errors)
    assert command._ended(seen) is Status.NEGATIVE
    assert said(errors).count("nothing parked: 1 record parked: schema 1") == 3
    assert shop.fences.fenced == {}
    assert {one.verb for one in shop.journal.kept} == {"writers stopped"}
    command._tell(seen, NAMES, Console(width=200), json=False)
    shown = capsys.readouterr()
    assert "No table is cut over." in shown.out
    assert "hintferry status" in shown.err


def test_at_a_terminal_what_waits_stands_in_place_and_a_log_gets_changes_only() -> None:
    """O9: a cutover of many tables was a wall of lines."""
    item = OpenItem(str(CARTS), b"i", 0.0, "second_look")
    waits = "shop.carts: nothing left for later: 1 open item: second_look 1"
    shown: dict[bool, str] = {}
    for is_terminal in (False, True):
        shop = Shop()
        shop.open_items.open([replace(item, due=shop.began)])
        errors = terminal(is_terminal)
        _close_at_the_fifth_look(shop)
        command._watched(shop.joint(), errors)
        shown[is_terminal] = said(errors)
    assert shown[False].splitlines() == [waits, "the gates of all 3 tables are open"]
    assert "checking for 0 s" in shown[True]
    assert shown[True].endswith("the gates of all 3 tables are open\n")


def test_a_fence_that_cannot_be_set_takes_the_others_away_before_anything_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop, errors = Shop(), log()
    shop.refuse(lambda table: table == VISITS)
    seen = command._cutover(shop.joint(), shop.journal, errors)
    assert shop.fences.fenced == {}
    assert command._ended(seen) is Status.NEGATIVE
    *_, why, then = said(errors).splitlines()
    assert why == (
        "the fence of shop.visits cannot be set: target: cannot connect; the fences that were just"
        " set are removed again: shop.orders, shop.carts"
    )
    assert then.startswith("no fence of this run is left. Behind it change hints were skipped: ")
    undone = [one.table for one in shop.journal.kept if one.verb == "cutover --undo"]
    assert undone == [str(ORDERS), str(CARTS)]
    command._tell(seen, NAMES, Console(width=200), json=False)
    shown = capsys.readouterr().out
    assert "No table is cut over." in shown
    assert "change hints were skipped until" in shown
    assert "Let the application write" not in shown + said(errors)


def test_where_the_others_cannot_be_removed_either_the_cutover_is_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()
    shop.refuse(lambda table: table == VISITS)

    def away(table: TableId) -> None:
        raise Unreachable(Side.TARGET, "cannot connect")

    monkeypatch.setattr(shop.fences, "lift", away)
    with pytest.raises(Unfinished, match="while a fence is set, run this again"):
        command._cutover(shop.joint(), shop.journal, log())
    shop = Shop()
    shop.refuse(lambda table: table == VISITS)
    monkeypatch.setattr(shop.fences, "standing", away)
    joint = Cutover(shop.keepers, {}, shop.clock)
    with pytest.raises(Unfinished, match="some fences are set, and could not be removed"):
        command._cutover(joint, shop.journal, log())


def test_a_run_that_is_stopped_between_two_fences_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, errors = Shop(), log()

    def stopped(table: TableId) -> bool:
        if table == VISITS:
            raise KeyboardInterrupt
        return False

    shop.refuse(stopped)
    with pytest.raises(KeyboardInterrupt):
        command._cutover(shop.joint(), shop.journal, errors)
    assert said(errors).endswith(
        "stopped: 2 of 3 fences are set, but not of shop.visits. The application must not write"
        " yet: run this again, or with --undo\n"
    )
    shop = _half_done(shop)
    shop.around.by_reason = {"schema": 1}
    seen = command._cutover(shop.joint(), shop.journal, log())
    assert command._ended(seen) is Status.UNFINISHED
    command._tell(seen, NAMES, Console(width=200), json=False)
    shown = capsys.readouterr()
    assert "2 of 3 tables have a fence: the application must not write yet." in shown.out
    assert shown.out.startswith("shop.visits: "), "the one that is in the way comes first"
    assert "hintferry cutover checkout" in shown.err
    shop.around.by_reason = {}
    seen = command._cutover(shop.joint(), shop.journal, log())
    assert command._ended(seen) is Status.DONE


def _half_done(shop: Shop) -> Shop:
    """The same fences, and a target that sets them again."""
    again = Shop()
    again.fences.fenced.update(shop.fences.fenced)
    again.clock.sleep(shop.clock.now() - again.clock.now())
    return again


def test_an_undo_asks_once_for_the_name_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, errors = Shop(), terminal()
    for keeper in shop.keepers[:2]:
        keeper.set_fence()
    asked: list[str] = []

    def prompt(text: str, err: bool) -> str:
        asked.append(text)
        return "checkout"

    monkeypatch.setattr(typer, "prompt", prompt)
    undone(shop.joint(), Writes(0), shop.journal, errors, "checkout", yes=False)
    assert asked == ["To remove the fence, type checkout"]
    assert "shop.visits has no fence, and stays as it is" in said(errors)
    assert shop.fences.fenced == {}


def _close_at_the_fifth_look(shop: Shop) -> None:
    real, looks = shop.clock.sleep, list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 5:
            shop.open_items.close([(str(CARTS), b"i")])
        real(seconds)

    shop.clock.sleep = sleep  # type: ignore[method-assign]


def again(shop: Shop, errors: Console) -> float | None:
    """Cut over with `--writes-stopped now`, and return since when the downtime counts."""
    for keeper in shop.keepers:
        keeper.confirmations = replace(keeper.confirmations, stopped_at=shop.clock.now())
        keeper.downtime_since = None
    command._cutover(shop.joint(), shop.journal, errors)
    fence = shop.fences.standing(ORDERS)
    return None if fence is None else fence.stopped_at


def test_a_stop_that_was_stated_before_a_run_ended_counts_as_downtime() -> None:
    """O10: the second run told a downtime that began with itself."""
    shop, errors = Shop(), log()
    shop.around.by_reason = {"schema": 1}
    assert again(shop, errors) is None
    shop.clock.sleep(180.0)
    shop.around.by_reason = {}
    assert again(shop, errors) == pytest.approx(shop.began), "and not 180 s later"
    assert "first said" not in said(errors)


def test_a_stop_after_which_a_write_came_is_said_and_not_counted() -> None:
    shop, errors = Shop(), log()
    shop.around.by_reason = {"schema": 1}
    assert again(shop, errors) is None
    shop.clock.sleep(180.0)
    shop.captures.newest = dict.fromkeys(shop.captures.since, shop.clock.now())
    shop.around.by_reason = {}
    shop.clock.sleep(5.0)
    second = shop.clock.now()
    assert again(shop, errors) == pytest.approx(second)
    assert "the writers were first said to be stopped at " in said(errors)


def test_a_stop_from_before_an_undo_does_not_count() -> None:
    shop, errors = Shop(), log()
    shop.around.by_reason = {"schema": 1}
    assert again(shop, errors) is None
    shop.clock.sleep(180.0)
    shop.journal.add(Entry(shop.clock.now(), str(ORDERS), "cutover --undo", "somebody"))
    shop.around.by_reason = {}
    second = shop.clock.now()
    assert again(shop, errors) == pytest.approx(second)


def test_a_stop_outlives_fences_that_are_given_up() -> None:
    shop, errors = Shop(), log()
    real = shop.fences.set
    shop.refuse(lambda table: table == VISITS)
    assert again(shop, errors) is None
    shop.fences.set = real  # type: ignore[method-assign]
    (*_, last) = (one for one in shop.journal.kept if one.table == str(ORDERS))
    assert last.verb == "writers stopped"
    assert datetime.fromisoformat(last.new).timestamp() == pytest.approx(shop.began)
