"""Tables on the source, made so that no write to them can be missed: DDL, topics, capture."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from cassandra import ConsistencyLevel, ReadFailure, ReadTimeout, Unavailable
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement

from sandbox.agreement import agree
from sandbox.parts.capture import Connector
from sandbox.parts.cassandra import Node
from sandbox.parts.endpoints import CqlEndpoint
from sandbox.parts.kafka import create_topics
from sandbox.parts.waiting import until

_KNOWN_SECONDS = 300
_RING_SECONDS = 300
_OF_THREE_COPIES = "system_distributed.view_build_status"
_CREATED = re.compile(r'\s*CREATE TABLE (?:IF NOT EXISTS )?("?\w+"?)\.("?\w+"?)', re.IGNORECASE)
_CDC_TABLES = "SELECT keyspace_name, table_name, cdc FROM system_schema.tables"


@contextmanager
def session(endpoint: CqlEndpoint, host: str | None = None) -> Iterator[Any]:
    """A driver session on the cluster, or on one of its nodes only."""
    hosts = [host or endpoint.hosts[0]]
    profile = ExecutionProfile(WhiteListRoundRobinPolicy(hosts), request_timeout=60)
    profiles = {EXEC_PROFILE_DEFAULT: profile}
    cluster = Cluster(
        hosts, endpoint.port, protocol_version=4, execution_profiles=profiles, connect_timeout=60
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def named(ddl: Iterable[str]) -> Iterator[str]:
    """Yield the tables of an application that the statements create, as `keyspace.table`."""
    for statement in ddl:
        if found := _CREATED.match(statement):
            quoted = [part if '"' in part else part.lower() for part in found.groups()]
            keyspace, table = (part.strip('"') for part in quoted)
            if keyspace != "hintferry":
                yield f"{keyspace}.{table}"


def create(
    source: CqlEndpoint,
    nodes: Sequence[Node],
    kafka: str,
    topic: Callable[[str], str],
    captures: Iterable[Connector],
    ddl: Iterable[str],
) -> None:
    """Run `ddl`, create the topics of every captured table, wait until each connector knows it.

    `topic` gives the topic of a table, `keyspace.table`.
    """
    with session(source) as cql:
        for statement in ddl:
            cql.execute(statement)
        tables = [
            (row.keyspace_name, row.table_name) for row in cql.execute(_CDC_TABLES) if row.cdc
        ]
    agree(source, nodes)
    create_topics(kafka, [topic(f"{keyspace}.{table}") for keyspace, table in tables])
    for keyspace, table in tables:
        _wait_for_replicas(source, keyspace, table)
        for capture in captures:
            capture.wait_for_table(keyspace, table, _KNOWN_SECONDS)


def wait_for_ring(source: CqlEndpoint) -> None:
    """Block until every node has met every other, and is answered by it."""
    for host in source.hosts:
        met = partial(_has_met, source, host, len(source.hosts) - 1)
        until(met, _RING_SECONDS, f"{host} has met its peers")
        answered = partial(_reads_all, source, host, _OF_THREE_COPIES)
        until(answered, _RING_SECONDS, f"{host} is answered by its peers")


def _has_met(source: CqlEndpoint, host: str, peers: int) -> bool:
    with session(source, host) as cql:
        return len(cql.execute("SELECT peer FROM system.peers_v2").all()) == peers


def _wait_for_replicas(source: CqlEndpoint, keyspace: str, table: str) -> None:
    """Wait until the nodes see each other alive and have the table.

    A node that has not seen another one alive yet refuses what needs it. One that has not got the
    table yet fails to read it.
    """
    for host in source.hosts if len(source.hosts) > 1 else ():
        reads = partial(_reads_all, source, host, f'"{keyspace}"."{table}"')
        until(reads, _RING_SECONDS, f"{host} reads {keyspace}.{table} from all replicas")


def _reads_all(source: CqlEndpoint, host: str, table: str) -> bool:
    read = SimpleStatement(f"SELECT * FROM {table} LIMIT 1", consistency_level=ConsistencyLevel.ALL)
    with session(source, host) as cql:
        try:
            cql.execute(read)
        except (Unavailable, ReadFailure, ReadTimeout):
            return False
    return True
