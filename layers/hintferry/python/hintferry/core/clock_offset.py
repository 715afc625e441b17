"""Describe how far our clock is from another one, as far as one request and its answer tell.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hintferry.core.errors import ClockFault, HintferryError
from hintferry.core.limits import CLOCK_MARGIN_S, NODES_APART_S

TOLD_TO_US = 1000
"""The other side tells its time in whole milliseconds, cut off."""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much one clock is ahead of another, in microseconds: from `least_us` to `most_us`."""

    least_us: int
    most_us: int

    @classmethod
    def seen(cls, sent_us: int, answered_us: int, told_us: int) -> Offset:
        """Return how far our clock is ahead of one that told its time during a request."""
        return cls(sent_us - told_us - TOLD_TO_US, answered_us - told_us)

    @property
    def width_us(self) -> int:
        """Return how much of it is not known: the round trip."""
        return self.most_us - self.least_us

    @property
    def known_us(self) -> int:
        """Return the offset that is certain; 0 where the two clocks may agree."""
        return max(self.least_us, 0) or min(self.most_us, 0)

    def less(self, other: Offset) -> Offset:
        """Return how far the clock of `other` is ahead of the one that we are compared with
        here.
        """
        return Offset(self.least_us - other.most_us, self.most_us - other.least_us)

    def __str__(self) -> str:
        middle = (self.least_us + self.most_us) / 2e6
        where = "ahead of" if middle > 0 else "behind"
        return f"{abs(middle):.3f} s (give or take {self.width_us / 2e6:.3f}) {where}"


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of clocks: of this process's, and of each source node's, against the target's.

    The first is None where the target does not tell its time. Only nodes that were asked are
    listed.
    """

    target: Offset | None
    nodes: Mapping[str, Offset]

    @property
    def is_vague(self) -> bool:
        """Return whether a clock beyond the margin would not be noticed: the round trip is too
        long.
        """
        return self.target is None or self.target.width_us > 2e6 * CLOCK_MARGIN_S

    @property
    def worst_node_us(self) -> int:
        """Return the offset that is certain of the node furthest from the target's clock."""
        return max((abs(one.known_us) for one in self.nodes.values()), default=0)

    def fault(self) -> HintferryError | None:
        """Return the fault that forbids to read under these clocks; only what is certain is one."""
        if self.target is not None and abs(self.target.known_us) > CLOCK_MARGIN_S * 1e6:
            return ClockFault(
                f"this machine's clock is {self.target} that of the target; no more than"
                f" {CLOCK_MARGIN_S:.2f} s is allowed: set it right (with chrony: `chronyc tracking`"
                " shows how far it is off, `chronyc makestep` sets it)"
            )
        return self._nodes_apart()

    def _nodes_apart(self) -> ClockFault | None:
        if not self.nodes:
            return None
        ahead = max(self.nodes, key=lambda node: self.nodes[node].least_us)
        behind = min(self.nodes, key=lambda node: self.nodes[node].most_us)
        apart_s = (self.nodes[ahead].least_us - self.nodes[behind].most_us) / 1e6
        if apart_s <= NODES_APART_S:
            return None
        return ClockFault(
            f"the clocks of the source's nodes {ahead} and {behind} are {apart_s:.1f} s apart, so"
            " nobody knows when values expire; no more than"
            f" {NODES_APART_S:.0f} s is allowed: set them right (with chrony: `chronyc tracking`)"
        )
