"""Validation in the model: what is on its way is never called diverged, what was wronged is found.

`tests/model/mutants.py` breaks each rule that keeps the first half true.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.model.profiles import NEAR
from tests.model.program import Batch, Program, SourceWrite, Tamper, Tick, Validate, Verb
from tests.model.run import draw, run

PK = (b"p",)
KEYS = {"wide": (b"1", b"x"), "plain": (), "bounded": (b"1",)}
ALL = Batch(worker=0, size=40, seed=1)
SOON, LATER = Tick(46_000_000), Tick(181_000_000)


def of_a_row(table: str, *tampers: Tamper) -> Program:
    """A row is written and settled, the target changes, and the looks at the row become due."""
    write = SourceWrite(Verb.INSERT, table, PK, KEYS[table], (("a", 11),))
    read = Tick(2_000_000)
    return (Validate(table), write, read, ALL, read, ALL, *tampers, SOON, ALL, LATER, ALL)


@pytest.mark.parametrize("deletes", [True, False], ids=["deleted", "forged"])
@pytest.mark.parametrize("table", KEYS)
def test_a_row_that_somebody_changed_on_the_target_is_found(table: str, deletes: bool) -> None:
    result = run(of_a_row(table, Tamper(table, PK, KEYS[table], deletes)), NEAR)
    assert result.violation is None
    assert result.tally["tampered"] == 1
    assert result.tally["unsure"]
    assert result.tally["diverged"]


@pytest.mark.parametrize("table", KEYS)
def test_a_row_that_nobody_changed_is_validated(table: str) -> None:
    tally = run(of_a_row(table), NEAR).tally
    assert tally["validated"]
    assert not tally["unsure"]
    assert not tally["diverged"]


def test_a_hint_on_its_way_is_never_called_diverged() -> None:
    """Few values come and go while hints wait: chance alone makes rows unequal."""
    tally: Counter[str] = Counter()
    for number in range(60):
        result = run(draw(1, number, NEAR, "validation"), NEAR)
        assert result.violation is None, number
        tally += result.tally
    assert tally["validated"]
    assert tally["unsure"]
    assert not tally["diverged"]
