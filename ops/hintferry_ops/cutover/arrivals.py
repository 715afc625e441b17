"""See how far a table has come: by its watermark, or by samples with the stock connector."""

from __future__ import annotations

from dataclasses import dataclass

from hintferry.adapters.source.marker_watch import MarkerWatch
from hintferry.core.capture import Witness
from hintferry.core.schema import TableId
from hintferry.core.watermark import Progress
from hintferry.ports import Clock
from hintferry_ops.cutover.gate.condition import ConditionState
from hintferry_ops.cutover.gate.estimates import hinted
from hintferry_ops.cutover.gate.facts import Estimate
from hintferry_ops.ports import MarkerRows, NodeReports, Topics

MARKER_EVERY_S = 20.0
"""A node is known to have hinted what lies before the marker row that it hints next."""


@dataclass(frozen=True, slots=True)
class WatermarkArrivals:
    """Draw markers, and read how far each node has settled them."""

    watch: MarkerWatch

    def look(self, capture: Witness, since: float, lost_since: float) -> Progress:
        """Return the progress now. Raises SideFault, ConfigurationError."""
        return self.watch.look(capture, since)

    def without_sides(self) -> Progress:
        """Return that nothing is known."""
        return Progress(None, (), None, None)


@dataclass(slots=True)
class SampledArrivals:
    """Send marker rows, and read what nodes and topics report to CloudWatch."""

    table: TableId
    reports: NodeReports
    topics: Topics
    rows: MarkerRows
    clock: Clock
    _sent: tuple[bytes, float] | None = None
    _hinted_since: float | None = None
    _marker_at: float | None = None
    _took_s: float | None = None

    def look(self, capture: Witness, since: float, lost_since: float) -> Estimate:
        """Return the samples of now. Raises SideFault, ConfigurationError."""
        now = self.clock.now()
        self._watch_row(now)
        reports = self.reports.reports(lost_since)
        if hinted(capture, reports, since, now).state is not ConditionState.HOLDS:
            self._hinted_since = None
        elif self._hinted_since is None:
            self._hinted_since = now
        lag = self.topics.lag(self.table)
        return Estimate(reports, self._hinted_since, lag, self._marker_at, self._took_s)

    def without_sides(self) -> Estimate:
        """Return what the topic reports."""
        return Estimate((), None, self.topics.lag(self.table), None, None)

    def _watch_row(self, now: float) -> None:
        """One row after the other, so that each node has one to hint; one at a time."""
        if self._sent is None:
            self._send(now)
        written, sent_at = self._sent or (b"", now)
        if self._marker_at == sent_at:
            if now - sent_at >= MARKER_EVERY_S:
                self._send(now)
        elif self.rows.has_arrived(self.table, written):
            self._marker_at, self._took_s = sent_at, now - sent_at

    def _send(self, now: float) -> None:
        self._sent = self.rows.send(self.table), now
