"""Interleavings that were thought of, each by its name: safe with the rule, caught without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hintferry.core.hint import Bound, Slice
from hintferry.testing.points import Point
from tests.model.mutants import MUTANTS, NO_CONTINUATION, PIECES_APART
from tests.model.profiles import NEAR
from tests.model.program import (
    Batch,
    HandOver,
    Program,
    SendAgain,
    SetBroker,
    SourceWrite,
    Step,
    Stop,
    Tick,
    Verb,
)
from tests.model.run import run

BY_NAME = {mutant.name: mutant for mutant in (*MUTANTS, NO_CONTINUATION, PIECES_APART)}

PK, FIRST, SECOND = (b"p",), (b"1", b"x"), (b"1", b"y")
INSERT = SourceWrite(Verb.INSERT, "wide", PK, FIRST, (("a", 11), ("l", 12)))
UPDATE = SourceWrite(Verb.UPDATE, "wide", PK, FIRST, (("a", 13),))
INSERT_NEXT = replace(INSERT, clustering=SECOND)
INSERT_LAST = replace(INSERT, clustering=(b"1", b"z"))
DELETE_BEHIND_FIRST = SourceWrite(
    Verb.DELETE_SLICE, "wide", PK, part=Slice(Bound(FIRST, inclusive=False), Bound())
)
DELETE_ROW = SourceWrite(Verb.DELETE_ROW, "wide", PK, FIRST)
DELETE_PARTITION = SourceWrite(Verb.DELETE_PARTITION, "wide", PK)
ADD = SourceWrite(Verb.ADD, "counts", PK, (b"1",), (("n", 5),))

A_WHILE = Tick(1_000)
ALL = Batch(worker=0, size=40, seed=1)
OTHER = Batch(worker=1, size=40, seed=2)


def stalled(at: Point, *meanwhile: Step, nth: int = 0) -> Batch:
    """A worker that takes all there is, and stands still at a point while others go on."""
    return replace(ALL, stops=(Stop(at, nth, meanwhile),))


PROGRAMS: dict[str, tuple[Program, str]] = {
    "an insert stalled beside a partition delete": (
        (INSERT, stalled(Point.BEFORE_WRITE, DELETE_PARTITION, A_WHILE, OTHER)),
        "no second look",
    ),
    "an insert stalled until after the second look, were it early": (
        (INSERT, stalled(Point.BEFORE_WRITE, DELETE_PARTITION, A_WHILE, OTHER, OTHER)),
        "second look at once",
    ),
    "an insert stalled beside a row delete that the target does not need": (
        (INSERT, stalled(Point.BEFORE_WRITE, DELETE_ROW, A_WHILE, OTHER)),
        "equal, so skip",
    ),
    "a read overtaken by a newer one before it is planned": (
        (INSERT, stalled(Point.AFTER_READ, UPDATE, A_WHILE, OTHER)),
        "timestamp taken at write",
    ),
    "a write overtaken by a newer one on its way": (
        (INSERT, stalled(Point.BEFORE_WRITE, UPDATE, A_WHILE, OTHER)),
        "write at now",
    ),
    "the second copy of a write that the first read could not see": (
        (INSERT, ALL, replace(UPDATE, reached=(0,)), replace(ALL, seed=5), HandOver(0), ALL),
        "first copy wins",
    ),
    "a row first read before a delete, and again after it, by two copies of one hint": (
        (INSERT, replace(ALL, size=1), DELETE_ROW, A_WHILE, ALL, SendAgain(3), ALL),
        "absent, so skip",
    ),
    "a static set and cleared in a partition without rows": (
        (
            SourceWrite(Verb.SET_STATIC, "wide", PK, values=(("s", 14),)),
            ALL,
        ),
        "statics read from rows",
    ),
    "a slice that took too long for one invocation": (
        (
            INSERT,
            INSERT_NEXT,
            ALL,
            DELETE_PARTITION,
            Tick(10),
            INSERT,
            replace(stalled(Point.BEFORE_TARGET_READ, Tick(5_000_000)), budget_s=9.0, seed=3),
        ),
        "no continuation",
    ),
    "a row that appears behind the last one of a piece while the next piece is read": (
        (
            INSERT_NEXT,
            DELETE_BEHIND_FIRST,
            Tick(10),
            INSERT_NEXT,
            ALL,
            Tick(70_000_000),
            stalled(Point.BEFORE_READ, INSERT_LAST, A_WHILE, OTHER, nth=1),
        ),
        "pieces lend no time",
    ),
    "a value that expires between its read and its plan": (
        (
            replace(UPDATE, ttl=2, values=(("a", 15),)),
            stalled(Point.AFTER_READ, Tick(3_000_000)),
        ),
        "expired value written for ever",
    ),
    "a row kept by values that expire": (
        (replace(UPDATE, ttl=10, values=(("a", 16),)), ALL),
        "marker without TTL",
    ),
    "a write that arrives as late as a write can": (
        (
            INSERT,
            replace(
                ALL,
                stops=(
                    Stop(Point.AFTER_READ, 0, (DELETE_PARTITION, A_WHILE, OTHER, Tick(26_000_000))),
                    Stop(Point.BEFORE_WRITE, 0, (Tick(8_000_000), OTHER)),
                ),
            ),
        ),
        "second look too early",
    ),
    "news of a slice just when its second look is due": (
        (
            DELETE_PARTITION,
            ALL,
            Tick(44_000_000),
            INSERT,
            stalled(Point.BEFORE_WRITE, DELETE_PARTITION, Tick(1_500_000), OTHER),
        ),
        "second look wins over news",
    ),
    "a key written just after it was read, its record stamped by a slow broker": (
        (SetBroker(-900_000), INSERT, ALL, A_WHILE, DELETE_ROW, ALL),
        "skip without a margin",
    ),
    "an addition to a counter whose answer is lost": (
        (ADD, replace(ALL, faults=1.0), replace(ALL, worker=1), Tick(40_000_000)),
        "lease given back in doubt",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_rule_withstands(name: str) -> None:
    """Whatever is left to chance: replicas asked, pages, answers lost."""
    program, _ = PROGRAMS[name]
    assert {None} == {run(one, NEAR).violation for one in _seeded(program)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_the_rule_it_breaks(name: str) -> None:
    program, mutant = PROGRAMS[name]
    violations = (run(one, NEAR, BY_NAME[mutant]).violation for one in _seeded(program))
    assert any(violation is not None for violation in violations)


def _seeded(program: Program) -> Iterator[Program]:
    for seed in range(20):
        yield tuple(
            replace(step, seed=step.seed + seed) if isinstance(step, Batch) else step
            for step in program
        )
