"""The record of passes: one contract, for the fake and for the control table."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut

from hintferry.adapters import cql
from hintferry.adapters.passes import KeyspacesPasses
from hintferry.adapters.session import CqlSession
from hintferry.core.errors import Side, SideFault
from hintferry.core.passes import Pass, Verb
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
            self.rows[tuple(values[:3])] = tuple(values[1:])
            return SimpleNamespace(all=list)
        assert text == cql.PASSES
        keys = sorted((key for key in self.rows if key[0] == values[0]), reverse=True)
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
    assert passes.of(ORDERS) == [VERIFIED, FILLED]
    assert [one.table for one in passes.of(OTHER)] == [OTHER]
    assert passes.of(TableId("shop", "none")) == []


def test_a_pass_that_is_entered_twice_is_one(passes: Passes) -> None:
    for _ in range(2):
        passes.enter(FILLED)
    assert passes.of(ORDERS) == [FILLED]


def test_a_target_that_is_away_is_said() -> None:
    control = ControlTable()
    control.is_down = True
    with pytest.raises(SideFault):
        KeyspacesPasses(cast(CqlSession, control)).of(ORDERS)
