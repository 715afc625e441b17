"""The clocks of both sides in simulated time: the target's is right, the nodes' are scripted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hintferry.core.clock_offset import TOLD_TO_US, Offset
from hintferry.core.errors import Side, Unavailable
from hintferry.testing.clock import ScriptedClock


@dataclass(slots=True)
class SimulatedClocks:
    """The answers that a worker with the clock `own` gets from the other clocks.

    `there_us`, `back_us`: the time to a side and back. `nodes`: by how much the clock of each node
    of the source is ahead.
    """

    own: ScriptedClock
    there_us: int = 400
    back_us: int = 400
    nodes: Mapping[str, int] = field(default_factory=dict)
    is_down: bool = False
    tells: bool = True
    asked: int = 0

    def target(self) -> Offset | None:
        """Return how far the own clock is ahead. Raises SideFault."""
        self.asked += 1
        if self.is_down:
            raise Unavailable(Side.TARGET, "down")
        return self._ask(0) if self.tells else None

    def source(self) -> Mapping[str, Offset]:
        """Return how far the own clock is ahead of each node's."""
        return {node: self._ask(ahead_us) for node, ahead_us in self.nodes.items()}

    def _ask(self, ahead_us: int) -> Offset:
        sent_us = self.own.wall_us()
        self.own.time.advance(self.there_us)
        told_us = self.own.time.micros + ahead_us
        self.own.time.advance(self.back_us)
        return Offset.seen(sent_us, self.own.wall_us(), told_us - told_us % TOLD_TO_US)
