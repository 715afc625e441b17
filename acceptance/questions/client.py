"""Connects as an application does: the public driver and AWS's public SigV4 plug-in."""

import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from cassandra import ConsistencyLevel, ReadTimeout, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra_sigv4.auth import SigV4AuthProvider

UTCNOW = "ignore:.*utcnow.*:DeprecationWarning"
"""The plug-in's own deprecated call; tests that connect filter it."""


class Target(Protocol):
    """Address and login of the service: `stack.target` is one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def region(self) -> str: ...
    @property
    def ca_file(self) -> Any: ...
    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Service:
    """A target given by its address, such as the real service. Satisfies `Target`."""

    host: str
    port: int
    region: str
    ca_file: str | None
    access_key_id: str
    secret_access_key: str
    session_token: str | None


def service(address: str) -> Service:
    """The service at HOST:PORT, with the credentials and the Region that boto3 finds.

    KEYSPACES_CA names a file of CAs; without it the system's are trusted.
    """
    session = boto3.Session()
    found = session.get_credentials()
    if found is None or session.region_name is None:
        raise RuntimeError("Give AWS credentials and a Region in the environment or a profile.")
    keys = found.get_frozen_credentials()
    host, _, port = address.rpartition(":")
    return Service(
        host, int(port), session.region_name, os.environ.get("KEYSPACES_CA"),
        keys.access_key, keys.secret_key, keys.token,
    )  # fmt: skip


def service_name(target: Target) -> str:
    return f"cassandra.{target.region}.amazonaws.com"


@contextmanager
def connected(
    target: Target,
    *,
    ca_file: object = None,
    server_name: str | None = None,
    auth_provider: object = None,
    **login: str,
) -> Iterator[Session]:
    """A session at LOCAL_QUORUM; everything else is the driver's default.

    `auth_provider` stands in place of SigV4; `login` overrides aws_access_key_id,
    aws_secret_access_key or region_name.
    """
    token = getattr(target, "session_token", None)
    credentials = {
        **({"aws_session_token": token} if token else {}),
        "aws_access_key_id": target.access_key_id,
        "aws_secret_access_key": target.secret_access_key,
        "region_name": target.region,
        **login,
    }
    authority = ca_file or target.ca_file
    profile = ExecutionProfile(consistency_level=ConsistencyLevel.LOCAL_QUORUM, request_timeout=20)
    cluster = Cluster(
        [target.host],
        port=target.port,
        ssl_context=ssl.create_default_context(cafile=str(authority) if authority else None),
        ssl_options={"server_hostname": server_name or service_name(target)},
        auth_provider=auth_provider or SigV4AuthProvider(**credentials),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


DDL_SECONDS = 120.0
_TRIES = 40


def wait_active(session: Session, keyspace: str, table: str) -> None:
    """Blocks until DDL on the table is done, as clients of the service must."""
    _wait(lambda: status(session, keyspace, table) == "ACTIVE", f"{keyspace}.{table} is not ACTIVE")


def wait_gone(session: Session, keyspace: str, table: str) -> None:
    """Blocks until a dropped table's name is free."""
    _wait(lambda: status(session, keyspace, table) is None, f"{keyspace}.{table} is still there")


def wait_keyspace(session: Session, keyspace: str) -> None:
    """Blocks until a new keyspace is there."""
    query = "SELECT keyspace_name FROM system_schema_mcs.keyspaces WHERE keyspace_name = %s"
    _wait(lambda: session.execute(query, (keyspace,)).one() is not None, f"no {keyspace}")


def status(session: Session, keyspace: str, table: str) -> str | None:
    """A table's status; None where there is no such table."""
    row = session.execute(
        "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s",
        (keyspace, table),
    ).one()
    return None if row is None else str(row.status)


def patiently(session: Session, statement: Any, values: Sequence[object] = ()) -> Any:
    """Executes what may be done twice, again for as long as the service throttles it."""
    for number in range(_TRIES):
        try:
            return session.execute(statement, values or None)
        except (ReadTimeout, WriteTimeout) as error:
            if error.received_responses or number == _TRIES - 1:
                raise
            time.sleep(0.1 + 0.02 * number)
    raise AssertionError("the last try returns or raises")


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + DDL_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} after {DDL_SECONDS:.0f} s")
        time.sleep(0.05)
