"""Each node of the source's datacenter asked by itself: what `system.local` keeps is its own."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack
from typing import Any
from uuid import UUID

from cassandra import ConsistencyLevel
from cassandra.cqltypes import BytesType, MapType, UUIDType
from cassandra.query import SimpleStatement

from hintferry.adapters import cql
from hintferry.adapters.catalog import execute_raw
from hintferry.adapters.faults import translate
from hintferry.adapters.session import DRIVER_ERRORS, CqlSession
from hintferry.core.errors import UnknownTable
from hintferry.core.facts import NodeState
from hintferry.core.schema import TableId

_TRUNCATIONS = MapType.apply_parameters([UUIDType, BytesType])
NODE_TIMEOUT_S = 3.0


class CqlNodes:
    """The nodes that the driver knows of `datacenter`, down ones included."""

    def __init__(self, session: CqlSession, datacenter: str) -> None:
        self._session, self._datacenter = session, datacenter

    def states(self, table: TableId) -> list[NodeState]:
        """One for each node. Raises SideFault, UnknownTable."""
        names = [table.keyspace.encode(), table.name.encode()]
        rows = _execute(self._session, cql.TABLE_ID, names)
        session = self._session.current()
        if not rows:
            raise UnknownTable(f"the source has no table {table}")
        ident = UUID(bytes=rows[0][0])
        return [_state(session, host, ident) for host in self._hosts(session)]

    def _hosts(self, session: Any) -> Iterator[Any]:
        for host in session.cluster.metadata.all_hosts():
            if host.datacenter == self._datacenter:
                yield host


def _execute(session: CqlSession, text: str, values: list[bytes]) -> list[tuple[bytes, ...]]:
    try:
        return execute_raw(session, text, values)
    except Exception as error:
        session.doubt(error)
        raise translate(session, error) from error


def _state(session: Any, host: Any, table: UUID) -> NodeState:
    node = str(host.address)
    statement = SimpleStatement(cql.TRUNCATED_AT, consistency_level=ConsistencyLevel.ONE)
    try:
        ((raw,),) = session.execute(statement, timeout=NODE_TIMEOUT_S, host=host).all()
    except DRIVER_ERRORS:
        return NodeState(node, False, None)
    record = _TRUNCATIONS.deserialize(raw, 4).get(table) if raw else None
    return NodeState(node, True, None if record is None else _truncated_at(record))


def _truncated_at(record: bytes) -> float:
    """A position in the log (a number and an offset), and then the milliseconds."""
    return float(unpack(">q", record[-8:])[0]) / 1000
