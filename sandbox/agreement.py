"""All nodes of the source know the same schema.

A node may miss a change for good. It asks once for what it missed. Where that is not answered in
time it never asks for that version again (see docs/explanation/semantics.md).
"""

import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable

from sandbox.parts.cassandra import Node
from sandbox.parts.endpoints import CqlEndpoint
from sandbox.parts.errors import SandboxError
from sandbox.sessions import any_cassandra_session

_LEARNS_S, _BETWEEN_LOOKS_S = 60.0, 0.5
_RESTARTS = 3


def agree(source: CqlEndpoint, nodes: Sequence[Node]) -> None:
    """Wait until all nodes have one schema; restart one that stays behind, as an operator does.

    Raises SandboxError where that does not help either.
    """
    for _ in range(_RESTARTS):
        late = _late(source, nodes)
        for node in late:
            node.restart()
        if not late:
            return
    if late := _late(source, nodes):
        names = ", ".join(node.name for node in late)
        raise SandboxError(f"{names}: another schema than the other nodes, after restarts too.")


def _late(source: CqlEndpoint, nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that differ from most, once they had the time to learn."""
    end = time.monotonic() + _LEARNS_S
    while True:
        versions = {node: _version(source, node) for node in nodes}
        ((common, _),) = Counter(versions.values()).most_common(1)
        late = [node for node, version in versions.items() if version is None or version != common]
        if not late or time.monotonic() > end:
            return late
        time.sleep(_BETWEEN_LOOKS_S)


def _version(source: CqlEndpoint, node: Node) -> UUID | None:
    """None where it does not answer."""
    try:
        with any_cassandra_session(node.host, source.port) as cql:
            found: UUID = cql.execute("SELECT schema_version FROM system.local").one()[0]
    except (DriverException, NoHostAvailable):
        return None
    return found
