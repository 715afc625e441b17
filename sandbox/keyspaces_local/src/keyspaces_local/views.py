"""The system tables as the service shows them: which there are, and what is shown in their place.

Keeps drivers from learning of the Cassandra behind: its address, ports, version and peers.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from uuid import UUID

from keyspaces_local import rules
from keyspaces_local.results import View
from keyspaces_local.rules import Refusal

_SYSTEM = "system"
_READABLE = frozenset({"local", "peers", "size_estimates"})
TableName = tuple[str | None, str | None]

RELEASE = b"3.11.2"
SCHEMA_VERSION = UUID("59adb24e-f3cd-3e02-97f0-5b395827453f")

REDIRECTED: Mapping[TableName, str] = {
    ("system", "peers"): "system_schema_mcs.peers",
    ("system_schema", "keyspaces"): "system_schema_mcs.keyspaces",
    ("system_schema_mcs", "columns"): "system_schema.columns",
    ("system_schema_mcs", "types"): "system_schema.types",
}
"""System tables whose content another table behind has."""

_LOCAL_COLUMNS = frozenset(
    {
        "bootstrapped",
        "broadcast_address",
        "cluster_name",
        "cql_version",
        "data_center",
        "gossip_generation",
        "host_id",
        "key",
        "listen_address",
        "native_protocol_version",
        "partitioner",
        "rack",
        "release_version",
        "rpc_address",
        "schema_version",
        "thrift_version",
        "tokens",
        "truncated_at",
    }
)


def check_readable(keyspace: str, table: str) -> None:
    """Raises `Refusal` for a system table that the service does not have."""
    if keyspace == _SYSTEM and table not in _READABLE:
        raise Refusal(rules.UNCONFIGURED_TABLE, keyspace=keyspace, table=table)


def system_views(listen_host: str, region: str, *, peers: bool) -> Mapping[TableName, View]:
    """`system.local` as this endpoint's own row, and the names of the columns of `system.peers`.

    With peers the schema has one version everywhere, or drivers would wait for agreement.
    """
    address = packed_address(listen_host)
    cells = {
        "broadcast_address": address,
        "listen_address": address,
        "rpc_address": address,
        "cluster_name": b"Amazon Keyspaces",
        "cql_version": b"3.4.4",
        "data_center": region.encode(),
        "native_protocol_version": b"4",
        "rack": region.encode(),
        "release_version": RELEASE,
    }
    if peers:
        cells["schema_version"] = SCHEMA_VERSION.bytes
    return {(_SYSTEM, "local"): View(_LOCAL_COLUMNS, cells)}


def packed_address(host: str) -> bytes:
    try:
        return ip_address(host).packed
    except ValueError:
        return ip_address("127.0.0.1").packed
