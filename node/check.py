"""The source cluster, looked over before a migration: `python -m node.check --help`.

Reads each node's settings (`system_views.settings`, so 4.0 and later) and the schema, over CQL, and
names each fault with its mend. Changes nothing. Exit 1 when hints would be lost, 2 when the call or
the configuration is wrong.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cassandra import InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import dict_factory

from hintferry.adapters.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from node.install.checks import Fault, schema_faults, setting_faults

_SECONDS = 20
_LOGIN = ("HINTFERRY_SOURCE_USER", "HINTFERRY_SOURCE_PASSWORD")


def check(migration: Migration, environment: Mapping[str, str]) -> dict[str, list[Fault]]:
    """The faults by node, and those of the schema under `schema`; NoHostAvailable."""
    source = migration.source
    faults: dict[str, list[Fault]] = {}
    with _session(source.contact_points[0], source.port, environment) as cql:
        keyspaces, tables, columns = (
            list(cql.execute(f"SELECT * FROM system_schema.{name}"))
            for name in ("keyspaces", "tables", "columns")
        )
        migrated = [str(table.id) for table in migration.tables]
        faults["schema"] = schema_faults(keyspaces, tables, columns, migrated)
        hosts = cql.cluster.metadata.all_hosts()
    nodes = sorted(str(host.address) for host in hosts if host.datacenter == source.datacenter)
    for node in nodes:
        with _session(node, source.port, environment) as cql:
            faults[node] = _node_faults(cql)
    return faults


def _node_faults(cql: Any) -> list[Fault]:
    version = cql.execute("SELECT release_version FROM system.local").one()["release_version"]
    try:
        rows = list(cql.execute("SELECT name, value FROM system_views.settings"))
    except InvalidRequest:
        mend = "Before 4.0 check cassandra.yaml on the node: python3 -m node.install.install check."
        return [Fault("settings", f"not to be read on {version}", mend)]
    settings = {row["name"]: row["value"] for row in rows if row["value"] is not None}
    return setting_faults(settings, version)


@contextmanager
def _session(host: str, port: int, environment: Mapping[str, str]) -> Iterator[Any]:
    profile = ExecutionProfile(
        WhiteListRoundRobinPolicy([host]), request_timeout=_SECONDS, row_factory=dict_factory
    )
    user, password = (environment.get(name) for name in _LOGIN)
    login = PlainTextAuthProvider(user, password) if user else None
    cluster = Cluster(
        [host], port, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, protocol_version=4,
        connect_timeout=_SECONDS, auth_provider=login,
    )  # fmt: skip
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    parser = argparse.ArgumentParser(prog="node.check", description=__doc__)
    parser.add_argument("--migration", type=Path, default=Path("migration.toml"))
    asked = parser.parse_args(arguments)
    try:
        faults = check(migration_from(asked.migration), environment)
    except (ConfigurationError, NoHostAvailable) as error:
        print(error, file=sys.stderr)
        return 2
    for where, found in faults.items():
        for fault in found:
            print(f"{where}: {fault}")
        if not found:
            print(f"{where}: in order")
    return int(any(fault.fatal for found in faults.values() for fault in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
