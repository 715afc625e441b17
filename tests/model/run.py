"""Runs programs, adds up what happened, and cuts a failing program down to its core."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from unittest.mock import patch

from hintferry.core.errors import HintferryError
from hintferry.live import pipeline, reconcile
from hintferry.sweep import recheck
from hintferry.testing.clock import SimulatedTime
from tests.model.catalog import in_simulated_time
from tests.model.generate import generate
from tests.model.mutant import UNCHANGED, Mutant
from tests.model.profiles import Profile
from tests.model.program import Batch, Program, Step
from tests.model.settle import settle
from tests.model.watch import Violation
from tests.model.world import World

SHRINK_RUNS = 3_000

SMALL_CUTS = (2, 1)
"""Parts of slices as small as the slices of the model."""


class SerialExecutor(Executor):
    """Stands in for a thread pool: one call after the other, in order."""

    def __init__(self, _workers: int) -> None:
        pass

    def map(self, fn: Callable[..., Any], *iterables: Any, **_options: Any) -> Iterator[Any]:
        return map(fn, *iterables)


@dataclass(slots=True)
class Result:
    """Result of one run; `violation` is None where all promises held."""

    program: Program
    tally: Counter[str] = field(default_factory=Counter)
    violation: Exception | None = None


def run(program: Program, profile: Profile, mutant: Mutant = UNCHANGED) -> Result:
    """Run one program to its end, then compare."""
    world = World(profile, mutant)
    random.seed(0)
    with patched(mutant, world.time):
        try:
            world.take(program)
            settle(world)
        except (Violation, HintferryError) as error:
            # Anything else would mean that a mutant no longer fits the code: that is no catch.
            return Result(program, world.tally, error)
    return Result(program, world.tally)


def draw(seed: int, number: int, profile: Profile, theme: str | None = None) -> Program:
    """The program of this number; the same for the same seed."""
    return generate(Random(f"{seed}/{number}"), profile, theme)


@contextmanager
def patched(mutant: Mutant, time: SimulatedTime) -> Iterator[None]:
    """Patch the pipeline's modules for a run: no threads, small cuts, the world's time, the
    mutant's changes."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(pipeline, "ThreadPoolExecutor", SerialExecutor))
        stack.enter_context(patch.object(recheck, "ThreadPoolExecutor", SerialExecutor))
        stack.enter_context(patch.object(reconcile, "SLICE_CUTS", SMALL_CUTS))
        for owner, name, value in (in_simulated_time(time), *mutant.patches):
            stack.enter_context(patch.object(owner, name, value))
        yield


def shrink(program: Program, profile: Profile, mutant: Mutant = UNCHANGED) -> Program:
    """Leave out every step without which a violation still happens."""
    budget = SHRINK_RUNS
    smaller: Program | None = program
    while smaller is not None and budget > 0:
        program, smaller = smaller, None
        for candidate in _without_one(program):
            budget -= 1
            if run(candidate, profile, mutant).violation is not None:
                smaller = candidate
                break
    return program


def _without_one(program: Program) -> Iterator[Program]:
    for index, step in enumerate(program):
        before, after = program[:index], program[index + 1 :]
        yield before + after
        for simpler in _simpler(step):
            yield (*before, simpler, *after)


def _simpler(step: Step) -> Iterator[Step]:
    if not isinstance(step, Batch):
        return
    for index, stop in enumerate(step.stops):
        others = step.stops[:index], step.stops[index + 1 :]
        yield replace(step, stops=others[0] + others[1])
        if not stop.dies:
            for fewer in _without_one(stop.steps):
                kept = replace(stop, steps=fewer)
                yield replace(step, stops=(*others[0], kept, *others[1]))
    if step.faults:
        yield replace(step, faults=0.0)


__all__ = ["Result", "Violation", "draw", "run", "shrink"]
