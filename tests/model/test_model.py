"""The promises hold in every program, and every broken rule is caught."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.campaign import campaign, hunt
from tests.model.generate import generate
from tests.model.mutant import Mutant
from tests.model.mutants import MUTANTS
from tests.model.profiles import FAR, NEAR, Profile
from tests.model.run import run

SEED = 1


@pytest.mark.parametrize(("profile", "runs"), [(NEAR, 2_000), (FAR, 500)], ids=["near", "far"])
def test_no_run_breaks_a_promise(profile: Profile, runs: int) -> None:
    """The same programs each time; a campaign in which something never happened says nothing."""
    done = campaign(profile, SEED, range(runs))
    print(done)
    assert [(number, str(result.violation)) for number, result in done.failures] == []
    assert done.missing == []


@given(random=st.randoms(use_true_random=False), profile=st.sampled_from([NEAR, FAR]))
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_no_program_that_hypothesis_can_shrink_breaks_one(random: Random, profile: Profile) -> None:
    """Drawn by Hypothesis, so that a failing program comes back as small as it can be."""
    program = generate(random, profile)
    assert None is run(program, profile).violation


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_broken_rule_is_caught(mutant: Mutant) -> None:
    """Within a bounded number of programs; a mutant that survives fails the run."""
    assert hunt(mutant, SEED, range(3_000)) is not None
