"""Draw markers of one table, and see them settled on every node."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.core.capture import Witness
from hintferry.core.schema import TableId
from hintferry.core.watermark import Progress, behind, low_watermark
from hintferry.ports import Clock, Markers

DRAW_EVERY_S = 20.0
"""A node that was away when a marker was drawn gets the next one."""


@dataclass(slots=True)
class MarkerWatch:
    """Keep one marker in view until every node has settled it, then the next one."""

    table: TableId
    markers: Markers
    clock: Clock
    _waited_for: tuple[int, float] | None = None
    """The number, and the moment before it was drawn."""

    _drawn_at: float = float("-inf")
    _reached_at: float | None = None
    _took_s: float | None = None

    def look(self, seen: Witness, since: float) -> Progress:
        """Return the progress now; a marker from before `since` is not waited for.

        Raises SideFault, ConfigurationError.
        """
        self._draw(since)
        marks = self.markers.marks(self.table)
        gaps = []
        if self._waited_for is not None:
            number, drawn_at = self._waited_for
            gaps = behind(seen, marks, number)
            if not gaps and seen.nodes:
                self._reached_at, self._took_s = drawn_at, self.clock.now() - drawn_at
                self._waited_for = None
        return Progress(low_watermark(seen, marks), gaps, self._reached_at, self._took_s)

    def _draw(self, since: float) -> None:
        now = self.clock.now()
        newest = self._reached_at if self._waited_for is None else self._waited_for[1]
        is_old = newest is None or newest < since
        if not is_old and now - self._drawn_at < DRAW_EVERY_S:
            return
        number = self.markers.draw(self.table)
        self._drawn_at = now
        if is_old or self._waited_for is None:
            self._waited_for = number, now
