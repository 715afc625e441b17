"""Check the gate of one table, and set its fence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hintferry.core.capture import TableVersion, Witness
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import PASSES_OF_S, Pass
from hintferry.core.schema import Table, TableId
from hintferry.core.switches import Board
from hintferry.ports import Captures, Clock, Fence, FencePost, OpenItems, Passes, Switches
from hintferry_ops.cutover.gate import around, gate
from hintferry_ops.cutover.gate.condition import Condition
from hintferry_ops.cutover.gate.facts import Arrival, Confirmations, Facts
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
    fellows: Sequence[TableId] = ()
    """The other tables of its group: all are cut over as one."""

    watched_since: float = 0.0
    """When the watch began (epoch s): what was written before it must have come through."""

    def check(self) -> Checked:
        """Check the table now, and how each condition stands. Raises HintferryError."""
        now = self.clock.now()
        capture = self.captures.witness(self.table)
        passes = self.passes.of(self.table, now - PASSES_OF_S)
        since = due(self.confirmations, self.watched_since, now)
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
            self.watched_since,
        )

    def set_fence(self) -> Fence:
        """Set the fence of the table, unless one stands; return the one that stands. Raises
        SideFault.
        """
        return self.fences.set(self.table, Fence(self.clock.now(), self.confirmations.stopped_at))

    def _has_unhinted(self, capture: Witness) -> bool:
        """The stock connector sends no hints of some columns."""
        if capture.states is not None:
            return False
        table = self.describe(self.table)
        return table.is_counter or bool(table.statics)
