"""The record of passes: one contract, for the fake and for the control table."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.target.passes import KeyspacesPasses
from hintferry.core.capture import Proof, TableVersion
from hintferry.core.errors import Side, SideFault
from hintferry.core.passes import Pass, Unfenced, Verb, refusal, unfenced
from hintferry.core.schema import TableId
from hintferry.ports import Passes
from hintferry.testing.passes import MemoryPasses

ORDERS, OTHER = TableId("shop", "orders"), TableId("shop", "other")
FILLED = Pass(
    ORDERS, Verb.BACKFILL, 1_000.5, 1_060.25, at_all=False, is_clean=True, sums={"written": 7}
)
VERIFIED = Pass(
    ORDERS, Verb.VERIFY, 2_000.0, 2_001.0, at_all=True, is_clean=False, sums={"extra": 1}
)
PROVED = dataclasses.replace(
    VERIFIED, began=3_000.0, proof=Proof(TableVersion("i", 5), {"host": 7})
)


class ControlTable:
    """The target's session: rows by primary key, in the table's order."""

    side = Side.TARGET

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.is_down = False

    def bind(self, text: str, values: Any) -> tuple[str, list[bytes]]:
        return text, values

    def current(self) -> ControlTable:
        return self

    def execute(self, statement: tuple[str, list[bytes]]) -> Any:
        if self.is_down:
            raise OperationTimedOut()
        text, values = statement
        if text == cql.ENTER_PASS:
            self.rows[tuple(values[:3])] = tuple(values[2:])
            return SimpleNamespace(all=list)
        assert text == cql.PASSES
        name, verb, began = values
        found = [key for key in self.rows if key[:2] == (name, verb) and key[2] >= began]
        keys = sorted(found, reverse=True)
        return SimpleNamespace(all=lambda: [self.rows[key] for key in keys])

    def doubt(self, error: Exception) -> None:
        pass

    def still_serves(self) -> bool:
        return True


@pytest.fixture(params=["fake", "control table"])
def passes(request: pytest.FixtureRequest) -> Passes:
    if request.param == "fake":
        return MemoryPasses()
    return KeyspacesPasses(cast(CqlSession, ControlTable()))


def test_passes_come_back_as_they_were_the_latest_first(passes: Passes) -> None:
    for one in (VERIFIED, FILLED, dataclasses.replace(FILLED, table=OTHER)):
        passes.enter(one)
    assert passes.of(ORDERS, 0.0) == [VERIFIED, FILLED]
    assert [one.table for one in passes.of(OTHER, 0.0)] == [OTHER]
    assert passes.of(TableId("shop", "none"), 0.0) == []


def test_a_pass_keeps_its_proof(passes: Passes) -> None:
    passes.enter(PROVED)
    assert passes.of(ORDERS, 0.0) == [PROVED]


def test_many_passes_do_not_push_the_backfill_out(passes: Passes) -> None:
    for one in (FILLED, VERIFIED):
        passes.enter(one)
    for began in range(3_000, 3_200):
        passes.enter(dataclasses.replace(VERIFIED, began=float(began)))
    found = passes.of(ORDERS, 3_000.0)
    assert (len(found), found[-1]) == (201, FILLED)


def test_a_pass_that_is_entered_twice_is_one(passes: Passes) -> None:
    for _ in range(2):
        passes.enter(FILLED)
    assert passes.of(ORDERS, 0.0) == [FILLED]


def test_a_target_that_is_away_is_said() -> None:
    control = ControlTable()
    control.is_down = True
    with pytest.raises(SideFault):
        KeyspacesPasses(cast(CqlSession, control)).of(ORDERS, 0.0)


UNDONE = Pass.behind_fence(ORDERS, 5_000.0)
UNEQUAL = dataclasses.replace(VERIFIED, began=6_000.0, sums={"extra": 12, "different": 3})
EQUAL = dataclasses.replace(VERIFIED, began=7_000.0, is_clean=True, sums={"equal": 9})


@pytest.mark.parametrize(
    ("found", "since"),
    [
        ([FILLED], None),
        ([VERIFIED, FILLED], None),
        ([UNDONE, VERIFIED], Unfenced(5_000.0, None)),
        ([UNEQUAL, UNDONE], Unfenced(5_000.0, UNEQUAL)),
        ([EQUAL, UNEQUAL, UNDONE], None),
        ([UNEQUAL, EQUAL, UNDONE], None),
        ([UNDONE, EQUAL], Unfenced(5_000.0, None)),
    ],
)
def test_a_table_counts_as_taken_back_until_a_pass_finds_it_equal(
    found: list[Pass], since: Unfenced | None
) -> None:
    assert unfenced(found) == since


def test_a_repair_of_a_table_that_was_taken_back_says_what_it_would_delete() -> None:
    text = refusal(ORDERS, Unfenced(5_000.0, None))
    assert "`hintferry verify shop.orders`" in text
    text = refusal(ORDERS, Unfenced(5_000.0, UNEQUAL))
    assert "would delete 12 rows of the target and overwrite 3" in text
    assert "`hintferry verify shop.orders --repair --yes`" in text
