"""Controls: shorter runs, whose pipeline has a broken rule, end as divergent.

With the shipped code the same runs must end as equal.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path

from tests.chaos.kinds import SLICES, Fault, Kind
from tests.chaos.plan import CHAOS, Lane, Plan
from tests.chaos.program import WEIGHTS, Weights
from tests.chaos.run import RATE, Options

SECONDS = 25.0
_HERE = Path(__file__).parent


class Rule(Enum):
    """Rule that the run breaks."""

    READ_START = "broken"
    """Writes carry the time of the write, not of the read."""

    SCHEMA = "stale"
    """A table is taken as it was a while ago."""


def control(seed: int, rule: Rule, slowness: float = 1.0, *, broken: bool) -> Options:
    """Return the run's options, with the broken code or the shipped one. A slow machine gets more
    time for the same load."""
    weights, plan = _LOADS[rule]
    return Options(
        seed=seed,
        seconds=SECONDS * slowness,
        rate=RATE / slowness,
        zombies=4,
        keyspace=f"{rule.value if broken else 'shipped'}_{seed}",
        weights=weights,
        plan=plan,
        last_s=0.0,
        task_root=_HERE / rule.value if broken else None,
    )


_LOADS: dict[Rule, tuple[Weights, Plan]] = {
    # Deletes of slices are compared a second time, which would repair what they cover; the faults
    # are those that let an older read be written after a newer one.
    Rule.READ_START: (
        {kind: weight for kind, weight in WEIGHTS.items() if kind not in SLICES},
        {lane: CHAOS[lane] for lane in (Lane.WORKERS, Lane.ZOMBIES, Lane.REPLAYS)},
    ),
    # No column comes back: what that leaves behind is no fault.
    Rule.SCHEMA: (
        {Kind.INSERT: 2, Kind.MOVING_WRITE: 8},
        {Lane.SCHEMA: replace(CHAOS[Lane.SCHEMA], holds={Fault.COLUMN_ADDED: (0.0, 0.0)})},
    ),
}
