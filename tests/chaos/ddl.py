"""Changes both sides' schemas while writers write, as a person would.

Each statement goes to one node that answers, and the next one only when all that answer have the
same schema. A column is added to the target first; Keyspaces cannot drop one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from cassandra import DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import ConstantReconnectionPolicy, WhiteListRoundRobinPolicy

from sandbox.parts.endpoints import CqlEndpoint
from sandbox.sessions import create_keyspaces_tables
from sandbox.stack import Stack
from tests.chaos.schema import MOVING, MOVING_TABLE, UNCAPTURED, VIEW, VIEW_NAME

_ANSWER_S, _VERSION_S, _AGREED_S = 10.0, 2.0, 60.0
_TRIES, _BETWEEN_TRIES_S, _BETWEEN_LOOKS_S = 20, 1.0, 0.3
_FEWEST = 2
_VERSION = "SELECT schema_version FROM system.local"
_COLUMNS = """SELECT column_name FROM system_schema.columns
    WHERE keyspace_name = %s AND table_name = %s"""
T = TypeVar("T")
_FAULTS = (DriverException, NoHostAvailable, OSError)


class NotAgreed(Exception):
    """A node that answers did not learn in time what was changed; it may later."""


class Ddl:
    """Safe to call from several lanes. Raises what a side answers that does not come back, and
    NotAgreed."""

    def __init__(self, stack: Stack, keyspace: str) -> None:
        self._stack, self._keyspace = stack, keyspace
        self._table = f"{keyspace}.{MOVING_TABLE}"
        self._lock = Lock()
        self._open = ExitStack()
        self._nodes: dict[str, Any] = {}
        self._behind: Any = None
        self._left_out: str | None = None
        self._dropped: set[str] = set()
        self._coming: set[str] = set()
        self.back_at: dict[str, float] = {}
        """When each column that had been dropped was there again on every node, by our clock."""

    def add(self, random: Random, *, fresh: bool = False) -> str | None:
        """Add a column, with `fresh` rather one that never was; None where all are there."""
        with self._lock:
            absent = sorted(MOVING.keys() - self._present())
            wanted = [name for name in absent if (name in self._dropped) is not fresh]
            if not absent:
                return None
            name = random.choice(wanted or absent)
            self._add(name)
            return name

    def drop(self, random: Random) -> str | None:
        """Drop a column at the source; None where only few are left."""
        with self._lock:
            present = sorted(self._present() & MOVING.keys())
            if len(present) <= _FEWEST:
                return None
            name = random.choice(present)
            self._drop(name)
            return name

    def drop_and_add(self, random: Random) -> str:
        """Drop a column and add it again: its old values are gone, and no hint tells of them."""
        with self._lock:
            name = random.choice(sorted(self._present() & MOVING.keys()))
            self._drop(name)
            self._add(name)
            return name

    def make_view(self) -> str:
        """Make a view of a captured table."""
        with self._lock:
            self._on_source(VIEW.format(self._keyspace))
        return VIEW_NAME

    def drop_view(self) -> None:
        """Drop it again."""
        with self._lock:
            self._on_source(f"DROP MATERIALIZED VIEW IF EXISTS {self._keyspace}.{VIEW_NAME}")

    def remake_uncaptured(self) -> str:
        """Drop the table without cdc and make it again."""
        with self._lock:
            self._on_source(f"DROP TABLE IF EXISTS {self._keyspace}.uncaptured")
            self._on_source(UNCAPTURED.format(self._keyspace))
        return "uncaptured"

    @contextmanager
    def left_out(self, host: str) -> Iterator[None]:
        """Ask nothing of this node: it shall not learn what changes meanwhile."""
        self._left_out = host
        try:
            yield
        finally:
            self._left_out = None

    def is_late(self, host: str) -> bool:
        """Return whether the left-out node, once it answers, has another schema than the others.
        It asks for what it missed some seconds later."""
        end = time.monotonic() + _ANSWER_S
        while (own := self._version(host)) is None and time.monotonic() < end:
            time.sleep(_BETWEEN_LOOKS_S)
        others = set(self._versions().values())
        return own is not None and bool(others) and own not in others

    def is_learned(self, within_s: float) -> bool:
        """Return whether all nodes that answer come to have the same schema. Holds nobody up."""
        end = time.monotonic() + within_s
        while not self._is_one():
            if time.monotonic() > end:
                return False
            time.sleep(_BETWEEN_LOOKS_S)
        return True

    def settle(self) -> None:
        """Wait until every node knows of every column."""
        with self._lock:
            self._agree()

    def __enter__(self) -> Self:
        for host in self._stack.source.hosts:
            self._nodes[host] = self._connected(self._stack.source, host)
        self._behind = self._connected(self._stack.behind, self._stack.behind.hosts[0])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def _add(self, name: str) -> None:
        self._coming |= {name} & self._dropped
        _tried(lambda: self._add_on_target(name))
        self._on_source(f"ALTER TABLE {self._table} ADD IF NOT EXISTS {name} {MOVING[name]}")

    def _add_on_target(self, name: str) -> None:
        """Add the column; a statement that was cut off may have been applied."""
        if name not in self._columns(self._behind):
            add = f"ALTER TABLE {self._table} ADD {name} {MOVING[name]}"
            create_keyspaces_tables(self._stack.target, self._keyspace, [add])

    def _drop(self, name: str) -> None:
        self._dropped.add(name)
        self._coming.discard(name)
        self._on_source(f"ALTER TABLE {self._table} DROP IF EXISTS {name}")

    def _on_source(self, statement: str) -> None:
        """Run it on one node that answers, and wait until the others know of it."""
        self._agree()
        _tried(lambda: self._answering().execute(statement))
        self._agree()

    def _answering(self) -> Any:
        """The session of a node that answers. Raises NoHostAvailable."""
        for host in self._versions():
            return self._nodes[host]
        raise NoHostAvailable("no node of the source answers", {})

    def _agree(self) -> None:
        if not self.is_learned(_AGREED_S):
            raise NotAgreed(f"the nodes' schemas differ for more than {_AGREED_S:.0f} s")
        if self._left_out is None:
            self.back_at |= dict.fromkeys(self._coming, time.time())
            self._coming.clear()

    def _is_one(self) -> bool:
        return len(set(self._versions().values())) == 1

    def _versions(self) -> dict[str, UUID]:
        """Return the schema versions of the nodes that answer, without the one that is left out."""
        asked = {host: self._version(host) for host in self._nodes if host != self._left_out}
        return {host: version for host, version in asked.items() if version is not None}

    def _version(self, host: str) -> UUID | None:
        try:
            version: UUID = self._nodes[host].execute(_VERSION, timeout=_VERSION_S).one()[0]
        except _FAULTS:
            return None
        return version

    def _present(self) -> set[str]:
        """The columns of the source's table, asked when all nodes agree."""
        self._agree()
        return _tried(lambda: self._columns(self._answering()))

    def _columns(self, session: Any) -> set[str]:
        return {row[0] for row in session.execute(_COLUMNS, (self._keyspace, MOVING_TABLE))}

    def _connected(self, endpoint: CqlEndpoint, host: str) -> Any:
        profile = ExecutionProfile(WhiteListRoundRobinPolicy([host]), request_timeout=_ANSWER_S)
        cluster = Cluster(
            [host],
            endpoint.port,
            protocol_version=4,
            connect_timeout=_ANSWER_S,
            # The driver would wait for nodes that are paused; `_agree` waits for those that answer.
            max_schema_agreement_wait=0,
            schema_metadata_enabled=False,
            reconnection_policy=ConstantReconnectionPolicy(1.0, None),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self._open.callback(cluster.shutdown)
        return cluster.connect()


def _tried(do: Callable[[], T]) -> T:
    """A side may be paused or dead for a moment; every statement can be repeated."""
    for _ in range(_TRIES - 1):
        try:
            return do()
        except _FAULTS:
            time.sleep(_BETWEEN_TRIES_S)
    return do()
