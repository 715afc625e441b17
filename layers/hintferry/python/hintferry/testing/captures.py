"""Describe what nodes and connectors say of a table's capture, as a test says it is."""

from __future__ import annotations

from collections.abc import Callable

from hintferry.core.capture import CapturedTable, CaptureState, NodeState, TableVersion, Witness
from hintferry.core.schema import TableId

ADDRESSES = ("10.0.1.11", "10.0.2.11", "10.0.3.11")
SHAPE = TableVersion("id 1", 1)
VERSION = "schema 1"


class ScriptedCaptures:
    """Nodes whose connectors capture each table that is asked for; change what they say."""

    def __init__(
        self, now: Callable[[], float] = lambda: 0.0, addresses: tuple[str, ...] = ADDRESSES
    ) -> None:
        self._now = now
        self.nodes = [NodeState(one, host_of(one), VERSION, None) for one in addresses]
        self.since = {host_of(one): 1 for one in addresses}
        self.age_s = {host_of(one): 1.0 for one in addresses}
        """The age of each node's state, in seconds; a node that is not in it has sent none."""

        self.version = dict.fromkeys(self.since, VERSION)
        self.captured_id = dict.fromkeys(self.since, SHAPE.table_id)
        self.newest: dict[str, float] = {}
        self.old: set[str] = set()
        """The hosts whose connectors are older than watermarks."""

        self.settled: dict[str, int] = {}
        """The number of the last marker in the state of a host's connector."""

        self.shape = SHAPE
        self.stock = False

    def witness(self, table: TableId) -> Witness:
        """Return the table's capture as it was set."""
        now = self._now()
        states = {host: self._state(table, host, now - age) for host, age in self.age_s.items()}
        return Witness(table, now, self.nodes, None if self.stock else states, self.shape)

    def forget(self) -> None:
        """Nothing is kept."""

    def _state(self, table: TableId, host: str, at: float) -> CaptureState:
        since, ident = self.since.get(host), self.captured_id.get(host)
        said = CapturedTable(
            ident or "",
            since,
            "column c",
            self.newest.get(host),
            host not in self.old,
            self.settled.get(host),
        )
        return CaptureState(at, self.version[host], {table: said} if ident else {})


def host_of(address: str) -> str:
    """The host id of the node at this address."""
    return f"host {address}"
