"""The real catalog of the source, over nodes whose schemas differ."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from hintferry.adapters.driver.session import CqlSession
from hintferry.adapters.source import catalog
from hintferry.adapters.source.catalog import SourceCatalog
from hintferry.adapters.source.node_schema import NodeAnswer
from hintferry.core.errors import Side, Unavailable
from hintferry.core.schema import TableId
from hintferry.testing.clock import SimulatedTime
from hintferry.testing.cluster import REPLICAS, ReplicatedCluster


@dataclass(frozen=True, slots=True)
class Host:
    """A node as the driver names it."""

    number: int

    @property
    def address(self) -> str:
        return f"10.0.0.{self.number}"


class SimulatedNodes:
    """Answers what the catalog of the source asks single nodes; those that are down do not."""

    def __init__(self, cluster: ReplicatedCluster, random: Random) -> None:
        self._cluster, self._random = cluster, random

    def any_version(self) -> tuple[Host, bytes]:
        """A node that answers, and its version. Raises SideFault."""
        node = self._random.choice(self._cluster.up)
        return Host(node), self._cluster.schemas.version(node)

    def versions(self, _like: Host) -> dict[Host, bytes | None]:
        """Return each node's version; one that is down does not answer, or is known to be down."""
        down = self._cluster.down
        return {
            Host(node): None if node in down else self._cluster.schemas.version(node)
            for node in range(REPLICAS)
            if node not in down or self._random.random() < 0.5
        }

    def told(self, host: Host, table: TableId) -> NodeAnswer:
        """Return what this node says of the table. Raises SideFault."""
        if host.number in self._cluster.down:
            raise Unavailable(Side.SOURCE, f"{host.address} does not answer")
        schemas = self._cluster.schemas
        found = schemas.of(host.number).tables.get(table)
        return NodeAnswer(schemas.version(host.number), found)


def catalog_of(cluster: ReplicatedCluster, random: Random) -> SourceCatalog:
    """One process's own; to be made, and asked, while `in_simulated_time` holds."""
    catalog = SourceCatalog(cast(CqlSession, SimpleNamespace(forget_statements=lambda: None)))
    changed = cast(Any, catalog)
    changed._nodes = SimulatedNodes(cluster, random)
    changed._masking = SimpleNamespace(check=lambda table: None)
    return catalog


def in_simulated_time(time: SimulatedTime) -> tuple[object, str, Any]:
    """Return what to patch so that the catalog counts its seconds by the world's time."""

    def monotonic() -> float:
        return time.micros / 1e6

    return catalog, "time", SimpleNamespace(monotonic=monotonic)
