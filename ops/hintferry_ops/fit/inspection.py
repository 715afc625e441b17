"""The source cluster's own account of its nodes, settings and schema. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.cqltypes import BytesType, MapType, SetType, UTF8Type
from cassandra.query import SimpleStatement

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.adapters.source.catalog import SourceCatalog
from hintferry.adapters.sweep.scan import TokenScan
from hintferry.core.schema import Table, TableId
from hintferry_ops.fit.source_facts import KeyspaceText, SourceFacts, SourceNode

NODE_TIMEOUT_S = 10.0
"""A node that is busy takes a while for its few hundred settings."""

_TEXT: Callable[[bytes], Any] = bytes.decode
_WANTED: Mapping[str, Callable[[bytes], Any]] = {
    "keyspace_name": _TEXT,
    "table_name": _TEXT,
    "column_name": _TEXT,
    "type": _TEXT,
    "read_repair": _TEXT,
    "memtable": _TEXT,
    "cdc": lambda raw: raw == b"\x01",
    "durable_writes": lambda raw: raw == b"\x01",
    "flags": lambda raw: SetType.apply_parameters([UTF8Type]).deserialize(raw, 4),
    "extensions": lambda raw: set(
        MapType.apply_parameters([UTF8Type, BytesType]).deserialize(raw, 4)
    ),
    "replication": lambda raw: dict(
        MapType.apply_parameters([UTF8Type, UTF8Type]).deserialize(raw, 4)
    ),
}
"""The columns of `system_schema` that anybody asks for; which there are depends on the version."""


class CqlInspection:
    """Asks through `session`. Every method raises SideFault."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._catalog = SourceCatalog(session)

    def facts(self, with_settings: bool) -> SourceFacts:
        """Everything at once; without the nodes' settings it takes one node to tell it."""
        try:
            driver = self._session.current()
            driver.cluster.refresh_schema_metadata()
            ((cluster, datacenter, partitioner),) = driver.execute(cql.CLUSTER).all()
            keyspaces, tables, columns = (
                _rows(driver.execute(f"SELECT * FROM system_schema.{name}"))
                for name in ("keyspaces", "tables", "columns")
            )
            here = datacenter.decode()
            metadata = driver.cluster.metadata
            nodes = [_node(driver, host, here, with_settings) for host in metadata.all_hosts()]
        except Exception as error:
            self._session.doubt(error)
            raise translate(self._session, error) from error
        text = {name: _text(one) for name, one in metadata.keyspaces.items() if _is_users(name)}
        nodes.sort(key=lambda node: (node.datacenter != here, node.datacenter, node.address))
        name = partitioner.decode().rpartition(".")[2]
        return SourceFacts(cluster.decode(), here, name, nodes, keyspaces, tables, columns, text)

    def table(self, table: TableId) -> Table:
        """Return the table as the pipeline sees it. Raises UnknownTable too."""
        return self._catalog.table(table)

    def scan(self) -> TokenScan:
        """Return a scan of rows; its read starts mean nothing, as nothing is written of them."""
        return TokenScan(self._session, lambda: 0, elements=True)

    def close(self) -> None:
        """Close the sessions."""
        self._session.close()


def _rows(result: Any) -> list[Mapping[str, Any]]:
    names = result.column_names
    return [
        {
            name: None if cell is None else _WANTED[name](cell)
            for name, cell in zip(names, row, strict=True)
            if name in _WANTED
        }
        for row in result
    ]


def _node(driver: Any, host: Any, here: str, with_settings: bool) -> SourceNode:
    address, version = str(host.address), str(host.release_version)
    if host.datacenter != here or not with_settings:
        return SourceNode(address, host.datacenter, version, bool(host.is_up), None)
    statement = SimpleStatement(cql.SETTINGS, consistency_level=ConsistencyLevel.ONE)
    try:
        rows = driver.execute(statement, timeout=NODE_TIMEOUT_S, host=host).all()
    except (InvalidRequest, Unauthorized):
        # Before 4.0 there is no such table, and not every login may read it.
        return SourceNode(address, here, version, True, None)
    except DRIVER_ERRORS:
        return SourceNode(address, here, version, False, None)
    settings = {name.decode(): value.decode() for name, value in rows if value is not None}
    return SourceNode(address, here, version, True, settings)


def _text(keyspace: Any) -> KeyspaceText:
    functions = [*keyspace.functions.values(), *keyspace.aggregates.values()]
    return KeyspaceText(
        keyspace.user_type_strings(),
        [one.export_as_string() for one in functions],
        {name: table.export_as_string() for name, table in keyspace.tables.items()},
    )


def _is_users(keyspace: str) -> bool:
    return keyspace != "system" and not keyspace.startswith("system_")
