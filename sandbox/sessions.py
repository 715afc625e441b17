"""Ordinary driver sessions for the tools and checks of the sandbox."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import boto3
from cassandra import InvalidRequest
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    Session,
)
from cassandra.policies import DCAwareRoundRobinPolicy, LoadBalancingPolicy, RoundRobinPolicy
from cassandra_sigv4.auth import SigV4AuthProvider

from sandbox.parts.endpoints import CqlEndpoint, KeyspacesEndpoint

_REQUEST_S = 20.0
_DDL_S = 60.0
_STATUSES = "SELECT table_name, status FROM system_schema_mcs.tables"
_STATUS = "SELECT table_name, status FROM system_schema_mcs.tables WHERE keyspace_name = %s"


@contextmanager
def cassandra_session(endpoint: CqlEndpoint) -> Iterator[Session]:
    """A session with all nodes of a plain Cassandra."""
    balancing = DCAwareRoundRobinPolicy(endpoint.datacenter)
    with _cassandra(endpoint.hosts, endpoint.port, balancing) as session:
        yield session


@contextmanager
def any_cassandra_session(host: str, port: int) -> Iterator[Session]:
    """A session with a plain Cassandra of which only one address is known."""
    with _cassandra((host,), port, RoundRobinPolicy()) as session:
        yield session


@contextmanager
def _cassandra(
    hosts: tuple[str, ...], port: int, balancing: LoadBalancingPolicy
) -> Iterator[Session]:
    profile = ExecutionProfile(balancing, request_timeout=_REQUEST_S)
    cluster = Cluster(
        hosts,
        port,
        protocol_version=4,
        connect_timeout=_REQUEST_S,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@contextmanager
def keyspaces_session(endpoint: KeyspacesEndpoint) -> Iterator[Session]:
    """A session as AWS's manual shows it: TLS, host name verified, AWS's own SigV4 plug-in."""
    session = _connected(endpoint)
    try:
        yield session
    finally:
        session.cluster.shutdown()


def create_keyspaces_tables(endpoint: KeyspacesEndpoint, keyspace: str, ddl: list[str]) -> None:
    """Run DDL of one keyspace on Keyspaces and wait until each of its tables is ACTIVE."""
    with keyspaces_session(endpoint) as session:
        for statement in ddl:
            session.execute(statement)
        end = time.monotonic() + _DDL_S
        while waiting := [
            row.table_name
            for row in session.execute(_STATUS, (keyspace,))
            if row.status != "ACTIVE"
        ]:
            if time.monotonic() > end:
                raise TimeoutError(f"tables {', '.join(waiting)} are not ACTIVE in {_DDL_S:.0f} s")
            time.sleep(0.2)


def define(session: Session, statements: Sequence[str], within_s: float) -> None:
    """Run statements of any keyspaces, and wait after each until no table changes any more.

    Raises what the service refuses, or TimeoutError.
    """
    end = time.monotonic() + within_s
    for statement in statements:
        _patiently(session, statement, end)
        while waiting := [
            row.table_name
            for row in session.execute(_STATUSES)
            if row.status in ("CREATING", "UPDATING")
        ]:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"tables {', '.join(waiting)} are not ACTIVE in {within_s:.0f} s"
                )
            time.sleep(0.2)


def _patiently(session: Session, statement: str, end: float) -> None:
    """Ask again while a keyspace that was just accepted is not known everywhere."""
    end = min(end, time.monotonic() + _DDL_S)
    while True:
        try:
            session.execute(statement)
            return
        except InvalidRequest:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _connected(endpoint: KeyspacesEndpoint) -> Session:
    """AWS's plug-in spoils the date of one handshake in 2,000: so try again, once."""
    try:
        return _keyspaces_cluster(endpoint).connect()
    except NoHostAvailable:
        return _keyspaces_cluster(endpoint).connect()


def _keyspaces_cluster(endpoint: KeyspacesEndpoint) -> Cluster:
    credentials = boto3.Session(
        aws_access_key_id=endpoint.access_key_id,
        aws_secret_access_key=endpoint.secret_access_key,
        region_name=endpoint.region,
    )
    profile = ExecutionProfile(RoundRobinPolicy(), request_timeout=_REQUEST_S)
    return Cluster(
        [endpoint.host],
        endpoint.port,
        protocol_version=4,
        connect_timeout=_REQUEST_S,
        ssl_context=ssl.create_default_context(cafile=str(endpoint.ca_file)),
        ssl_options={"server_hostname": endpoint.host},
        auth_provider=SigV4AuthProvider(credentials),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
