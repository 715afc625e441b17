"""Describe what stands around a cutover, as a test says it is."""

from __future__ import annotations

from collections.abc import Mapping

from hintferry.core.schema import TableId
from hintferry_ops.cutover.gate.facts import Lag, NodeReport


class ScriptedSurroundings:
    """The figures, the queues and the marker rows of a cutover; change what it says."""

    def __init__(self) -> None:
        self.said: list[NodeReport] = []
        self.known_lag: Lag | None = None
        self.by_reason: dict[str, int] = {}
        self.objects = 0
        self.markers: list[bytes] = []
        self.markers_arrive = True

    def reports(self, since: float) -> list[NodeReport]:
        """The latest of each node."""
        return self.said

    def lag(self, table: TableId) -> Lag | None:
        """Return the consumer lag of the table's topic."""
        return self.known_lag

    def parked(self, table: TableId | None) -> Mapping[str, int]:
        """Records by reason."""
        return self.by_reason

    def given_up(self) -> int:
        """Payloads in the bucket."""
        return self.objects

    def forget(self) -> None:
        """Nothing is kept."""

    def send(self, table: TableId) -> bytes:
        """Write a marker row."""
        self.markers.append(str(len(self.markers)).encode())
        return self.markers[-1]

    def has_arrived(self, table: TableId, written: bytes) -> bool:
        """Return whether the target shows it."""
        return self.markers_arrive and written == self.markers[-1]
