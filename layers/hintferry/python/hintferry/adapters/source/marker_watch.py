"""Draw markers of one table, and see them settled on every node."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.capture import Witness
from hintferry.core.schema import TableId
from hintferry.core.watermark import Progress, behind, low_watermark
from hintferry.ports import Clock, Markers

DRAW_EVERY_S = 20.0
"""A node that was away when a marker was drawn gets the next one."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A marker that is waited for, and the nodes of the datacenter when it was drawn.

    `at`: the moment before it was drawn.
    """

    number: int
    at: float
    hosts: frozenset[str]


@dataclass(slots=True)
class MarkerWatch:
    """Keep one marker in view until every node has settled it, then the next one.

    A node that leaves may have been the only one that logged a write: a marker from before says
    nothing of it. One that is drawn after comes behind what that node streamed to the others.
    """

    table: TableId
    markers: Markers
    clock: Clock
    _waited_for: _Drawn | None = None
    _drawn_at: float = float("-inf")
    _reached_at: float | None = None
    _took_s: float | None = None

    def look(self, seen: Witness, since: float) -> Progress:
        """Return the progress now; a marker from before `since` is not waited for.

        Raises SideFault, ConfigurationError.
        """
        self._draw(frozenset(node.host_id for node in seen.nodes), since)
        marks = self.markers.marks(self.table)
        gaps = []
        if self._waited_for is not None:
            drawn = self._waited_for
            gaps = behind(seen, marks, drawn.number)
            if not gaps and seen.nodes:
                self._reached_at, self._took_s = drawn.at, self.clock.now() - drawn.at
                self._waited_for = None
        return Progress(low_watermark(seen, marks), gaps, self._reached_at, self._took_s)

    def _draw(self, hosts: frozenset[str], since: float) -> None:
        now = self.clock.now()
        newest = self._reached_at if self._waited_for is None else self._waited_for.at
        has_left = self._waited_for is not None and not self._waited_for.hosts <= hosts
        is_old = newest is None or newest < since or has_left
        if not is_old and now - self._drawn_at < DRAW_EVERY_S:
            return
        number = self.markers.draw(self.table)
        self._drawn_at = now
        if is_old or self._waited_for is None:
            self._waited_for = _Drawn(number, now, hosts)
