"""Test what the switches of a table, and of all tables, come to together."""

from __future__ import annotations

from math import inf

import pytest

from hintferry.core.schema import TableId
from hintferry.core.switches import (
    ALL,
    Board,
    Pause,
    Rates,
    Share,
    Switch,
    Workers,
    pause_of,
    repair_rate,
    share_of,
)

ORDERS, VISITS = TableId("shop", "orders"), TableId("shop", "visits")
PAUSE = Pause(1_764_000_000.0, "alice", "repair of node 3")
WORKERS = Workers(of_table=6, of_all=50)


def test_a_pause_of_all_tables_comes_before_one_of_a_table() -> None:
    own = Pause(1.0, "bob", "")
    board: Board = {ALL: Switch(PAUSE), str(ORDERS): Switch(own)}
    assert pause_of(board, ORDERS) == (ALL, PAUSE)
    assert pause_of({str(ORDERS): Switch(own)}, ORDERS) == (str(ORDERS), own)
    assert pause_of({str(ORDERS): Switch(own)}, VISITS) is None
    assert pause_of({ALL: Switch(rates=Rates(5))}, ORDERS) is None


def test_a_pause_says_since_when_by_whom_and_why() -> None:
    assert str(PAUSE) == "paused since 2025-11-24 16:00:00Z by alice: repair of node 3"
    assert str(Pause(0.0, "bob", "")) == "paused since 1970-01-01 00:00:00Z by bob"


@pytest.mark.parametrize(
    ("board", "share"),
    [
        ({}, Share(inf, inf)),
        ({str(ORDERS): Switch(rates=Rates(source=60))}, Share(10.0, inf)),
        ({ALL: Switch(rates=Rates(target=100))}, Share(inf, 2.0)),
        (
            {ALL: Switch(rates=Rates(100, 500)), str(ORDERS): Switch(rates=Rates(60, 30))},
            Share(2.0, 5.0),
        ),
        ({str(VISITS): Switch(rates=Rates(6, 6))}, Share(inf, inf)),
    ],
)
def test_the_stricter_share_of_both_bounds_holds(board: Board, share: Share) -> None:
    assert share_of(board, ORDERS, WORKERS) == share


def test_the_rate_of_a_repair_is_that_of_the_table_then_of_all_then_as_configured() -> None:
    board = {ALL: Switch(rates=Rates(repair=50)), str(ORDERS): Switch(rates=Rates(repair=500))}
    assert repair_rate(board, ORDERS, 100.0) == 500
    assert repair_rate(board, VISITS, 100.0) == 50
    assert repair_rate({}, VISITS, 100.0) == 100.0


def test_bounds_name_themselves() -> None:
    assert str(Rates(2000, None, 5)) == "source 2,000/s, repair 5/s"
    assert str(Rates()) == "none"
