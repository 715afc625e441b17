"""A look at many tables: all are shown, whatever one of them or one side does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

import pytest

from hintferry.core.errors import HintferryError, Side, Throttled, UnknownTable, Unreachable
from hintferry.core.passes import Pass
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry_cli.gate import look as module
from hintferry_cli.gate.look import AT_ONCE, FAULTS, look, look_until_settled
from hintferry_cli.gate.view import Standing
from hintferry_ops.cutover.gate import gate
from hintferry_ops.cutover.gate.condition import Condition, ConditionState
from hintferry_ops.cutover.gate.facts import Facts
from hintferry_ops.cutover.gatekeeper import Checked, Gatekeeper
from tests.cli.many_tables import facts_of

AROUND = Condition("nothing parked", ConditionState.HOLDS, "no record of this table is parked")


@dataclass
class Sides:
    """Both sides: what each table's check raises, and how often each was asked."""

    faults: dict[Side, HintferryError] = field(default_factory=dict)
    fenced: set[TableId] = field(default_factory=set)
    asked: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    settles_after: int = 0
    lock: Lock = field(default_factory=Lock)

    def ask(self, side: Side) -> None:
        with self.lock:
            self.asked[side] += 1
        if side in self.faults:
            raise self.faults[side]


@dataclass
class Keeper:
    """A gatekeeper of one table."""

    table: TableId
    sides: Sides
    number: int = 5
    looks: int = 0
    fellows: Sequence[TableId] = ()
    clock: ScriptedClock = field(default_factory=lambda: ScriptedClock(SimulatedTime()))
    error: HintferryError | None = None

    @property
    def fences(self) -> Keeper:
        return self

    @property
    def passes(self) -> Keeper:
        return self

    def standing(self, table: TableId) -> Fence | None:
        self.sides.ask(Side.TARGET)
        return Fence(1.0, None) if table in self.sides.fenced else None

    def of(self, table: TableId, since: float) -> list[Pass]:
        return []

    def check(self) -> Checked:
        self.sides.ask(Side.SOURCE)
        if self.error is not None:
            raise self.error
        self.looks += 1
        found: Facts = facts_of(self.number, self.table)
        if self.looks <= self.sides.settles_after:
            object.__setattr__(found.arrival, "took_s", None)
        return found, gate(found)

    def look_around(self) -> list[Condition]:
        return [AROUND]


def keepers(count: int, sides: Sides) -> list[Any]:
    return [Keeper(TableId("shop", f"t{number:03}"), sides) for number in range(count)]


def seen_by(found: list[Any]) -> list[Gatekeeper]:
    return cast(list[Gatekeeper], found)


def test_many_tables_are_told_in_their_order() -> None:
    found = keepers(40, sides := Sides())
    statuses = look(seen_by(found))
    assert [one.table for one in statuses] == [one.table for one in found]
    assert {one.standing for one in statuses} == {Standing.STOP}
    assert sides.asked == {Side.SOURCE: 40, Side.TARGET: 40}


def test_a_side_that_is_away_is_not_asked_for_each_table() -> None:
    for fault, most in (
        (Unreachable(Side.SOURCE, "cannot connect: refused"), AT_ONCE),
        (Throttled(Side.SOURCE, "too slow"), AT_ONCE + FAULTS),
    ):
        found = keepers(200, sides := Sides({Side.SOURCE: fault}))
        sides.fenced = {found[150].table}
        statuses = look(seen_by(found))
        assert sides.asked[Side.SOURCE] <= most
        assert sides.asked[Side.TARGET] == 200, "fences are there still"
        assert statuses[150].standing is Standing.CUTOVER
        away = [one for one in statuses if not one.is_seen]
        assert len(away) == 199
        assert {one.conditions[0].name for one in away} == {"the source answers"}
        assert {one.conditions[1] for one in away} == {AROUND}


def test_without_the_target_nothing_is_asked_of_the_source() -> None:
    sides = Sides({Side.TARGET: Unreachable(Side.TARGET, "cannot connect: refused")})
    statuses = look(seen_by(keepers(200, sides)))
    assert sides.asked[Side.SOURCE] == 0
    assert sides.asked[Side.TARGET] <= AT_ONCE
    assert {one.conditions[0].name for one in statuses} == {"the target answers"}


def test_one_wrong_table_does_not_hide_the_others() -> None:
    found = keepers(3, Sides())
    found[1].error = UnknownTable("the source has no table shop.t001")
    statuses = look(seen_by(found))
    assert [one.is_seen for one in statuses] == [True, False, True]
    said = statuses[1].conditions[0]
    assert said.reason == "the source has no table shop.t001; correct its name"
    with pytest.raises(UnknownTable):
        look(seen_by(found[1:2]))


def test_only_tables_whose_marker_is_on_its_way_are_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MARKER_LOOK_S", 0.0)
    slow, quick = Sides(settles_after=2), Sides()
    found = [*keepers(2, slow), *keepers(2, quick)]
    statuses = look_until_settled(seen_by(found))
    assert [one.looks for one in found] == [3, 3, 1, 1]
    assert all(one.facts and one.facts.arrival.took_s for one in statuses)
