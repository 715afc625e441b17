"""What a run does on the node: `python -m acceptance.on_node tables|load|large|small|questions`.

Each prints one JSON document. The sides are those of the `migration.toml` that HINTFERRY_CONFIG
names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cassandra import DriverException
from cassandra.cluster import Session

from acceptance.questions.catalog import Asked, answers
from acceptance.questions.client import Service, connected, service
from acceptance.questions.comparison import plain
from acceptance.questions.service import STREAM_PROBLEM, stream_answers
from acceptance.questions.tables import made_keyspace, make_more_tables
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.adapters.driver.cql import SOURCE_TABLES
from sandbox.sessions import any_cassandra_session
from sandbox.workload import Load, source_ddl

LARGE_ROW = "00000000-0000-0000-0000-00000000acce"
LARGE_TABLE = "shop.customers"
"""Where a row is written that Keyspaces cannot hold, so that it is parked."""

LARGE_BYTES = 1_200_000


def main() -> int:
    """Do one thing, and print what came of it."""
    parser = argparse.ArgumentParser(prog="acceptance.on_node", description=__doc__)
    parser.add_argument("what", choices=sorted(_VERBS))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=150)
    options = parser.parse_args()
    migration = migration_from(Path(os.environ["HINTFERRY_CONFIG"]))
    print(json.dumps(_VERBS[options.what](migration, options)))
    return 0


def _source(migration: Migration) -> AbstractContextManager[Session]:
    return any_cassandra_session(migration.source.contact_points[0], migration.source.port)


def _tables(migration: Migration, _options: argparse.Namespace) -> Mapping[str, Any]:
    """Make the tables of the workload and Hintferry's own on the source, where they are missing."""
    replication = f"{{'class': 'NetworkTopologyStrategy', '{migration.source.datacenter}': 1}}"
    statements = [one.format(replication=replication) for one in SOURCE_TABLES]
    with _source(migration) as session:
        for statement in [*map(_if_missing, source_ddl(replication)), *statements]:
            session.execute(statement)
    return {"tables": [str(table.id) for table in migration.tables]}


def _if_missing(statement: str) -> str:
    kind = " ".join(statement.split()[:2])
    return statement.replace(kind, f"{kind} IF NOT EXISTS", 1)


def _load(migration: Migration, options: argparse.Namespace) -> Mapping[str, Any]:
    """Put the workload of the demo on the source."""
    with (
        _source(migration) as session,
        Load(session, rate=options.rate, seconds=options.seconds) as load,
    ):
        while load.running:
            time.sleep(0.1)
    return {
        "mutations": sum(load.succeeded.values()),
        "refused": dict(load.failed),
        "kinds": len(load.succeeded),
        "missing": [kind.value for kind in load.missing],
    }


def _large(migration: Migration, _options: argparse.Namespace) -> Mapping[str, Any]:
    """Write a row that is larger than a row of Keyspaces."""
    with _source(migration) as session:
        write = session.prepare(f"INSERT INTO {LARGE_TABLE} (id, photo) VALUES ({LARGE_ROW}, ?)")
        session.execute(write, (b"x" * LARGE_BYTES,))
    return {"bytes": LARGE_BYTES}


def _small(migration: Migration, _options: argparse.Namespace) -> Mapping[str, Any]:
    """Make the row small, so that its change hint can be applied."""
    with _source(migration) as session:
        session.execute(f"DELETE photo FROM {LARGE_TABLE} WHERE id = {LARGE_ROW}")
        session.execute(f"UPDATE {LARGE_TABLE} SET name = 'small' WHERE id = {LARGE_ROW}")
    return {"bytes": 0}


def _questions(migration: Migration, _options: argparse.Namespace) -> Mapping[str, Any]:
    """Ask the target every question, in a keyspace that is dropped afterwards."""
    target = _target(migration)
    with connected(target) as session, made_keyspace(session) as keyspace:
        make_more_tables(session, keyspace)
        found = {one.id: plain(answer) for one, answer in answers(Asked(session, target))}
        if migration.target.ca_file is not None:
            # keyspaces-local has a certificate of its own, and no streams.
            return found
        return {**found, **_streams(session, keyspace)}


def _streams(session: Session, keyspace: str) -> Mapping[str, Any]:
    """Return the answers about streams, or why there is none: nobody has seen them work here."""
    try:
        return stream_answers(session, keyspace, boto3.client("keyspacesstreams"))
    except (BotoCoreError, ClientError, DriverException, KeyError, ValueError) as error:
        return {STREAM_PROBLEM: f"{type(error).__name__}: {error}"}


def _target(migration: Migration) -> Service:
    """Return the target with the credentials that boto3 finds."""
    target = migration.target
    os.environ.setdefault("AWS_DEFAULT_REGION", target.region)
    if target.ca_file is not None:
        os.environ["KEYSPACES_CA"] = str(target.ca_file)
    return service(f"{target.endpoint}:{target.port}")


_VERBS: Mapping[str, Callable[[Migration, argparse.Namespace], Mapping[str, Any]]] = {
    "tables": _tables,
    "load": _load,
    "large": _large,
    "small": _small,
    "questions": _questions,
}

if __name__ == "__main__":
    sys.exit(main())
