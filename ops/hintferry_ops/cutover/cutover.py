"""Cut tables over as one: one gate over all, every fence in one moment, one wait; all or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hintferry.core.errors import ConfigurationError, HintferryError, SideFault
from hintferry.core.limits import FENCE_RETRY, REQUEST_TIMEOUT_S, UNDO_WAIT_S
from hintferry.core.passes import Pass
from hintferry.core.schema import TableId
from hintferry.ports import Clock, Fence
from hintferry_ops.cutover.gate.condition import comes_by_itself, is_open
from hintferry_ops.cutover.gate.fence import fence_left_s, rehearsal_stands
from hintferry_ops.cutover.gatekeeper import (
    LONGEST_WATCH_S,
    LOOK_EVERY_S,
    LOOK_SOON_S,
    LOOKS_SOON,
    Checked,
    Gatekeeper,
)

FAILS_FOR_S = 15.0
"""Seconds that a condition may fail which was met, or could come by itself, earlier in the watch. A
node that pauses for a moment is silent at one look.
"""

LOOK_HOLDS_S = 120.0
"""Seconds after the begin of the last look within which fences are set. A command that stood still
for longer goes by what it saw before."""

MARKER_WITHIN_S = 10.0
MARKER_LOOK_S = 0.25


class PartlyFenced(HintferryError):
    """The fence of one table cannot be set, and those of `fenced` are, by this run."""

    def __init__(self, table: TableId, fenced: Sequence[TableId], why: SideFault) -> None:
        super().__init__(f"the fence of {table} cannot be set: {why}")
        self.table, self.fenced = table, fenced


@dataclass(slots=True)
class Parts:
    """The seconds that the parts of a cutover took.

    `gate_s`: until every gate was open; `fence_s`: until every fence was set; `wait_s`: until the
    application may write.
    """

    gate_s: float = 0.0
    fence_s: float = 0.0
    wait_s: float = 0.0


@dataclass(slots=True)
class Cutover:
    """Tables that are cut over as one, with the fences that stand of them."""

    keepers: Sequence[Gatekeeper]
    fences: dict[TableId, Fence]
    clock: Clock
    is_rehearsal: bool = False
    parts: Parts = field(default_factory=Parts)
    _looked_at: float | None = None
    """When the last look of a watch began."""

    @classmethod
    def of(cls, keepers: Sequence[Gatekeeper], *, is_rehearsal: bool = False) -> Cutover:
        """Return the cutover of these tables, of which some may have a fence. Raises SideFault."""
        standing = ((one.table, one.fences.standing(one.table)) for one in keepers)
        fences = {table: fence for table, fence in standing if fence is not None}
        return cls(keepers, fences, keepers[0].clock, is_rehearsal)

    @property
    def unfenced(self) -> list[Gatekeeper]:
        """Return the tables that have no fence, as far as this run knows."""
        return [one for one in self.keepers if one.table not in self.fences]

    def watch(self) -> Iterator[list[Checked]]:
        """Look at every table without a fence until all gates are open at the same look.

        It ends too where waiting does not help one of them, and after half an hour. Waiting does
        not help where a condition fails at the first look, or for `FAILS_FOR_S` later on.
        """
        keepers = self.unfenced
        began, looks = self.clock.now(), 0
        helped_at: float | None = None
        for keeper in keepers:
            keeper.watched_since = began
        while True:
            self._looked_at = self.clock.now()
            seen = self._checked(keepers)
            self.parts.gate_s = self.clock.now() - began
            yield seen
            gates = [conditions for _, conditions in seen]
            now = self.clock.now()
            if all(map(comes_by_itself, gates)):
                helped_at = now
            if all(map(is_open, gates)) or now > began + LONGEST_WATCH_S:
                return
            if helped_at is None or now > helped_at + FAILS_FOR_S:
                return
            for keeper in keepers:
                keeper.announce()
            looks += 1
            self.clock.sleep(LOOK_SOON_S if looks <= LOOKS_SOON else LOOK_EVERY_S)

    def _checked(self, keepers: Sequence[Gatekeeper]) -> list[Checked]:
        """Check all; check a gate that opens once more, with nothing kept.

        Answers that tables share may be some seconds old, and so from before changes have arrived.
        """
        seen = [keeper.check() for keeper in keepers]
        if all(is_open(conditions) for _, conditions in seen):
            for keeper in keepers:
                keeper.forget()
            seen = [keeper.check() for keeper in keepers]
        return seen

    def measure(self) -> list[Checked]:
        """Check each table without a fence, once its marker had the time to arrive."""
        end = self.clock.now() + MARKER_WITHIN_S
        while True:
            seen = [keeper.check() for keeper in self.unfenced]
            is_measured = all(facts.arrival.took_s is not None for facts, _ in seen)
            if is_measured or self.clock.now() > end:
                return seen
            self.clock.sleep(MARKER_LOOK_S)

    def hand_over(self) -> Iterator[float]:
        """Set the fences that are missing, and wait all out; yields the seconds left.

        Raises SideFault; PartlyFenced where only some could be set. Raises ConfigurationError where
        somebody took a fence away meanwhile, where one is of the other kind, or where the last look
        is too old. Raises ClockFault where this machine's clock was set wrong since the command
        began.
        """
        check_clock = self.keepers[0].check_clock
        check_clock()
        if self._looked_at is not None and self.clock.now() > self._looked_at + LOOK_HOLDS_S:
            raise ConfigurationError(
                f"the last look at the gate is over {LOOK_HOLDS_S:.0f} s old, since this command"
                " stood still; no fence was set: run it again"
            )
        set_now: list[TableId] = []
        began = self.clock.now()
        for keeper in self.unfenced:
            try:
                self.fences[keeper.table] = self._set(keeper)
            except SideFault as error:
                if not set_now:
                    raise
                raise PartlyFenced(keeper.table, set_now, error) from error
            set_now.append(keeper.table)
        self.check_kinds()
        check_clock()
        for keeper in self.keepers:
            if keeper.table in set_now:
                self.fences[keeper.table] = keeper.settle(self.fences[keeper.table])
        self.parts.fence_s = self.clock.now() - began
        return self._wait_out()

    def _set(self, keeper: Gatekeeper) -> Fence:
        """Set the fence, or find the one that stands: another run may have been faster."""
        failed = 0
        while True:
            try:
                return keeper.set_fence(is_rehearsal=self.is_rehearsal)
            except SideFault:
                failed += 1
                if failed == FENCE_RETRY.attempts:
                    raise
                self.clock.sleep(FENCE_RETRY.pause_s(failed))

    def check_kinds(self) -> None:
        """Raise ConfigurationError where a rehearsal has set a fence that would count as a cutover,
        or the other way round.

        Behind a rehearsal's fence change hints were skipped while the writers went on.
        """
        for keeper in self.keepers:
            fence = self.fences.get(keeper.table)
            if fence is None or fence.is_rehearsal is self.is_rehearsal:
                continue
            if fence.is_rehearsal:
                told = rehearsal_stands([keeper.table, *keeper.fellows])
                raise ConfigurationError(f"{keeper.table}: {told}, verify it, and cut it over then")
            raise ConfigurationError(
                f"{keeper.table} has a fence already, which a rehearsal would remove; name tables"
                " without one"
            )

    def _wait_out(self) -> Iterator[float]:
        """Wait until the application may write all tables."""
        began = self.clock.now()
        for keeper in self.keepers:
            # Whoever takes the fence away, by whatever way: hints were skipped behind it.
            fence = self.fences[keeper.table]
            keeper.passes.enter(Pass.behind_fence(keeper.table, fence.set_at))
        while left := max(fence_left_s(one, self.clock.now()) for one in self.fences.values()):
            yield left
            self.clock.sleep(min(left, 1.0))
        self.keepers[0].check_clock()
        for keeper in self.keepers:
            standing = keeper.fences.standing(keeper.table)
            if standing is None or standing.set_at != self.fences[keeper.table].set_at:
                raise ConfigurationError(
                    f"{keeper.table} is not cut over: its fence was removed during the wait; run"
                    " `hintferry cutover` again"
                )
        self.parts.wait_s = self.clock.now() - began

    def take_back(self) -> Iterator[float]:
        """Lift the fences, and wait until no worker believes any of them; yields the seconds left.

        What was skipped behind a fence has to be swept, so no pass that began before that end
        counts. Raises SideFault; ConfigurationError where no table has a fence.
        """
        fenced = [one for one in self.keepers if one.table in self.fences]
        if not fenced:
            names = ", ".join(str(one.table) for one in self.keepers)
            raise ConfigurationError(
                f"{names} is not cut over, so there is nothing to undo; check its name"
            )
        end = self.clock.now() + REQUEST_TIMEOUT_S + UNDO_WAIT_S
        for keeper in fenced:
            keeper.passes.enter(Pass.behind_fence(keeper.table, end))
        for keeper in fenced:
            keeper.fences.withdraw(keeper.table)
            keeper.fences.lift(keeper.table)
            del self.fences[keeper.table]
        lifted = self.clock.now()
        if lifted + UNDO_WAIT_S > end:
            end = lifted + UNDO_WAIT_S
            for keeper in fenced:
                keeper.passes.enter(Pass.behind_fence(keeper.table, end))
        while (left := end - self.clock.now()) > 0:
            yield left
            self.clock.sleep(min(left, 1.0))
