"""Test the acts of a cutover: their order, their times and reasons, and that nothing is done."""

from __future__ import annotations

from dataclasses import replace

from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass, Verb
from hintferry_ops.cutover.acts import Plan, plan
from hintferry_ops.cutover.gate import expected_downtime_s
from hintferry_ops.cutover.gate.facts import Confirmations
from tests.unit.ops.test_joint_cutover import CARTS, ORDERS, TABLES, Shop


def planned(shop: Shop, *, writers_at_quorum: bool = True) -> Plan:
    """The plan of a cutover, before the writers are stopped."""
    confirmations = Confirmations(None, None, writers_at_quorum)
    for keeper in shop.keepers:
        keeper.confirmations = confirmations
    return plan(shop.joint().measure(), 0.002)


def test_the_acts_stand_in_order_and_add_up_to_the_downtime_of_status() -> None:
    shop = Shop()
    shop.markers.takes_s = 0.5
    found = planned(shop)
    assert [one.what for one in found.before] == [
        "stop every writer of shop.orders, shop.carts, shop.visits, and run this with"
        " --writes-stopped now"
    ]
    assert [one.what for one in found.held] == [
        "draw a marker of 3 tables, and wait until every node settles it",
        "wait until nothing is left for later",
        "set 3 fences, one after the other",
        "wait behind the fences",
        "say that the application may write Keyspaces",
    ]
    marker, later, fences, wait, _ = found.held
    assert marker.expected_s is not None
    assert 0.5 <= marker.expected_s <= 1.5, "as the last one took"
    assert (later.expected_s, wait.expected_s) == (0.0, CUTOVER_WAIT_S)
    assert fences.expected_s == 3 * 4 * 0.002
    facts, _ = shop.keepers[0].check()
    assert found.most_s == expected_downtime_s(facts)
    assert found.expected_s < found.most_s
    assert (shop.fences.fenced, shop.journal.kept) == ({}, [])


def test_what_a_person_must_do_first_comes_first_by_table() -> None:
    shop = Shop()
    shop.passes.enter(Pass(CARTS, Verb.VERIFY, shop.began, shop.began, True, False, {"equal": 1}))
    first, *_ = planned(shop).before
    assert first.what.startswith("shop.carts: run `hintferry verify shop.carts --repair`")
    assert first.why.startswith("clean verify pass: ")
    assert first.yours


def test_what_only_a_person_knows_is_asked_once_for_all_tables() -> None:
    first, stop = planned(Shop(), writers_at_quorum=False).before
    assert first.what.startswith("shop.orders and 2 more tables: if yes, add --writers-at-quorum")
    assert stop.what.startswith("stop every writer of ")


def test_a_stop_that_is_stated_is_no_act() -> None:
    shop = Shop()
    assert plan(shop.joint().measure(), 0.002).before == []


def test_a_pass_that_must_follow_the_stop_is_part_of_the_downtime() -> None:
    shop = Shop()
    first, *others = shop.captures.nodes
    shop.captures.nodes = [replace(first, truncated_at=shop.began - 100), *others]
    found = planned(shop)
    assert len(found.before) == 1
    verify = found.held[0]
    assert verify.yours
    assert "hintferry verify shop.orders --consistency all" in verify.what
    assert "truncated the table" in verify.why
    assert verify.expected_s == 46.0, "45 s, and as long as the last pass"


def test_what_is_left_for_later_now_is_waited_for() -> None:
    shop = Shop()
    shop.open_items.open([OpenItem(str(ORDERS), b"i", shop.began + 30, "second_look")])
    later = planned(shop).held[1]
    assert later.expected_s is not None
    assert 20 < later.expected_s <= 30
    assert later.why.startswith("1 open item now; ")


def test_where_all_fences_stand_only_their_wait_is_left() -> None:
    found = plan([], 0.002, 12.0)
    assert (found.before, len(found.held), found.expected_s) == ([], 1, 12.0)
    assert len(TABLES) == 3
