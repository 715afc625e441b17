"""A driver session that survives a frozen sandbox.

Between invocations the process may stand still for minutes. Then sockets die, and neither the
driver's heartbeat nor its `is_up` knows. So after a pause, or after an error that suggests a dead
connection, a short ping tries the session. If the ping fails, the session is built again.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from cassandra import (
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    ReadTimeout,
    UnresolvableContactPoints,
    WriteTimeout,
)
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.policies import HostDistance
from cassandra.protocol import ErrorMessage, OverloadedErrorMessage
from cassandra.query import BoundStatement

from hintferry.adapters.driver import cql
from hintferry.adapters.driver.guardrails import Guardrails, listening
from hintferry.adapters.driver.rate_limit import RateLimit
from hintferry.core.errors import Side, Unavailable, Unreachable

IDLE_S = 10.0
PING_TIMEOUT_S = 1.0
CONNECT_AGAIN_S = 1.0
"""A side that let us not connect is not asked again for each key of a batch."""


PROOF_TIMEOUT_S = 0.5
"""A side that is well answers again this soon what it has answered before."""

PROOF_HOLDS_S = 1.0

LATENCIES = 10_000
"""How many latencies are kept: as many as the largest batch has records."""


DRIVER_ERRORS = (DriverException, NoHostAvailable, ConnectionException, ErrorMessage)
"""The errors that a request raises. An ErrorMessage is a server's answer for which the driver has
no class."""

ASKS_FOR_LESS = (OverloadedErrorMessage, ReadTimeout, WriteTimeout, OperationTimedOut)
"""Keyspaces shows throttling as a timeout that no replica answered."""

_QUOTED = re.compile(r'message="(.*)"$', re.DOTALL)
DEAD_CONNECTION = (OperationTimedOut, NoHostAvailable, ConnectionException)


class CqlSession:
    """One side's session, its prepared statements, and the count of how often it was rebuilt.

    `login_is_new` tells after a failed connection whether `build_cluster` has another login now.
    """

    def __init__(
        self,
        side: Side,
        build_cluster: Callable[[], Cluster],
        login_is_new: Callable[[], bool] = lambda: False,
    ) -> None:
        self.side = side
        self.rebuilds = 0
        self.rate_limit = RateLimit()
        self.guardrails = Guardrails()
        self.latencies_s: deque[float] = deque(maxlen=LATENCIES)
        """Latencies of the requests for data since somebody last emptied the list; a sweep never
        empties it."""
        self._build_cluster, self._login_is_new = build_cluster, login_is_new
        self._cluster: Cluster | None = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}
        self._last_used = 0.0
        self._served: BoundStatement | None = None
        self._proved_at = 0.0
        self._suspect = False
        self._failure: tuple[float, Unavailable | None] = (0.0, None)
        self._lock = threading.RLock()

    def current(self) -> Any:
        """The driver session, known to have answered lately. Raises Unavailable."""
        with self._lock:
            if self._session is None:
                self._connect()
            elif self._suspect or time.time() - self._last_used > IDLE_S:
                self._revive()
            self._last_used = time.time()
            self._session.default_fetch_size = self.guardrails.page_rows
            return self._session

    def doubt(self, error: Exception) -> None:
        """Remember that a request failed as it does on a dead connection."""
        if isinstance(error, DEAD_CONNECTION):
            self._suspect = True

    def answered(self, sent_at: float, arrived_at: float, error: Exception | None) -> None:
        """A request for data, sent and answered at these epoch seconds, came to its end."""
        latency_s = max(0.0, arrived_at - sent_at)
        self.rate_limit.answered(latency_s, isinstance(error, ASKS_FOR_LESS))
        self.latencies_s.append(latency_s)
        if error is not None:
            self.doubt(error)

    def has_served(self, statement: BoundStatement | None) -> None:
        """The side answered this request for data."""
        self._served = statement

    def still_serves(self) -> bool:
        """Return whether what it last answered it answers again, so that a failure is one key's
        own.
        """
        if time.monotonic() - self._proved_at < PROOF_HOLDS_S:
            return True
        if self._served is None:
            return False
        try:
            self.current().execute(self._served, timeout=PROOF_TIMEOUT_S)
        except Exception:  # noqa: BLE001 - whatever it is, it is no proof
            return False
        self._proved_at = time.monotonic()
        return True

    def bind(self, text: str, values: Sequence[bytes | None]) -> BoundStatement:
        """The prepared statement with these wire bytes, at LOCAL_QUORUM. Raises driver errors."""
        prepared = self._prepared.get(text)
        if prepared is None:
            with self._lock:
                prepared = self._prepared[text] = self.current().prepare(text)
        bound = BoundStatement(prepared, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        bound.values = values
        return bound

    def forget_statements(self) -> None:
        """After a schema change: what was prepared may no longer mean the same."""
        with self._lock:
            self._prepared.clear()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._cluster is not None:
                self._cluster.shutdown()
            self._cluster = self._session = self._served = None
            self._prepared.clear()

    def _revive(self) -> None:
        try:
            self._session.execute(cql.PING, timeout=PING_TIMEOUT_S)
        except DRIVER_ERRORS:
            self.rebuilds += 1
            self.close()
            self._connect()
        self._suspect = False

    def _connect(self) -> None:
        failed_at, failure = self._failure
        if failure is not None and time.monotonic() - failed_at < CONNECT_AGAIN_S:
            raise failure
        try:
            session = self._open()
        except Exception as error:
            # The driver raises what its sockets, its TLS and its parser raise: all mean "not now".
            self.close()
            failure = Unreachable(self.side, f"cannot connect: {_reason(error)}")
            self._failure = time.monotonic(), failure
            raise failure from error
        session.client_protocol_handler = listening(self.guardrails.hear)
        session.default_fetch_size = self.guardrails.page_rows
        if self.side is Side.SOURCE:
            # An answer, or a refusal, tells whether pages have a guardrail.
            with suppress(*DRIVER_ERRORS):
                session.execute(cql.PING, timeout=PING_TIMEOUT_S)
        self._session, self._suspect = session, False

    def _open(self) -> Any:
        """A driver session; tried once more where the login turns out to be another by now."""
        try:
            return self._connected()
        except Exception:
            self.close()
            if not self._login_is_new():
                raise
        return self._connected()

    def _connected(self) -> Any:
        self._cluster = cluster = self._build_cluster()
        try:
            return cluster.connect()
        except NoHostAvailable as error:
            if datacenters := _elsewhere(cluster):
                known = ", ".join(datacenters)
                text = f"no node is in the datacenter to read; the cluster has {known}"
                raise NoHostAvailable(text, {}) from error
            raise


def _elsewhere(cluster: Cluster) -> list[str]:
    """Return the datacenters of all nodes that are known, if none of them may be read."""
    hosts = cluster.metadata.all_hosts()
    policy = cluster.profile_manager.default.load_balancing_policy
    if any(policy.distance(host) != HostDistance.IGNORED for host in hosts):
        return []
    return sorted({str(host.datacenter) for host in hosts if host.datacenter})


def _reason(error: Exception) -> str:
    """Return the words of each node that was tried, without the driver's words around them."""
    if isinstance(error, UnresolvableContactPoints):
        return "its name is not known to the resolver"
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) and error.errors:
        return "; ".join(f"{node}: {_said(str(one))}" for node, one in error.errors.items())
    if isinstance(error, NoHostAvailable) and error.args:
        return str(error.args[0])
    return str(error) or type(error).__name__


def _said(text: str) -> str:
    found = _QUOTED.search(text)
    return found[1] if found else text.rpartition("Last error: ")[2]


COMMON_OPTIONS: dict[str, Any] = {
    "protocol_version": 4,
    "schema_metadata_enabled": False,
    "token_metadata_enabled": False,
    "connect_timeout": 5.0,
    "control_connection_timeout": 5.0,
}
"""Cluster options of both sides: a cold start fetches no schema and negotiates no version."""
