"""Test that a paused table is left alone: its records come again, and the others go on."""

from __future__ import annotations

import pytest

from hintferry.core.errors import Fenced, Paused
from hintferry.core.hint import Hint, Record
from hintferry.core.outcome import Outcome, ReturnReason
from hintferry.core.switches import ALL, Pause
from hintferry.core.tokens import plan_ranges
from hintferry.testing.deadline import FixedDeadline
from hintferry.testing.fences import FENCE
from tests.model.tables import PLAIN, WIDE
from tests.unit.sweeping import Sides

PAUSE = Pause(1_000.0, "alice", "repair of node 3")
KEY = (b"p",)


def scene() -> Sides:
    sides = Sides()
    sides.on_source(PLAIN, KEY, sides.put(PLAIN, KEY, (), {"a": b"\1"}))
    return sides


def settle(sides: Sides, *hints: Hint) -> list[tuple[Outcome, object]]:
    sides._hints = list(hints)
    records = [Record("t", 0, number, None, None, b"") for number in range(len(hints))]
    ends = sides.pipeline.process(records, FixedDeadline())
    return [(end.outcome, end.reason) for end in ends]


@pytest.mark.parametrize("name", [ALL, str(PLAIN.id)])
def test_a_hint_of_a_paused_table_is_returned_until_it_goes_on(name: str) -> None:
    sides = scene()
    (hint, *_) = sides.captured
    sides.switches.set_pause(name, PAUSE)
    began = sides.clock.now()
    assert settle(sides, hint) == [(Outcome.RETURNED, ReturnReason.PAUSED)]
    assert sides.clock.now() - began < 0.2, "the batch must not wait for what it knows"
    assert not sides.store.rows(PLAIN, KEY)
    sides.switches.set_pause(name, None)
    assert settle(sides, hint) == [(Outcome.APPLIED, None)]


def test_other_tables_of_the_batch_go_on() -> None:
    sides = scene()
    sides.on_source(WIDE, KEY, sides.put(WIDE, KEY, (b"1", b"x"), {"a": b"\1"}))
    hints = {hint.table: hint for hint in sides.captured}
    sides.switches.set_pause(str(PLAIN.id), PAUSE)
    assert settle(sides, hints[PLAIN.id], hints[WIDE.id]) == [
        (Outcome.RETURNED, ReturnReason.PAUSED),
        (Outcome.APPLIED, None),
    ]


def test_a_table_that_was_cut_over_is_skipped_even_while_it_is_paused() -> None:
    sides = scene()
    sides.switches.set_pause(ALL, PAUSE)
    sides.fences.set(PLAIN.id, FENCE)
    ((outcome, _),) = settle(sides, sides.captured[0])
    assert outcome is Outcome.SKIPPED


def test_a_pass_ends_at_once_and_says_how_the_table_goes_on() -> None:
    sides = scene()
    sides.switches.set_pause(str(PLAIN.id), PAUSE)
    for passes in (
        sides.sweep(PLAIN).verify(plan_ranges([], 2)),
        sides.backfill(PLAIN).fill(plan_ranges([], 2)),
    ):
        with pytest.raises(Paused, match=f"hintferry resume {PLAIN.id}"):
            list(passes)
    sides.fences.set(PLAIN.id, FENCE)
    with pytest.raises(Fenced):
        list(sides.sweep(PLAIN).verify(plan_ranges([], 2)))
