"""Test the stages of a table: each is read from what stands in tables, and leads to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass
from hintferry.core.switches import ALL, Pause, Switch
from hintferry.ports import Fence
from hintferry_ops.cutover.gate.facts import Confirmations, Facts
from hintferry_ops.plan.stage import Act, Stage, act_of, in_the_way, stage_of
from tests.unit.ops.test_gate import CLEAN, FILLED, NOW, OPEN, STOCK, TABLE, progress, third

RUNNING = replace(OPEN, confirmations=Confirmations(), **progress(reached_at=NOW - 1))
UNEQUAL = replace(CLEAN, is_clean=False, sums={"equal": 8, "missing": 1})
TAKEN_BACK = Pass.behind_fence(TABLE, NOW - 100)


def with_passes(*found: Pass) -> Facts:
    return replace(RUNNING, passes=list(found))


@pytest.mark.parametrize(
    ("facts", "stage", "act"),
    [
        (replace(with_passes(), capture=third(schema_version=None)), Stage.LISTED, Act.BACKFILL),
        (with_passes(), Stage.CAPTURED, Act.BACKFILL),
        (with_passes(replace(FILLED, is_clean=False)), Stage.CAPTURED, Act.BACKFILL),
        (with_passes(FILLED), Stage.BACKFILLED, Act.VERIFY),
        (with_passes(UNEQUAL, FILLED), Stage.BACKFILLED, Act.REPAIR),
        (with_passes(replace(CLEAN, at_all=False), FILLED), Stage.BACKFILLED, Act.VERIFY),
        (with_passes(replace(CLEAN, proof=None), FILLED), Stage.BACKFILLED, Act.VERIFY),
        (with_passes(TAKEN_BACK, CLEAN, FILLED), Stage.BACKFILLED, Act.VERIFY),
        (with_passes(FILLED, replace(UNEQUAL, began=NOW - 9_500)), Stage.BACKFILLED, Act.VERIFY),
        (replace(RUNNING, capture=third(truncated_at=NOW - 5)), Stage.BACKFILLED, Act.VERIFY),
        (replace(RUNNING, parked={"schema": 1}), Stage.VERIFIED, Act.WAIT),
        (replace(RUNNING, **progress(reached_at=None)), Stage.VERIFIED, Act.WAIT),
        (RUNNING, Stage.READY, Act.WAIT),
        (OPEN, Stage.READY, Act.WAIT),
        (STOCK, Stage.READY, Act.WAIT),
    ],
)
def test_a_stage_is_what_the_tables_say_and_names_the_next_act(
    facts: Facts, stage: Stage, act: Act
) -> None:
    assert (stage_of(facts, None, NOW), act_of(facts)) == (stage, act)


def test_a_table_is_cut_over_once_its_fence_is_waited_out() -> None:
    fence = Fence(NOW - 1, None)
    assert stage_of(None, fence, NOW) is Stage.READY
    assert stage_of(None, fence, NOW + CUTOVER_WAIT_S) is Stage.CUT_OVER


def test_behind_the_fence_of_a_rehearsal_a_table_is_not_cut_over() -> None:
    fence = Fence(NOW - CUTOVER_WAIT_S - 1, None, is_rehearsal=True)
    assert stage_of(None, fence, NOW) is Stage.BACKFILLED


def test_nobody_knows_the_stage_of_a_table_whose_side_is_away() -> None:
    assert stage_of(None, None, NOW) is None


def test_the_stages_have_an_order() -> None:
    assert [one.number for one in Stage] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"switches": {ALL: Switch(Pause(NOW - 5, "somebody", "a test"))}}, "not paused"),
        ({"given_up": 1}, "on-failure bucket empty"),
        ({"open_items": [OpenItem(str(TABLE), b"i", NOW, "repair")]}, "nothing left for later"),
    ],
)
def test_what_a_compared_table_still_needs_is_named(changes: dict[str, Any], name: str) -> None:
    facts = replace(RUNNING, **changes)
    assert [one.name for one in in_the_way(facts)] == [name]
    assert stage_of(facts, None, NOW) is Stage.VERIFIED
