"""Puts the shop's mutations on a cluster at a steady rate, whatever the answers take.

Open loop: the time of each mutation is fixed beforehand. Counts what really succeeded; a
lightweight transaction whose condition was false has changed nothing and is not counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import Any, Self

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, PreparedStatement

from sandbox.workload.kinds import Kind
from sandbox.workload.mutation import Mutation, Statement
from sandbox.workload.shop import mutations, statements

_MOST_IN_FLIGHT = 512
_ANSWERS_S = 30.0


class Load:
    """Runs in a thread while it is entered, until `stop` or for `seconds`.

    All statements are prepared before the first is due.

    `session` is an ordinary driver session on the source; `rate` is mutations a second, where a
    batch counts as one.
    """

    def __init__(self, session: Session, *, rate: float, seconds: float, seed: int = 1) -> None:
        self.succeeded: Counter[Kind] = Counter()
        self.failed: Counter[str] = Counter()
        """statements that the source refused, by the name of the error"""
        self._session, self._rate = session, rate
        self._mutations = islice(mutations(seed), max(1, round(rate * seconds)))
        self._prepared: dict[str, PreparedStatement] = {}
        self._slots = threading.Semaphore(_MOST_IN_FLIGHT)
        self._counting = threading.Lock()
        self._stop = threading.Event()
        self._death: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name="workload")

    @property
    def running(self) -> bool:
        """Return whether mutations are still to come."""
        return self._thread.is_alive()

    @property
    def missing(self) -> list[Kind]:
        """The kinds that have not succeeded once."""
        return [kind for kind in Kind if not self.succeeded[kind]]

    def stop(self) -> None:
        """Send no more; wait for the answers that are due. Raises what ended the load early."""
        self._stop.set()
        self._thread.join()
        if self._death:
            raise RuntimeError("the workload ended early") from self._death

    def __enter__(self) -> Self:
        for cql in statements():
            self._prepare(cql)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _guarded(self) -> None:
        try:
            self._run(self._mutations)
        except Exception as error:  # noqa: BLE001 - kept, and raised by `stop`
            self._death = error

    def _run(self, planned: Iterator[Mutation]) -> None:
        began = time.monotonic()
        for number, mutation in enumerate(planned):
            if self._stop.wait(max(0.0, began + number / self._rate - time.monotonic())):
                break
            self._send(mutation)
        end = time.monotonic() + _ANSWERS_S
        for _ in range(_MOST_IN_FLIGHT):
            if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
                raise TimeoutError(f"the source left statements unanswered for {_ANSWERS_S:.0f} s")

    def _send(self, mutation: Mutation) -> None:
        self._slots.acquire()
        future = self._session.execute_async(self._bound(mutation))
        future.add_callbacks(self._on_success, self._on_error, callback_args=(mutation.kind,))

    def _bound(self, mutation: Mutation) -> Any:
        if mutation.batch is None:
            return self._bind(mutation.statements[0])
        batch = BatchStatement(mutation.batch, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        for statement in mutation.statements:
            batch.add(self._bind(statement))
        return batch

    def _prepare(self, cql: str) -> None:
        self._prepared[cql] = self._session.prepare(cql)
        self._prepared[cql].consistency_level = ConsistencyLevel.LOCAL_QUORUM

    def _bind(self, statement: Statement) -> Any:
        return self._prepared[statement.cql].bind(statement.values)

    def _on_success(self, rows: Any, kind: Kind) -> None:
        applied = kind is not Kind.LWT or rows[0][0]
        with self._counting:
            self.succeeded[kind] += bool(applied)
        self._slots.release()

    def _on_error(self, error: BaseException) -> None:
        with self._counting:
            self.failed[type(error).__name__] += 1
        self._slots.release()
