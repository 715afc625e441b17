"""The soak: as many statements and kills as a night brings, on a source of one node.

Most statements go in unlogged batches of a dozen, so that a small machine comes to a million of
them. The writers are as fast as the functions follow.
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
_MOST_BEHIND = 5_000
_LONGEST_S = 6 * 3600.0


def soak(seed: int, statements: int = STATEMENTS) -> Options:
    """What to run; with fewer statements there are fewer kills too."""
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
