"""Many runs: the figures that they add up to, and the mutants that they catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.model.mutant import Mutant
from tests.model.profiles import Profile
from tests.model.run import Result, draw, run

MUST_HAVE_HAPPENED = (
    "crashes",
    "stalls",
    "late",
    "postponed",
    "stuck",
    "returned",
    "parked",
    "skipped",
    "covered",
    "paused",
    "applied",
    "failing",
    "gate open",
    "gate shut",
    "handed over",
    "taken back",
    "unheard",
    "added",
    "dropped",
    "recreated",
    "swept",
    "unread",
    "repaired",
    "filled",
)
"""A campaign without any one of these says nothing."""

RARE = {"stuck", "gate open", "gate shut"}
"""Fewer than one run in two hundred has these: a short campaign may lack them."""


@dataclass(slots=True)
class Campaign:
    """The figures of many runs, and what went wrong in them: the run's number and why."""

    profile: Profile
    runs: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, Result]] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """Return what should have happened and did not."""
        return [name for name in MUST_HAVE_HAPPENED if not self.tally[name]]

    def __str__(self) -> str:
        names = ("steps", "hints", "batches", *MUST_HAVE_HAPPENED)
        figures = [f"{name} {self.tally[name]:,}" for name in names]
        divergent = f"divergent {len(self.failures)}"
        return ", ".join([f"{self.profile.name}: runs {self.runs:,}", *figures, divergent])


def campaign(profile: Profile, seed: int, numbers: Iterable[int]) -> Campaign:
    """Run these programs of a seed."""
    done = Campaign(profile)
    for number in numbers:
        try:
            result = run(draw(seed, number, profile), profile)
        except Exception as error:
            error.add_note(f"in run {number} of seed {seed}")
            raise
        done.runs += 1
        done.tally += result.tally
        if result.violation is not None:
            done.failures.append((number, result))
    return done


def hunt(mutant: Mutant, seed: int, numbers: Iterable[int]) -> tuple[int, Exception] | None:
    """The first program that catches a mutant, and how; None where it survives them all."""
    return next(_catches(mutant, seed, numbers), None)


def _catches(mutant: Mutant, seed: int, numbers: Iterable[int]) -> Iterator[tuple[int, Exception]]:
    for number in numbers:
        profile = mutant.profile
        violation = run(draw(seed, number, profile, mutant.theme), profile, mutant).violation
        if violation is not None:
            yield number, violation
