"""The edges of the operator's library, beside those of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from hintferry.core.capture import Witness
from hintferry.core.errors import HintferryError
from hintferry.core.schema import Table, TableId
from hintferry.ports import Scan
from hintferry_ops.cutover.gate.facts import Arrival, Lag, NodeReport
from hintferry_ops.fit.source_facts import SourceFacts


class LateWrites(Protocol):
    """Finds what was written to the target after a moment."""

    def unseen(self, table: TableId) -> list[str]:
        """The columns whose writes cannot be seen. Raises UnknownTable, SideFault."""

    def rows(self, table: TableId, after: float) -> Iterator[tuple[float, int]]:
        """Yield how much of the table is looked through (0 to 1), and how many rows were found so
        far.

        `after`: epoch seconds. Raises UnknownTable, SideFault."""


class NodeReports(Protocol):
    """Reads what the nodes of the source report of their capture."""

    def reports(self, since: float) -> list[NodeReport]:
        """The latest of each node, with losses since then (epoch s)."""


class Topics(Protocol):
    """Reads what the event sources report."""

    def lag(self, table: TableId) -> Lag | None:
        """Return the consumer lag of the table's topic, or None if MSK reports none."""


class Waiting(Protocol):
    """Counts what waits in queues and bucket."""

    def parked(self, table: TableId | None) -> Mapping[str, int]:
        """Records of this table, and of none that is known, by reason; None: only those."""

    def given_up(self) -> int:
        """Payloads in the bucket, of any table."""

    def forget(self) -> None:
        """Keep no answer for the next look."""


class Arrivals(Protocol):
    """Say how far a table has come."""

    def look(self, capture: Witness, since: float, lost_since: float) -> Arrival:
        """Return what is known now; all from before `since` must arrive, and a loss after
        `lost_since` counts. Raises SideFault, ConfigurationError."""

    def without_sides(self) -> Arrival:
        """Return what is known where a side is away."""


class MarkerRows(Protocol):
    """Marker rows: written on the source, they take the way of every change."""

    def send(self, table: TableId) -> bytes:
        """Write the table's; gives what to look for. Raises ConfigurationError, SideFault."""

    def has_arrived(self, table: TableId, written: bytes) -> bool:
        """Return whether the target shows it. Raises ConfigurationError, SideFault."""


class SourceInspection(Protocol):
    """The source cluster's own account of itself."""

    def facts(self, with_settings: bool) -> SourceFacts:
        """Everything at once; with the nodes' settings each is asked. Raises SideFault."""

    def table(self, table: TableId) -> Table:
        """One table. Raises UnknownTable, SideFault."""

    def scan(self) -> Scan:
        """Return a scan of rows, with their TTLs."""

    def close(self) -> None:
        """Close the sessions."""


class TargetInspection(Protocol):
    """Tell whether the target is ready to be written. Every method raises SideFault."""

    def table_faults(self, table: Table, with_ttl: bool) -> list[HintferryError]:
        """Return the reasons that forbid to write the source's `table`, each with its fix."""

    def control_faults(self, *, stock: bool) -> list[HintferryError]:
        """The same of the tables that Hintferry keeps for itself."""

    def close(self) -> None:
        """Close the sessions."""
