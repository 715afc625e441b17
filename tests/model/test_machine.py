"""The model as a state machine of Hypothesis, so that a failing program comes back small."""

from __future__ import annotations

from contextlib import ExitStack
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.generate import Generator
from tests.model.mutant import UNCHANGED
from tests.model.profiles import BEHIND, FAR, NEAR, Profile
from tests.model.program import Step
from tests.model.run import patched
from tests.model.settle import settle
from tests.model.themes import THEMES
from tests.model.world import World


class Machine(RuleBasedStateMachine):
    """State machine: its rules are what may happen; each step and the end check every promise."""

    @initialize(
        random=st.randoms(use_true_random=False),
        profile=st.sampled_from([NEAR, FAR, BEHIND]),
        theme=st.sampled_from(sorted(THEMES)),
    )
    def begin(self, random: Random, profile: Profile, theme: str) -> None:
        self.world = World(profile)
        self.open = ExitStack()
        self.open.enter_context(patched(UNCHANGED, self.world.time))
        self.draw = Generator(random, profile, theme)
        self.take(self.draw.write())

    @rule()
    def a_client_writes(self) -> None:
        self.take(self.draw.write())

    @rule()
    def a_worker_takes_records(self) -> None:
        self.take(self.draw.batch(depth=0))

    @rule()
    def time_passes(self) -> None:
        self.take(self.draw.time())

    @rule()
    def replicas_fail_or_get_what_they_missed(self) -> None:
        self.take(self.draw.cluster())

    @rule()
    def a_record_comes_again(self) -> None:
        self.take(self.draw.records())

    def take(self, step: Step) -> None:
        self.world.take((step,))

    def teardown(self) -> None:
        if hasattr(self, "open"):
            with self.open:
                settle(self.world)


Machine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestMachine = Machine.TestCase
