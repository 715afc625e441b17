"""The soak: as many statements and kills as a night brings, on a source of one node.

Most statements go in unlogged batches of a dozen, so that a small machine comes to a million of
them. The writers are as fast as the functions follow. A machine that is too slow does as many as it
can in the time there is; the run ends as unknown then, and its report says how many.
"""

from __future__ import annotations

from tests.chaos.kinds import Kind
from tests.chaos.plan import SOAK
from tests.chaos.program import WEIGHTS
from tests.chaos.run import Options

STATEMENTS, KILLS = 1_000_000, 300
_RATE = 250.0
_BIG_BATCHES = 60
"""of some 170 operations"""
_MOST_BEHIND = 10_000
_LONGEST_S = 37 * 60.0
"""With start, drain, comparison and sweep three quarters of an hour."""


def soak(seed: int, statements: int = STATEMENTS) -> Options:
    """Return what to run; with fewer statements there are fewer kills too."""
    return Options(
        seed=seed,
        seconds=0.0,
        rate=_RATE,
        zombies=2,
        keyspace="soak",
        weights={**WEIGHTS, Kind.BIG_BATCH: _BIG_BATCHES},
        plan=SOAK,
        statements=statements,
        kills=KILLS * statements // STATEMENTS,
        most_behind=_MOST_BEHIND,
        longest_s=_LONGEST_S,
    )
