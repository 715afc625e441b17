"""Tables of one keyspace on both sides of a running chain, and the command run on them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hintferry.adapters.driver.cql import SOURCE_TABLES
from sandbox.chain import Chain
from sandbox.command_line import Operator
from sandbox.compare import Difference, compare_table
from sandbox.parts.kafka import create_topics
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack

SWITCHES = """CUSTOM_PROPERTIES = {
    'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"""
WAIT_S = 120.0


@dataclass(frozen=True)
class Workbench(Operator):
    """Plain sessions of both clusters, and the chain."""

    source: Any
    behind: Any
    chain: Chain

    def differences(self, table: str) -> tuple[Difference, ...]:
        """Return the differences that the sandbox's own comparison finds."""
        return compare_table(self.source, self.behind, table).differences

    def wait_until_equal(self, table: str, within_s: float = WAIT_S) -> None:
        """Raises AssertionError."""
        end = time.monotonic() + within_s
        while differences := self.differences(table):
            assert time.monotonic() < end, (differences[:5], self.chain.last_error)
            time.sleep(0.2)


@contextmanager
def workbench(
    stack: Stack,
    keyspace: str,
    tables: Mapping[str, str],
    folder: Path,
    unheard: Collection[str] = (),
    uncaptured: Collection[str] = (),
) -> Iterator[Workbench]:
    """Tables that are captured but for `uncaptured`, beside that of markers; nobody reads the
    topics of `unheard`.
    """
    create = f"CREATE KEYSPACE {keyspace} WITH replication = "
    ddl = {name: f"CREATE TABLE {keyspace}.{name} {columns}" for name, columns in tables.items()}
    markers = [one.format(replication=stack.replication) for one in SOURCE_TABLES]
    captured = [_with(d, f"cdc = {str(name not in uncaptured).lower()}") for name, d in ddl.items()]
    stack.create_tables(create + stack.replication, *captured, *markers)
    create_topics(stack.kafka, [stack.topic(f"{keyspace}.{name}") for name in tables])
    single = create + "{'class': 'SingleRegionStrategy'}"
    create_keyspaces_tables(
        stack.target, keyspace, [single, *(_with(d, SWITCHES) for d in ddl.values())]
    )
    heard = [f"{keyspace}.{name}" for name in tables if name not in unheard]
    with (
        cassandra_session(stack.source) as source,
        cassandra_session(stack.behind) as behind,
        Chain(stack, heard, folder) as chain,
    ):
        yield Workbench(stack, folder / "command", source, behind, chain)


def _with(ddl: str, option: str) -> str:
    return f"{ddl} WITH {option}"
