"""Check the gate of one table, and set its fence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

from hintferry.core.capture import TableVersion, Witness
from hintferry.core.limits import ANNOUNCED_FOR_S, CLOCK_MARGIN_S
from hintferry.core.open_item import OpenItem
from hintferry.core.passes import PASSES_OF_S, Pass
from hintferry.core.schema import Table, TableId
from hintferry.core.switches import Board
from hintferry.ports import Captures, Clock, Fence, FencePost, OpenItems, Passes, Switches
from hintferry_ops.cutover.gate import around, gate
from hintferry_ops.cutover.gate.condition import Condition
from hintferry_ops.cutover.gate.facts import Arrival, Confirmations, Facts
from hintferry_ops.cutover.gate.fence import UNKNOWN, Wait, ends_at, newest_at
from hintferry_ops.cutover.gate.passes import losses_since
from hintferry_ops.cutover.gate.writers import due
from hintferry_ops.ports import Arrivals, Waiting

LOOK_EVERY_S = 3.0
LOOK_SOON_S = 0.1
LOOKS_SOON = 50
"""So many looks after the writers' stop follow each other at once. A look asks the source for the
table's definition and marks, and the target for passes and open items. Every two seconds one also
asks each node, the queues and the bucket."""

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
    rule: Callable[[Table], Wait]
    check_clock: Callable[[], object]
    """Raises ClockFault where this machine's clock is not the target's, SideFault."""

    fellows: Sequence[TableId] = ()
    """The other tables of its group: all are cut over as one."""

    watched_since: float = 0.0
    """When the watch began (epoch s): what was written before it must have come through."""

    downtime_since: float | None = None
    """When the writers were first said to have stopped (epoch s), if a run ended before the fence.
    It is only told: the gate judges what was stated last."""

    _wait: Wait = UNKNOWN
    _stands_at: float = float("inf")
    """When the fence was known to stand."""

    _announced_at: float = float("-inf")
    """Since when the announcement is known to stand without a gap."""

    _announced_until: float = float("-inf")

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
        self._wait = self.rule(self.describe(self.table))
        facts = self._facts(now, capture, arrival, open_items, passes, self.switches.board())
        return facts, gate(facts)

    def forget(self) -> None:
        """Keep no answer for the next check that tables share."""
        self.captures.forget()
        self.waiting.forget()

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
            self._wait,
        )

    @property
    def stopped_at(self) -> float | None:
        """Return since when the table is down (epoch s); None where no stop is stated."""
        since = self.downtime_since
        return self.confirmations.stopped_at if since is None else since

    def set_fence(self, *, is_rehearsal: bool = False) -> Fence:
        """Set the fence of the table, unless one stands; return the one that stands. Raises
        SideFault.
        """
        fence = Fence(self.clock.now(), self.stopped_at, is_rehearsal=is_rehearsal)
        fence = self.fences.set(self.table, fence)
        self._stands_at = self.clock.now()
        return fence

    def settle(self, fence: Fence) -> Fence:
        """Record from when the wait behind the fence counts, and when a short one ends; return the
        fence. Raises SideFault.

        The fence may stand long after `set_at`. A process that stood still sets it late, and the
        next conditional write may complete one that timed out.
        """
        if fence.newest_at is not None:
            return fence
        skew_s = self._wait.skew_s
        newest = newest_at(self._stands_at, self._announced_before(self._stands_at))
        end = None if skew_s is None else ends_at(newest, skew_s)
        self.fences.settle(self.table, newest, end)
        self.fences.withdraw(self.table)
        return self.fences.standing(self.table) or fence

    def announce(self) -> None:
        """Announce the cutover, or keep it announced: workers then read the fences more often.

        The longer before the fence, the shorter the wait behind it. Raises SideFault.
        """
        now = self.clock.now()
        if self._announced_until - now > ANNOUNCED_FOR_S / 2:
            return
        is_kept = self.fences.announced(self.table) == self._announced_until
        until = floor(now) + ANNOUNCED_FOR_S
        self.fences.announce(self.table, until)
        stands_at = self.clock.now()
        if not is_kept or self._announced_until < stands_at + 2 * CLOCK_MARGIN_S:
            self._announced_at = stands_at
        self._announced_until = until

    def _announced_before(self, stands_at: float) -> float | None:
        """Return since when every reading of the fences shows the announcement, or None.

        It counts only while nobody else announced the table or took the announcement away.
        """
        until = self.fences.announced(self.table)
        is_ours = until == self._announced_until and until > stands_at + 2 * CLOCK_MARGIN_S
        return self._announced_at if is_ours else None

    def _has_unhinted(self, capture: Witness) -> bool:
        """The stock connector sends no hints of some columns."""
        if capture.states is not None:
            return False
        table = self.describe(self.table)
        return table.is_counter or bool(table.statics)
