"""Cut a table over: check the gate until it opens, then set the fence and wait it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hintferry.core.capture import TableVersion, Witness
from hintferry.core.errors import ConfigurationError
from hintferry.core.limits import REQUEST_TIMEOUT_S, UNDO_WAIT_S
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import PASSES_OF_S, Pass
from hintferry.core.schema import Table, TableId
from hintferry.core.switches import Board
from hintferry.ports import Captures, Clock, Fence, FencePost, OpenItems, Passes, Switches
from hintferry_ops.cutover.gate import around, gate
from hintferry_ops.cutover.gate.condition import Condition, comes_by_itself, is_open
from hintferry_ops.cutover.gate.facts import Arrival, Confirmations, Facts
from hintferry_ops.cutover.gate.fence import fence_left_s
from hintferry_ops.cutover.gate.passes import losses_since
from hintferry_ops.cutover.gate.writers import due
from hintferry_ops.ports import Arrivals, Waiting

LOOK_EVERY_S = 3.0
LONGEST_WATCH_S = 1800.0

Checked = tuple[Facts, list[Condition]]


@dataclass(slots=True)
class Gatekeeper:
    """Check everything that the gate of one table asks for, as often as the caller asks."""

    table: TableId
    confirmations: Confirmations
    describe: Callable[[TableId], Table]
    captures: Captures
    arrivals: Arrivals
    waiting: Waiting
    open_items: OpenItems
    passes: Passes
    fences: FencePost
    switches: Switches
    clock: Clock
    _watched_since: float = 0.0

    def check(self) -> Checked:
        """Check the table now, and how each condition stands. Raises HintferryError."""
        now = self.clock.now()
        capture = self.captures.witness(self.table)
        passes = self.passes.of(self.table, now - PASSES_OF_S)
        since = due(self.confirmations, self._watched_since, now)
        lost_since = losses_since(passes, self.confirmations, now)
        # What waits is read after this: what was left for later had its row before it was settled.
        arrival = self.arrivals.look(capture, min(since, now), lost_since)
        open_items = self.open_items.of(self.table)
        facts = self._facts(now, capture, arrival, open_items, passes, self.switches.board())
        return facts, gate(facts)

    def look_around(self) -> list[Condition]:
        """Return the conditions that need neither side, for when one is away. Raises
        HintferryError.
        """
        now = self.clock.now()
        unseen = Witness(self.table, now, (), {}, TableVersion("", 0))
        return around(self._facts(now, unseen, self.arrivals.without_sides(), (), (), {}))

    def _facts(
        self,
        now: float,
        capture: Witness,
        arrival: Arrival,
        open_items: Sequence[OpenItem],
        passes: Sequence[Pass],
        switches: Board,
    ) -> Facts:
        table = self.table
        return Facts(
            table,
            now,
            self._has_unhinted(capture),
            capture,
            arrival,
            self.waiting.parked(table),
            self.waiting.given_up(),
            open_items,
            passes,
            switches,
            self.confirmations,
            self._watched_since,
        )

    def watch(self) -> Iterator[Checked]:
        """Look until the gate is open or waiting does not help; for half an hour at most."""
        self._watched_since = self.clock.now()
        end = self._watched_since + LONGEST_WATCH_S
        while True:
            facts, conditions = self.check()
            yield facts, conditions
            is_over = is_open(conditions) or not comes_by_itself(conditions)
            if is_over or self.clock.now() > end:
                return
            self.clock.sleep(LOOK_EVERY_S)

    def hand_over(self) -> Iterator[float]:
        """Set the fence and wait it out; yields the seconds left. Raises as `wait_out`."""
        fence = self.fences.set(self.table, Fence(self.clock.now(), self.confirmations.stopped_at))
        return self.wait_out(fence)

    def wait_out(self, fence: Fence) -> Iterator[float]:
        """Wait until nothing older than the fence can still write; yields the seconds left.

        Raises SideFault; ConfigurationError where somebody took the fence away meanwhile.
        """
        # Whoever takes the fence away, by whatever way: hints were skipped behind it.
        self.passes.enter(Pass.behind_fence(self.table, fence.set_at))
        while left := fence_left_s(fence, self.clock.now()):
            yield left
            self.clock.sleep(min(left, 1.0))
        if self.fences.standing(self.table) != fence:
            raise ConfigurationError(
                f"{self.table} is not cut over: its fence was removed during the wait; run"
                " `hintferry cutover` again"
            )

    def take_back(self) -> Iterator[float]:
        """Lift the fence, and wait until no worker believes it any more; yields the seconds left.

        What was skipped behind it has to be swept, so no pass that began before that end counts.
        Raises SideFault; ConfigurationError where there is no fence.
        """
        if self.fences.standing(self.table) is None:
            raise ConfigurationError(
                f"{self.table} is not cut over, so there is nothing to undo; check its name"
            )
        end = self.clock.now() + REQUEST_TIMEOUT_S + UNDO_WAIT_S
        self.passes.enter(Pass.behind_fence(self.table, end))
        self.fences.lift(self.table)
        lifted = self.clock.now()
        if lifted + UNDO_WAIT_S > end:
            end = lifted + UNDO_WAIT_S
            self.passes.enter(Pass.behind_fence(self.table, end))
        while (left := end - self.clock.now()) > 0:
            yield left
            self.clock.sleep(min(left, 1.0))

    def _has_unhinted(self, capture: Witness) -> bool:
        """The stock connector sends no hints of some columns."""
        if capture.states is not None:
            return False
        table = self.describe(self.table)
        return table.is_counter or bool(table.statics)
