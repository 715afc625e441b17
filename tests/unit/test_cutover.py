"""A cut-over on fakes: it waits for what comes by itself, refuses the rest, and waits out."""

from __future__ import annotations

import pytest

from hintferry.core.errors import ConfigurationError
from hintferry.core.facts import Answers, Lag, NodeReport, NodeState
from hintferry.core.gate import QUIET_S, State, is_open
from hintferry.core.limits import CUT_OVER_WAIT_S
from hintferry.core.passes import Pass, Verb
from hintferry.cutover import LONGEST_WATCH_S, Gatekeeper
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.cutover import ScriptedSurroundings
from hintferry.testing.fences import MemoryFences
from hintferry.testing.passes import MemoryPasses
from tests.model.tables import PLAIN


class Scene:
    """A table that is ready to be cut over."""

    def __init__(self) -> None:
        self.clock = ScriptedClock(SimulatedTime())
        self.around, self.fences = ScriptedSurroundings(), MemoryFences()
        self.passes = MemoryPasses()
        now = self.began = self.clock.now()
        for verb, ago, at_all in ((Verb.BACKFILL, 900, False), (Verb.VERIFY, 600, True)):
            began = now - ago
            self.passes.enter(Pass(PLAIN.id, verb, began, began + 1, at_all, True, {}))
        self.around.nodes = [NodeState("10.0.1.11", True, None)]
        self.around.said = [NodeReport("10.0.1.11", now + 1_800, now + 1_800, 0, None)]
        self.around.known_lag = Lag(0, now + 1_000)
        answers = Answers(stopped_at=now, writers_at_quorum=True)
        self.keeper = Gatekeeper(
            table=PLAIN,
            answers=answers,
            stock=False,
            nodes=self.around,
            reports=self.around,
            topics=self.around,
            waiting=self.around,
            markers=self.around,
            passes=self.passes,
            fences=self.fences,
            clock=self.clock,
        )


def test_the_replay_queue_has_to_stay_empty_and_then_the_gate_opens() -> None:
    scene = Scene()
    for number, (_, conditions) in enumerate(scene.keeper.watch()):
        # A message that comes half-way begins the wait anew.
        scene.around.messages = 1 if number == 9 else 0
        opens = is_open(conditions)
    assert opens
    assert scene.clock.now() - scene.began >= QUIET_S + 10 * 3
    assert len(scene.around.markers) > 3, "one marker after the other, so that each node has one"


def test_what_does_not_mend_itself_ends_the_watch_at_once() -> None:
    scene = Scene()
    scene.around.by_reason = {"schema": 1}
    ((_, conditions),) = scene.keeper.watch()
    assert [one.name for one in conditions if one.state is State.FAILS] == ["nothing parked"]


def test_a_watch_ends_when_nothing_comes_about() -> None:
    scene = Scene()
    scene.around.markers_arrive = False
    looks = [is_open(conditions) for _, conditions in scene.keeper.watch()]
    assert not any(looks)
    assert LONGEST_WATCH_S < scene.clock.now() - scene.began < LONGEST_WATCH_S + 60
    assert len(scene.around.markers) == 1, "none is sent while one is on its way"


def test_a_lag_that_was_looked_at_before_the_nodes_were_through_does_not_count() -> None:
    scene = Scene()
    scene.around.known_lag = Lag(0, scene.began - 1)
    _, conditions = scene.keeper.look()
    assert {one.name: one for one in conditions}["topic settled"].state is State.WAITS


def test_the_hand_over_sets_the_fence_first_and_waits_until_nothing_older_can_write() -> None:
    scene = Scene()
    for number, left in enumerate(scene.keeper.hand_over()):
        assert scene.fences.is_fenced(PLAIN.id)
        assert number or left == CUT_OVER_WAIT_S
    assert scene.clock.now() - scene.began >= CUT_OVER_WAIT_S


def test_a_fence_that_is_taken_back_leaves_a_table_that_must_be_swept() -> None:
    scene = Scene()
    with pytest.raises(ConfigurationError, match="not cut over"):
        scene.keeper.take_back()
    for _ in scene.keeper.hand_over():
        pass
    scene.keeper.take_back()
    assert not scene.fences.is_fenced(PLAIN.id)
    _, conditions = scene.keeper.look()
    condition = {one.name: one for one in conditions}["clean pass"]
    assert condition.state is State.FAILS
    assert "the fence was taken back" in condition.reason
