"""Test tables that are cut over as one: one gate over all, one wait, all fences or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.core.capture import proof
from hintferry.core.errors import ConfigurationError, Side, SideFault, Unreachable
from hintferry.core.limits import CUTOVER_WAIT_S, FENCE_RETRY
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass, Verb, unfenced
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry_ops.cutover.arrivals import WatermarkArrivals
from hintferry_ops.cutover.cutover import FAILS_FOR_S, Cutover, PartlyFenced
from hintferry_ops.cutover.gate.condition import is_open
from hintferry_ops.cutover.gatekeeper import Gatekeeper
from tests.unit.ops.test_gatekeeper import Scene

ORDERS, CARTS, VISITS = TABLES = [TableId("shop", one) for one in ("orders", "carts", "visits")]


class Shop(Scene):
    """Three tables of one group that are ready to be cut over."""

    def __init__(self) -> None:
        super().__init__()
        self.keepers = [self._keeper(one) for one in TABLES]

    def joint(self, *, is_rehearsal: bool = False) -> Cutover:
        """A new run over all tables."""
        return Cutover.of(self.keepers, is_rehearsal=is_rehearsal)

    def refuse(self, broken: Callable[[TableId], bool]) -> list[TableId]:
        """From now on the target sets no fence of such a table; returns the tables it is asked
        for.
        """
        real, asked = self.fences.set, list[TableId]()

        def refused(table: TableId, fence: Fence) -> Fence:
            asked.append(table)
            if broken(table):
                raise Unreachable(Side.TARGET, "cannot connect")
            return real(table, fence)

        self.fences.set = refused  # type: ignore[method-assign]
        return asked

    def _keeper(self, table: TableId) -> Gatekeeper:
        for verb, ago, at_all in ((Verb.BACKFILL, 900, False), (Verb.VERIFY, 600, True)):
            began, proved = self.began - ago, proof(self.captures.witness(table))
            self.passes.enter(
                Pass(table, verb, began, began + 1, at_all, True, {"equal": 1}, proved)
            )
        arrivals = WatermarkArrivals(MarkerWatch(table, self.markers, self.clock))
        fellows = [one for one in TABLES if one != table]
        return replace(self.keeper, table=table, arrivals=arrivals, fellows=fellows)


def test_no_gate_opens_before_all_are_open_at_the_same_look() -> None:
    shop = Shop()
    shop.open_items.open([OpenItem(str(ORDERS), b"i", shop.began, "second_look")])
    for number, seen in enumerate(shop.joint().watch()):
        opens = [is_open(conditions) for _, conditions in seen]
        if number == 4:
            assert opens == [False, True, True]
            shop.open_items.close([(str(ORDERS), b"i")])
            shop.open_items.open([OpenItem(str(VISITS), b"i", shop.began, "second_look")])
        if number == 5:
            assert opens == [True, True, False], "each was open once, but never all"
            shop.open_items.close([(str(VISITS), b"i")])
    assert (opens, number) == ([True, True, True], 6)


def test_a_table_that_waiting_does_not_help_ends_the_watch_of_all() -> None:
    shop = Shop()
    shop.passes.enter(Pass.behind_fence(CARTS, shop.began - 1))
    (seen,) = shop.joint().watch()
    assert [facts.table for facts, _ in seen] == TABLES


@pytest.mark.parametrize(("silent_s", "opens"), [(FAILS_FOR_S - 5, True), (1000.0, False)])
def test_a_condition_that_fails_for_a_moment_does_not_end_the_watch(
    silent_s: float, opens: bool
) -> None:
    """A node that pauses does not answer one look; a node that is gone ends the watch soon."""
    shop = Shop()
    shop.open_items.open([OpenItem(str(ORDERS), b"i", shop.began, "second_look")])
    failed_at: float | None = None
    opened = False
    for number, seen in enumerate(shop.joint().watch()):
        opened = all(is_open(conditions) for _, conditions in seen)
        if number == 2:
            shop.around.by_reason = {"unrepresentable": 1}
            failed_at = shop.clock.now()
        if failed_at is not None and shop.clock.now() > failed_at + silent_s:
            shop.around.by_reason = {}
            shop.open_items.close([(str(ORDERS), b"i")])
    assert opened is opens
    assert failed_at is not None
    assert shop.clock.now() <= failed_at + FAILS_FOR_S + 5


def test_all_fences_are_set_before_any_is_waited_out_and_the_last_one_counts() -> None:
    shop, asked = Shop(), list[float]()
    real = shop.fences.set

    def slow(table: TableId, fence: Fence) -> Fence:
        asked.append(fence.set_at)
        shop.clock.sleep(0.25)
        return real(table, fence)

    shop.fences.set = slow  # type: ignore[method-assign]
    steps = shop.joint().hand_over()
    assert set(shop.fences.fenced) == set(TABLES)
    assert [one - shop.began for one in asked] == [0.0, 0.25, 0.5]
    list(steps)
    assert shop.clock.now() >= asked[-1] + CUTOVER_WAIT_S


def test_a_fence_that_the_target_refuses_for_a_moment_is_tried_again() -> None:
    shop, failures = Shop(), iter([True] * (FENCE_RETRY.attempts - 1))
    asked = shop.refuse(lambda table: table == CARTS and next(failures, False))
    shop.joint().hand_over()
    assert set(shop.fences.fenced) == set(TABLES)
    assert asked.count(CARTS) == FENCE_RETRY.attempts


def test_where_one_fence_cannot_be_set_the_others_are_named_and_removed() -> None:
    shop = Shop()
    shop.refuse(lambda table: table == VISITS)
    with pytest.raises(PartlyFenced, match=r"the fence of shop.visits cannot be set: ") as error:
        shop.joint().hand_over()
    assert (error.value.table, error.value.fenced) == (VISITS, [ORDERS, CARTS])
    list(shop.joint().take_back())
    assert shop.fences.fenced == {}
    voided = [unfenced(shop.passes.of(one, 0.0)) is not None for one in TABLES]
    assert voided == [True, True, False], "hints may have been skipped behind those two"


def test_where_the_first_fence_cannot_be_set_there_is_nothing_to_remove() -> None:
    shop = Shop()
    asked = shop.refuse(lambda table: True)
    with pytest.raises(SideFault):
        shop.joint().hand_over()
    assert asked == [ORDERS] * FENCE_RETRY.attempts


def test_a_run_that_ended_between_two_fences_is_finished_by_the_next_one() -> None:
    shop = Shop()
    shop.keepers[0].set_fence()
    shop.clock.sleep(3600)
    joint = shop.joint()
    assert [one.table for one in joint.unfenced] == [CARTS, VISITS]
    *_, last = joint.watch()
    assert [facts.table for facts, _ in last] == [CARTS, VISITS], "the source may be away for one"
    assert max(joint.hand_over()) == CUTOVER_WAIT_S
    assert shop.fences.fenced[ORDERS].set_at == shop.began, "the older fence stays as it is"


def test_a_fence_that_somebody_removed_during_the_wait_is_named() -> None:
    shop = Shop()
    steps = shop.joint().hand_over()
    next(steps)
    shop.fences.lift(CARTS)
    with pytest.raises(ConfigurationError, match=r"shop.carts is not cut over"):
        list(steps)


def test_an_undo_takes_back_every_fence_that_stands() -> None:
    shop = Shop()
    for keeper in shop.keepers[:2]:
        keeper.set_fence()
    list(shop.joint().take_back())
    assert shop.fences.fenced == {}
    with pytest.raises(ConfigurationError, match=r"shop.orders, shop.carts, shop.visits is not"):
        list(shop.joint().take_back())
