"""The promises hold in every program, and every broken rule is caught."""

from __future__ import annotations

import pytest

from tests.model.campaign import RARE, campaign, hunt
from tests.model.mutant import Mutant
from tests.model.mutants import MUTANTS
from tests.model.profiles import BEHIND, FAR, NEAR, Profile

pytestmark = pytest.mark.slow

SEED = 1
MANY_RUNS = 1_000


@pytest.mark.parametrize(
    ("profile", "runs"), [(NEAR, MANY_RUNS), (FAR, 300), (BEHIND, 300)], ids=str
)
def test_no_run_breaks_a_promise(profile: Profile, runs: int) -> None:
    """The same programs each time; a campaign in which something never happened says nothing."""
    done = campaign(profile, SEED, range(runs))
    print(done)
    assert [(number, str(result.violation)) for number, result in done.failures] == []
    assert set(done.missing) <= (RARE if runs < MANY_RUNS else set())


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_broken_rule_is_caught(mutant: Mutant) -> None:
    """Within a bounded number of programs; a mutant that survives fails the run."""
    assert hunt(mutant, SEED, range(6_000)) is not None
