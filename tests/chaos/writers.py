"""Puts the program's operations on the source, from several writers at once.

Open loop: the time of each operation is fixed beforehand, whatever the answers take. No statement
is ever sent twice by the driver. The source alone decides what a failed write has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    ConstantReconnectionPolicy,
    FallthroughRetryPolicy,
    RoundRobinPolicy,
)
from cassandra.query import BatchStatement, PreparedStatement

from sandbox.parts.endpoints import CqlEndpoint
from sandbox.workload.mutation import Statement
from tests.chaos.kinds import Consistency, Kind
from tests.chaos.oplog import NOT_APPLIED, Entry, OperationLog
from tests.chaos.program import Operation, Weights, operations, statements

_ANSWER_S = 4.0
_LOOK_S = 0.5
_SLOWER = 10
_BEHIND_S = 5.0
"""So much of its plan a writer that was held up makes good by sending faster."""

_MOST_IN_FLIGHT = 128


class Writer:
    """One client of the source, with connections of its own."""

    def __init__(
        self,
        number: int,
        source: CqlEndpoint,
        keyspace: str,
        rate: float,
        planned: Iterator[Operation],
        log: OperationLog,
        may_send: threading.Event,
    ) -> None:
        self._log, self._may_send = log, may_send
        self._number, self._pause_s, self._planned = number, 1 / rate, planned
        self._cluster = _cluster(source)
        self._session: Any = self._cluster.connect(keyspace)
        self._prepared: dict[str, PreparedStatement] = {}
        self._slots = threading.Semaphore(_MOST_IN_FLIGHT)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`, then wait for every answer."""
        due = time.monotonic()
        for operation in self._planned:
            if stop.wait(max(0.0, due - time.monotonic())):
                break
            due += self._wait_for_leave(stop)
            self._send(operation)
            due = max(due + self._pause_s, time.monotonic() - _BEHIND_S)
        for _ in range(_MOST_IN_FLIGHT):
            self._slots.acquire(timeout=2 * _ANSWER_S)

    def _wait_for_leave(self, stop: threading.Event) -> float:
        """Return how long what follows asked for a pause, in seconds."""
        began = time.monotonic()
        while not self._may_send.wait(_LOOK_S) and not stop.is_set():
            pass
        return time.monotonic() - began

    def slow_down(self) -> None:
        """From now on send much less, so that what follows can catch up."""
        self._pause_s *= _SLOWER

    def prepare(self, statements: Iterable[str]) -> None:
        """Prepare before the clock starts: later a node may be dead that is asked."""
        for cql in statements:
            self._prepared[cql] = self._session.prepare(cql)

    def close(self) -> None:
        """Close all connections."""
        self._cluster.shutdown()

    def _send(self, operation: Operation) -> None:
        self._slots.acquire(timeout=2 * _ANSWER_S)
        sent_at = time.time()
        done = partial(self._done, operation, sent_at)
        try:
            future = self._session.execute_async(self._bound(operation, sent_at))
        except Exception as error:  # noqa: BLE001 - logged: the driver raises whatever it met
            self._failed(operation, sent_at, error)
            return
        future.add_callbacks(
            lambda rows: done(*_ends(operation, rows)),
            lambda error: self._failed(operation, sent_at, error),
        )

    def _failed(self, operation: Operation, sent_at: float, error: BaseException) -> None:
        self._done(operation, sent_at, type(error).__name__)

    def _done(self, operation: Operation, sent_at: float, *end: str) -> None:
        self._log.add(Entry(self._number, operation, sent_at, time.time(), *end))
        self._slots.release()

    def _bound(self, operation: Operation, now: float) -> Any:
        level = getattr(ConsistencyLevel, operation.consistency.value)
        first, *rest = operation.statements
        if operation.shift_s is not None:
            stamp = int((now + operation.shift_s) * 1e6)
            first = Statement(first.cql, (stamp, *first.values[1:]))
        if operation.batch is None:
            bound = self._bind(first)
            bound.consistency_level = level
            return bound
        batch = BatchStatement(operation.batch, consistency_level=level)
        for statement in (first, *rest):
            batch.add(self._bind(statement))
        return batch

    def _bind(self, statement: Statement) -> Any:
        if statement.cql not in self._prepared:
            self._prepared[statement.cql] = self._session.prepare(statement.cql)
        return self._prepared[statement.cql].bind(statement.values)


class Writers:
    """Run while they are entered, each in a thread; `rate` is operations a second of all.

    Their operations are numbered from `first` on. With `at_quorum` every write is at a quorum of
    the datacenter, as a cutover asks.
    """

    def __init__(
        self,
        source: CqlEndpoint,
        keyspace: str,
        *,
        seed: int,
        count: int,
        rate: float,
        weights: Weights,
        log: OperationLog,
        first: int = 0,
        at_quorum: bool = False,
    ) -> None:
        self._stop = threading.Event()
        self._may_send = threading.Event()
        self._may_send.set()
        self._open = ExitStack()
        self.writers: list[Writer] = []
        for number in range(count):
            planned = operations(seed, number, weights, first)
            if at_quorum:
                planned = map(_at_quorum, planned)
            writer = Writer(number, source, keyspace, rate / count, planned, log, self._may_send)
            self._open.callback(writer.close)
            writer.prepare(statements(seed, number, weights))
            self.writers.append(writer)
        self._threads = [
            threading.Thread(target=writer.run, args=(self._stop,), name=f"writer {number}")
            for number, writer in enumerate(self.writers)
        ]

    def slow_down(self) -> None:
        """From now on send much less, so that what follows can catch up."""
        for writer in self.writers:
            writer.slow_down()

    def hold(self, held: bool) -> None:
        """Send nothing until this is called again with False."""
        if held:
            self._may_send.clear()
        else:
            self._may_send.set()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._open.close()


def _at_quorum(operation: Operation) -> Operation:
    return replace(operation, consistency=Consistency.LOCAL_QUORUM)


def _ends(operation: Operation, rows: Any) -> tuple[str, ...]:
    """A lightweight transaction whose condition was false has changed nothing."""
    is_false = operation.kind is Kind.LWT and rows and not rows[0][0]
    return (NOT_APPLIED,) if is_false else ()


def _cluster(source: CqlEndpoint) -> Cluster:
    profile = ExecutionProfile(
        RoundRobinPolicy(), retry_policy=FallthroughRetryPolicy(), request_timeout=_ANSWER_S
    )
    return Cluster(
        source.hosts,
        source.port,
        protocol_version=4,
        connect_timeout=_ANSWER_S,
        reconnection_policy=ConstantReconnectionPolicy(1.0, None),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
