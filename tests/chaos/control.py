"""The control: a shorter run, whose pipeline has a broken rule.

Its load has no deletes of slices, whose second look would mend what they cover; its faults are
those that let an older read be written after a newer one. With the shipped code the same run must
end as equal.
"""

from __future__ import annotations

from pathlib import Path

from tests.chaos.kinds import SLICES
from tests.chaos.plan import CHAOS, Lane
from tests.chaos.program import WEIGHTS
from tests.chaos.run import RATE, Options

SECONDS = 25.0
BROKEN = Path(__file__).parent / "broken"


def control(seed: int, slowness: float = 1.0, *, broken: bool) -> Options:
    """What to run, with the broken code or with the shipped one: on a slow machine the same load in
    a longer time."""
    return Options(
        seed=seed,
        seconds=SECONDS * slowness,
        rate=RATE / slowness,
        zombies=4,
        keyspace=f"{'broken' if broken else 'shipped'}_{seed}",
        weights={kind: weight for kind, weight in WEIGHTS.items() if kind not in SLICES},
        plan={lane: CHAOS[lane] for lane in (Lane.WORKERS, Lane.ZOMBIES, Lane.REPLAYS)},
        task_root=BROKEN if broken else None,
    )
