"""A cutover on fakes: it waits for what comes by itself, refuses the rest, and waits out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source.marker_watch import DRAW_EVERY_S, MarkerWatch
from hintferry.adapters.target.fences import KeyspacesFences
from hintferry.core.capture import proof
from hintferry.core.errors import ClockFault, ConfigurationError, Side
from hintferry.core.limits import (
    ANNOUNCED_FOR_S,
    ANNOUNCED_HOLDS_S,
    CLOCK_MARGIN_S,
    CUTOVER_WAIT_S,
    FENCE_HOLDS_S,
)
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.ports import Fence
from hintferry.testing.captures import ADDRESSES, ScriptedCaptures, host_of
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.fences import MemoryFences
from hintferry.testing.markers import MemoryMarkers
from hintferry.testing.open_items import MemoryOpenItems
from hintferry.testing.passes import MemoryPasses
from hintferry.testing.switches import MemoryJournal, MemorySwitches
from hintferry_ops.cutover.arrivals import SampledArrivals, WatermarkArrivals
from hintferry_ops.cutover.cutover import LOOK_HOLDS_S, Cutover
from hintferry_ops.cutover.gate.condition import Condition, ConditionState, is_open
from hintferry_ops.cutover.gate.facts import Confirmations, Lag, NodeReport
from hintferry_ops.cutover.gate.fence import UNKNOWN, Wait
from hintferry_ops.cutover.gatekeeper import (
    LONGEST_WATCH_S,
    LOOK_EVERY_S,
    LOOK_SOON_S,
    LOOKS_SOON,
    Checked,
    Gatekeeper,
)
from hintferry_ops.testing.cutover import ScriptedSurroundings
from tests.model.tables import PLAIN


class Scene:
    """A table that is ready to be cut over."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.wait = UNKNOWN
        self.clock = ScriptedClock(self.time)
        self.around, self.fences = ScriptedSurroundings(), MemoryFences()
        self.open_items = MemoryOpenItems()
        self.switches, self.journal = MemorySwitches(), MemoryJournal()
        self.passes, self.captures = MemoryPasses(), ScriptedCaptures(self.clock.now)
        now = self.began = self.clock.now()
        for verb, ago, at_all in ((Verb.BACKFILL, 900, False), (Verb.VERIFY, 600, True)):
            began = now - ago
            proved = proof(self.captures.witness(PLAIN.id))
            self.passes.enter(Pass(PLAIN.id, verb, began, began + 1, at_all, True, {}, proved))
        self.markers = MemoryMarkers(lambda: self.captures.since, self.clock.now)
        confirmations = Confirmations(stopped_at=now, writers_at_quorum=True)
        self.keeper = Gatekeeper(
            table=PLAIN.id,
            describe=lambda table: PLAIN,
            confirmations=confirmations,
            captures=self.captures,
            arrivals=WatermarkArrivals(MarkerWatch(PLAIN.id, self.markers, self.clock)),
            waiting=self.around,
            open_items=self.open_items,
            passes=self.passes,
            fences=self.fences,
            switches=self.switches,
            clock=self.clock,
            rule=lambda _: self.wait,
            check_clock=self._check_clock,
        )

    def _check_clock(self) -> None:
        """Refuse a clock that was set wrong."""
        if abs(self.clock.error_us) > CLOCK_MARGIN_S * 1e6:
            raise ClockFault("this machine's clock is 60.000 s ahead of that of the target")

    def sample(self) -> None:
        """The stock connector captures: there are only samples."""
        now = self.began
        self.around.said = [NodeReport(one, now + 1_800, now + 1_800, 0, None) for one in ADDRESSES]
        self.around.known_lag = Lag(0, now + 1_000)
        self.captures.stock = True
        around = self.around
        self.keeper.arrivals = SampledArrivals(PLAIN.id, around, around, around, self.clock)

    def cutover(self) -> Cutover:
        """The cutover of this table alone."""
        return Cutover.of([self.keeper])

    def watch(self) -> Iterator[Checked]:
        """Each look at the gate."""
        for (seen,) in self.cutover().watch():
            yield seen

    def condition(self, name: str) -> Condition:
        """The condition of this name, as it stands now."""
        _, conditions = self.keeper.check()
        return {one.name: one for one in conditions}[name]


def test_nothing_of_the_table_may_be_left_for_later_and_then_the_gate_opens() -> None:
    scene = Scene()
    scene.open_items.open([OpenItem(str(PLAIN.id), b"i", scene.began, "second_look")])
    scene.open_items.open([OpenItem("of.another", b"i", scene.began, "second_look")])
    for number, (_, conditions) in enumerate(scene.watch()):
        if number == LOOKS_SOON + 20:
            scene.open_items.close([(str(PLAIN.id), b"i")])
        opens = is_open(conditions)
    assert (opens, number) == (True, LOOKS_SOON + 21)
    assert len(scene.markers.drawn[PLAIN.id]) > 3, "one marker after the other, for each node"


def test_a_table_that_is_ready_waits_for_one_marker_only() -> None:
    scene = Scene()
    scene.markers.takes_s = 1.0
    looks = list(scene.watch())
    assert is_open(looks[-1][1])
    assert scene.clock.now() - scene.began <= 1.0 + 2 * LOOK_SOON_S


def test_a_look_follows_the_other_at_once_only_for_some_seconds_after_the_stop() -> None:
    scene = Scene()
    scene.open_items.open([OpenItem(str(PLAIN.id), b"i", scene.began, "second_look")])
    times = [scene.clock.now() for _ in scene.watch()]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[:LOOKS_SOON] == pytest.approx([LOOK_SOON_S] * LOOKS_SOON, abs=0.01)
    assert min(pauses[LOOKS_SOON:]) > LOOK_EVERY_S - 0.01


def test_what_does_not_pass_ends_the_watch_at_once() -> None:
    scene = Scene()
    scene.around.by_reason = {"schema": 1}
    ((_, conditions),) = scene.watch()
    assert [one.name for one in conditions if one.state is ConditionState.FAILS] == [
        "nothing parked"
    ]


def test_a_watch_ends_when_nothing_comes_about() -> None:
    scene = Scene()
    scene.markers.waits[host_of(ADDRESSES[1])] = "2 segments are set aside"
    looks = [conditions for _, conditions in scene.watch()]
    assert not any(map(is_open, looks))
    assert LONGEST_WATCH_S < scene.clock.now() - scene.began < LONGEST_WATCH_S + 60
    assert scene.condition("all changes have arrived").reason == (
        "10.0.2.11: 2 segments are set aside"
    )


def test_a_node_that_was_away_when_a_marker_was_drawn_settles_a_later_one() -> None:
    scene = Scene()
    scene.markers.away = {host_of(ADDRESSES[2])}
    for number, (_, conditions) in enumerate(scene.watch()):
        if number == 3:
            assert "10.0.3.11: has read no marker" in conditions[3].reason
            scene.markers.away.clear()
        opens = is_open(conditions)
    assert opens
    assert scene.clock.now() - scene.began >= DRAW_EVERY_S


def test_a_marker_that_was_drawn_before_the_watch_does_not_count() -> None:
    scene = Scene()
    assert scene.condition("all changes have arrived").state is ConditionState.HOLDS
    scene.clock.sleep(1)
    scene.markers.takes_s = 5.0
    _, conditions = next(scene.watch())
    assert conditions[3].state is ConditionState.WAITS
    assert len(scene.markers.drawn[PLAIN.id]) == 2


def test_a_watch_of_marker_rows_ends_when_none_arrives() -> None:
    scene = Scene()
    scene.sample()
    scene.around.markers_arrive = False
    assert not any(is_open(conditions) for _, conditions in scene.watch())
    assert len(scene.around.markers) == 1, "none is sent while one is on its way"


def test_with_the_stock_connector_samples_open_the_gate() -> None:
    scene = Scene()
    scene.sample()
    *_, (_, conditions) = scene.watch()
    assert is_open(conditions)
    assert len(scene.around.markers) == 1


def test_a_lag_that_was_looked_at_before_the_nodes_were_through_does_not_count() -> None:
    scene = Scene()
    scene.sample()
    scene.around.known_lag = Lag(0, scene.began - 1)
    _, conditions = scene.keeper.check()
    assert {one.name: one for one in conditions}["topic settled"].state is ConditionState.WAITS


def test_the_hand_over_sets_the_fence_first_and_waits_until_nothing_older_can_write() -> None:
    scene = Scene()
    newest_at = scene.began + FENCE_HOLDS_S + CLOCK_MARGIN_S
    for number, left in enumerate(scene.cutover().hand_over()):
        assert scene.fences.standing(PLAIN.id) == Fence(scene.began, scene.began, newest_at)
        assert number or left == CUTOVER_WAIT_S
    assert scene.clock.now() - scene.began >= CUTOVER_WAIT_S


def test_a_hand_over_that_was_interrupted_waits_for_what_is_left() -> None:
    scene = Scene()
    steps = scene.cutover().hand_over()
    for _ in range(20):
        next(steps)
    fence = scene.fences.standing(PLAIN.id)
    assert fence is not None
    first = next(scene.cutover().hand_over())
    assert first == pytest.approx(CUTOVER_WAIT_S - (scene.clock.now() - scene.began))
    assert fence.stopped_at == scene.began, "the stop is kept, for the downtime of both runs"


def test_of_two_cutovers_at_once_both_wait_for_the_first_ones_fence() -> None:
    scene = Scene()
    next(scene.cutover().hand_over())
    scene.clock.sleep(10)
    assert next(scene.cutover().hand_over()) == pytest.approx(CUTOVER_WAIT_S - 10)


class Shared(ScriptedSurroundings):
    """Counts that are kept until they are forgotten, as those that many tables share."""

    kept: int | None = None

    def given_up(self) -> int:
        """Return the payloads, as they were."""
        if self.kept is None:
            self.kept = self.objects
        return self.kept

    def forget(self) -> None:
        """Look again."""
        self.kept = None


def test_a_gate_does_not_open_by_counts_from_before_the_changes_arrived() -> None:
    scene = Scene()
    shared = Shared()
    scene.keeper.waiting = shared
    scene.markers.takes_s = 0.5
    looks = scene.watch()
    next(looks)
    # The batch that is given up is committed: the marker behind it settles.
    shared.objects = 1
    *_, (_, conditions) = looks
    failed = [one.name for one in conditions if one.state is ConditionState.FAILS]
    assert failed == ["on-failure bucket empty"]


SHORT = Wait(0.5, "")
MARGINS_S = 2 * CLOCK_MARGIN_S


def handed_over(scene: Scene) -> float:
    """Hand the table over; the seconds from the fence until the application may write."""
    began = scene.clock.now()
    list(scene.cutover().hand_over())
    return scene.clock.now() - began


def opened(scene: Scene, wait: Wait = SHORT) -> Scene:
    """The same, announced, and its gate has opened at the first look."""
    scene.wait = wait
    scene.keeper.announce()
    assert is_open(list(scene.watch())[-1][1])
    return scene


def test_the_short_wait_counts_what_a_reading_held_before_the_announcement() -> None:
    scene = opened(Scene())
    assert handed_over(scene) == pytest.approx(FENCE_HOLDS_S + MARGINS_S + 0.5, abs=0.01)
    scene = opened(Scene())
    scene.clock.sleep(3.0)
    assert handed_over(scene) == pytest.approx(FENCE_HOLDS_S - 3.0 + MARGINS_S + 0.5, abs=0.01)
    scene = opened(Scene())
    scene.clock.sleep(FENCE_HOLDS_S)
    assert handed_over(scene) == pytest.approx(ANNOUNCED_HOLDS_S + MARGINS_S + 0.5, abs=0.01)
    fence = scene.fences.standing(PLAIN.id)
    assert fence is not None
    assert fence.newest_at is not None
    assert fence.ends_at == pytest.approx(fence.newest_at + 0.5 + CLOCK_MARGIN_S)
    assert scene.fences.announced(PLAIN.id) is None, "it is taken away behind the fence"


def test_an_announcement_that_somebody_else_touched_does_not_count() -> None:
    for touch in ("announce", "withdraw"):
        scene = opened(Scene())
        scene.clock.sleep(FENCE_HOLDS_S)
        if touch == "announce":
            scene.fences.announce(PLAIN.id, scene.clock.now() + 100)
        else:
            scene.fences.withdraw(PLAIN.id)
        assert handed_over(scene) == pytest.approx(FENCE_HOLDS_S + MARGINS_S + 0.5, abs=0.01)


def test_an_announcement_that_has_ended_or_is_about_to_does_not_count() -> None:
    for short_s in (0.0, CLOCK_MARGIN_S):
        scene = opened(Scene())
        until = scene.fences.announced(PLAIN.id)
        assert until is not None
        scene.clock.sleep(until - scene.clock.now() - short_s)
        assert handed_over(scene) == pytest.approx(FENCE_HOLDS_S + MARGINS_S + 0.5, abs=0.01)


def test_an_announcement_is_kept_up_while_the_gate_is_watched_and_then_ends_by_itself() -> None:
    scene = Scene()
    scene.open_items.open([OpenItem(str(PLAIN.id), b"i", scene.began, "second_look")])
    looks = scene.watch()
    next(looks)
    for _ in looks:
        until = scene.fences.announced(PLAIN.id)
        assert until is not None
        assert 0 < until - scene.clock.now() <= ANNOUNCED_FOR_S


@pytest.mark.parametrize("gap", ["ended meanwhile", "withdrawn"])
def test_an_announcement_with_a_gap_counts_from_the_end_of_the_gap(gap: str) -> None:
    """A reading in the gap does not show it, and holds for longer."""
    scene = opened(Scene())
    until = scene.fences.announced(PLAIN.id)
    assert until is not None
    real = scene.fences.announce
    if gap == "withdrawn":
        scene.fences.withdraw(PLAIN.id)
        scene.clock.sleep(ANNOUNCED_FOR_S * 0.75)
    else:
        scene.clock.sleep(until - scene.clock.now() - 0.5)

        def late(table: TableId, until: float) -> None:
            scene.clock.sleep(3.0)
            real(table, until)

        scene.fences.announce = late  # type: ignore[method-assign]
    scene.keeper.announce()
    assert handed_over(scene) == pytest.approx(FENCE_HOLDS_S + MARGINS_S + 0.5, abs=0.01)


@pytest.mark.parametrize("wait", [UNKNOWN, SHORT])
def test_the_wait_counts_from_when_the_fence_stands_however_old_its_row(wait: Wait) -> None:
    """A process that stood still sets it late; so does a conditional write that timed out."""
    scene = opened(Scene(), wait)
    real = scene.fences.set

    def late(table: TableId, fence: Fence) -> Fence:
        scene.clock.sleep(600.0)
        return real(table, fence)

    scene.fences.set = late  # type: ignore[method-assign]
    steps = scene.cutover().hand_over()
    first = next(steps)
    least_s = CUTOVER_WAIT_S if wait is UNKNOWN else FENCE_HOLDS_S
    assert first == pytest.approx(least_s, abs=1.0)
    scene.clock.sleep(1.0)
    again = next(scene.cutover().hand_over())
    assert again == pytest.approx(first - 1.0, abs=0.01), "another run counts from there too"


def test_a_clock_that_is_set_forward_during_the_wait_does_not_end_it() -> None:
    scene = opened(Scene())
    steps = scene.cutover().hand_over()
    next(steps)
    scene.clock.error_us = 60_000_000
    with pytest.raises(ClockFault):
        list(steps)


def test_no_fence_is_set_by_a_clock_that_went_wrong_during_the_watch() -> None:
    scene = opened(Scene())
    scene.clock.error_us = 60_000_000
    with pytest.raises(ClockFault):
        scene.cutover().hand_over()
    assert scene.fences.standing(PLAIN.id) is None


def test_no_fence_is_set_by_a_look_from_before_the_command_stood_still() -> None:
    scene = Scene()
    joint = scene.cutover()
    assert is_open(list(joint.watch())[-1][0][1])
    scene.clock.sleep(LOOK_HOLDS_S + 1)
    with pytest.raises(ConfigurationError, match="no fence was set: run it again"):
        joint.hand_over()
    assert scene.fences.standing(PLAIN.id) is None


def test_a_look_alone_announces_nothing() -> None:
    scene = Scene()
    scene.keeper.check()
    assert scene.fences.announced(PLAIN.id) is None


def test_an_undo_takes_the_announcement_away() -> None:
    scene = opened(Scene(), UNKNOWN)
    list(scene.cutover().hand_over())
    scene.keeper.fences.announce(PLAIN.id, scene.clock.now() + 100)
    list(scene.cutover().take_back())
    assert scene.fences.announced(PLAIN.id) is None


def test_a_cutover_that_ended_between_fence_and_record_waits_long() -> None:
    scene = opened(Scene())
    scene.fences.set(PLAIN.id, Fence(scene.clock.now(), scene.began))
    assert next(scene.cutover().hand_over()) == CUTOVER_WAIT_S


def test_of_two_cutovers_at_once_the_first_record_counts() -> None:
    scene = opened(Scene())
    first = next(scene.cutover().hand_over())
    scene.clock.sleep(2.0)
    assert next(scene.cutover().hand_over()) == pytest.approx(first - 2.0)


def test_a_fence_that_was_taken_away_meanwhile_is_no_cutover() -> None:
    scene = Scene()
    steps = scene.cutover().hand_over()
    next(steps)
    scene.fences.lift(PLAIN.id)
    with pytest.raises(ConfigurationError, match="its fence was removed"):
        list(steps)


def test_a_fence_that_was_deleted_by_hand_takes_the_clean_pass_away() -> None:
    scene = Scene()
    list(scene.cutover().hand_over())
    scene.fences.lift(PLAIN.id)
    assert "change hints were skipped until" in clean_pass(scene)


def clean_pass(scene: Scene) -> str:
    """Why it does not hold."""
    _, conditions = scene.keeper.check()
    condition = {one.name: one for one in conditions}["clean verify pass"]
    assert condition.state is ConditionState.FAILS
    return condition.reason


def verified_now(scene: Scene) -> Pass:
    """A clean pass at all replicas that begins at this moment."""
    proved, at = proof(scene.captures.witness(PLAIN.id)), scene.clock.now()
    return Pass(PLAIN.id, Verb.VERIFY, at, at, True, True, {"equal": 1}, proved)


def test_a_fence_that_is_taken_back_leaves_a_table_that_must_be_swept() -> None:
    scene = Scene()
    with pytest.raises(ConfigurationError, match="not cut over"):
        list(scene.cutover().take_back())
    list(scene.cutover().hand_over())
    for number, left in enumerate(scene.cutover().take_back()):
        assert not scene.fences.is_fenced(PLAIN.id)
        if not number:
            assert left > FENCE_HOLDS_S
            # One that is begun before that end may find equal what a hint then skips.
            scene.passes.enter(verified_now(scene))
    assert "change hints were skipped until" in clean_pass(scene)
    scene.clock.sleep(1)
    scene.passes.enter(verified_now(scene))
    _, conditions = scene.keeper.check()
    assert {one.name: one for one in conditions}["clean verify pass"].state is ConditionState.HOLDS


class Control:
    """The target's session, as far as a worker reads the fences."""

    side = Side.TARGET

    def __init__(self, fences: MemoryFences) -> None:
        self.fences = fences

    def bind(self, text: str, values: Any) -> str:
        return text

    def current(self) -> Control:
        return self

    def execute(self, text: str) -> Any:
        assert text == cql.FENCES
        return SimpleNamespace(
            all=lambda: [(str(one).encode(), None) for one in self.fences.fenced]
        )


def test_an_undo_ends_only_when_no_worker_goes_by_the_fence_any_more() -> None:
    """C5c: a hint that is skipped after the sweep that the undo asks for would be lost."""
    scene = Scene()
    worker = KeyspacesFences(cast(CqlSession, Control(scene.fences)), scene.clock)
    list(scene.cutover().hand_over())
    assert worker.is_fenced(PLAIN.id), "a hint was just skipped"
    steps = scene.cutover().take_back()
    next(steps)
    assert worker.is_fenced(PLAIN.id), "it goes by what it read"
    for _ in steps:
        pass
    assert not worker.is_fenced(PLAIN.id)


def test_what_was_written_before_the_watch_must_come_through_whatever_is_said_of_the_stop() -> None:
    scene = Scene()
    scene.keeper.confirmations = Confirmations(stopped_at=scene.began - 500, writers_at_quorum=True)
    scene.sample()
    upto = scene.began - 400
    scene.around.said = [NodeReport(one, scene.began, upto, 0, None) for one in ADDRESSES]
    _, conditions = next(scene.watch())
    assert {one.name: one for one in conditions}[
        "capture has caught up"
    ].state is ConditionState.WAITS
