"""Test that the verdict calls nothing equal that is not known to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.books import Books
from tests.chaos.kinds import Fault, Kind
from tests.chaos.swept import Swept
from tests.chaos.verdict import Counts, Demands, Verdict, judge

DEMANDS = Demands(frozenset(Kind), frozenset(Fault), statements=60, kills=12)
BOOKS = Books("processor", 2, 14, {"applied": 12, "returned": 2, "parked": 0}, (), {})
GOOD = Counts(
    kinds=Counter(dict.fromkeys(Kind, 2)),
    statements=60,
    faults=Counter(dict.fromkeys(Fault, 2)),
    captured=9,
    sent_again=3,
    divergent=0,
    left_behind=1,
    swept=Swept(keys=30, equal=29, unequal=1, unread=0),
    books=(BOOKS,),
    poison=2,
    poison_parked=2,
    parked_else=0,
    dropped=0,
    lost=0,
    late_writes=0,
    obstacles=(),
)


def test_a_run_with_everything_in_it_is_equal() -> None:
    assert judge(GOOD, DEMANDS) == (Verdict.EQUAL, [])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kinds": Counter({**GOOD.kinds, Kind.LWT: 0})}, "lightweight transaction"),
        ({"faults": Counter({**GOOD.faults, Fault.BROKER_KILLED: 0})}, "broker killed"),
        ({"faults": Counter(dict.fromkeys(Fault, 1))}, "6 kills"),
        ({"statements": 59}, "59 statements"),
        ({"captured": 10}, "12 records were settled, the topics hold 13"),
        ({"parked_else": 1}, "1 good records"),
        ({"poison_parked": 1}, "1 of 2 poison"),
        ({"dropped": 1}, "given up"),
        ({"swept": replace(GOOD.swept, equal=28, unequal=2)}, "2 keys unequal"),
        ({"swept": replace(GOOD.swept, keys=31)}, "31 keys and judged 30"),
        ({"swept": replace(GOOD.swept, unread=1)}, "not read 1"),
        ({"obstacles": ("9 hints are not settled",)}, "not settled"),
        ({"books": (replace(BOOKS, unbalanced=("12 in, 11 out",)),)}, "11 out"),
    ],
)
def test_a_doubt_makes_it_unknown(changed: dict[str, object], why: str) -> None:
    verdict, reasons = judge(replace(GOOD, **changed), DEMANDS)  # type: ignore[arg-type]
    assert verdict is Verdict.UNKNOWN
    assert any(why in reason for reason in reasons)


def test_rows_that_differ_outweigh_every_doubt() -> None:
    swept = replace(GOOD.swept, equal=26, unequal=4)
    verdict, reasons = judge(replace(GOOD, divergent=3, swept=swept, parked_else=1), DEMANDS)
    assert verdict is Verdict.DIVERGENT
    assert len(reasons) == 2


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"lost": 1}, "1 writes of the application are lost"),
        ({"late_writes": 2}, "2 writes of Hintferry came after the cutover"),
    ],
)
def test_a_cutover_that_was_not_kept_makes_it_divergent(changed: dict[str, int], why: str) -> None:
    verdict, reasons = judge(replace(GOOD, **changed), DEMANDS)  # type: ignore[arg-type]
    assert (verdict, reasons) == (Verdict.DIVERGENT, [why])
