"""Three ways to bring changes to the target, each run in a separate process.

- naive: record by record, as most people would write it.
- ceiling: what the plain driver can do, with each key given once.
- ours: the shipped handler, invoked as Lambda's runtime does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import psutil
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT
from cassandra.query import tuple_factory

from bench.loads import LoadShape, RecordedLoad, RecordKey, key_of
from sandbox.function import FUNCTIONS
from sandbox.parts.endpoints import CqlEndpoint, KeyspacesEndpoint
from sandbox.parts.launch import tie
from sandbox.sessions import cassandra_session, keyspaces_session

LONGEST_S = 300.0
_INVOCATION_MS = 60_000
_TCP_INFO_BYTES, _BYTES_RECEIVED = 192, slice(128, 136)
"""tcpi_bytes_received in linux/tcp.h"""


@dataclass(frozen=True, slots=True)
class Setting:
    """Both sides, and the environment of the function."""

    source: CqlEndpoint
    target: KeyspacesEndpoint
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class LoadRun:
    """Once over a load; `cpu_s` is the process's own, all its threads'; `source_bytes` came from
    the source."""

    keys: int
    wall_s: float
    cpu_s: float
    source_bytes: int


class Contestant(Protocol):
    def ready(self, load: RecordedLoad, at_once: int) -> Callable[[], None]:
        """Prepare the load; return the function that runs it, which raises where it fails."""


class Driver:
    """Plain sessions of both sides, and prepared statements."""

    def __init__(self, setting: Setting, opened: ExitStack) -> None:
        self.source = opened.enter_context(cassandra_session(setting.source))
        self.target = opened.enter_context(keyspaces_session(setting.target))
        for session in (self.source, self.target):
            session.get_execution_profile(EXEC_PROFILE_DEFAULT).row_factory = tuple_factory
        self._prepared: dict[str, Any] = {}

    def select(self, shape: LoadShape) -> Any:
        """Prepare the read of a changed key: the columns of a row and, if asked for, their TTLs."""
        ttls = [f"TTL({name})" for name in shape.types] if shape.ttl else []
        keys = shape.keys[:1] if shape.deletes else shape.keys
        where = " AND ".join(f"{name} = ?" for name in keys)
        selected = ", ".join([*shape.keys, *shape.types, *ttls])
        return self._statement(self.source, f"SELECT {selected} FROM {shape.table} WHERE {where}")

    def insert(self, shape: LoadShape) -> Any:
        names = [*shape.keys, *shape.types]
        marks = ", ".join("?" * len(names))
        return self._statement(
            self.target, f"INSERT INTO {shape.table} ({', '.join(names)}) VALUES ({marks})"
        )

    def delete(self, shape: LoadShape) -> Any:
        """The whole partition."""
        return self._statement(self.target, f"DELETE FROM {shape.table} WHERE p = ?")

    def _statement(self, session: Any, text: str) -> Any:
        if text not in self._prepared:
            self._prepared[text] = session.prepare(text)
            self._prepared[text].consistency_level = ConsistencyLevel.LOCAL_QUORUM
        return self._prepared[text]


class Naive:
    """One after the other, each request waited for."""

    def __init__(self, setting: Setting, opened: ExitStack) -> None:
        self._driver = Driver(setting, opened)

    def ready(self, load: RecordedLoad, at_once: int) -> Callable[[], None]:
        shape, driver = load.shape, self._driver
        select, insert, delete = driver.select(shape), driver.insert(shape), driver.delete(shape)
        width = len(shape.keys) + len(shape.types)
        events = load.events()

        def run() -> None:
            for event in events:
                for records in json.loads(event)["records"].values():
                    for record in records:
                        key = key_of(b64decode(record["value"]))
                        rows = driver.source.execute(select, key).all()
                        for row in rows:
                            driver.target.execute(insert, row[:width])
                        if not rows:
                            driver.target.execute(delete, key[:1])

        return run


class Ceiling:
    """So many keys at once; the answer to a read sends the write, that to a write the next read."""

    def __init__(self, setting: Setting, opened: ExitStack) -> None:
        self._driver = Driver(setting, opened)

    def ready(self, load: RecordedLoad, at_once: int) -> Callable[[], None]:
        driver, shape = self._driver, load.shape
        select = driver.select(shape)
        write = driver.delete(shape) if shape.deletes else driver.insert(shape)
        width = len(shape.keys) + len(shape.types)
        return _Flow(driver, select, write, width, load.keys, at_once).run


class _Flow:
    def __init__(
        self,
        driver: Driver,
        select: Any,
        write: Any,
        width: int,
        keys: Sequence[RecordKey],
        at_once: int,
    ) -> None:
        self._source, self._target = driver.source, driver.target
        self._select, self._write, self._width = select, write, width
        self._keys, self._at_once, self._left = iter(keys), at_once, len(keys)
        self._errors: list[Exception] = []
        self._ended = threading.Event()

    def run(self) -> None:
        for _ in range(self._at_once):
            self._read()
        if not self._ended.wait(LONGEST_S) or self._errors:
            raise RuntimeError(f"{self._left} keys left: {self._errors[:1]}")

    def _read(self) -> None:
        key = next(self._keys, None)
        if key is not None:
            future = self._source.execute_async(self._select, key)
            future.add_callbacks(self._seen, self._failed, callback_args=(key,))

    def _seen(self, rows: Any, key: RecordKey) -> None:
        values = rows[0][: self._width] if rows else key
        self._target.execute_async(self._write, values).add_callbacks(self._written, self._failed)

    def _written(self, _: Any) -> None:
        # The driver has one thread for all its answers, so nobody else counts here.
        self._left -= 1
        if self._left:
            self._read()
        else:
            self._ended.set()

    def _failed(self, error: Exception, *_: Any) -> None:
        self._errors.append(error)
        self._ended.set()


class Ours:
    """`functions/processor`, events in and answers out as JSON."""

    def __init__(self, setting: Setting, opened: ExitStack) -> None:
        region = setting.environment["AWS_REGION"]
        # As Lambda names a function to itself.
        itself = {"AWS_LAMBDA_FUNCTION_NAME": "processor", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"}
        os.environ.update({**setting.environment, **itself, "AWS_DEFAULT_REGION": region})
        sys.path.insert(0, str(FUNCTIONS / "processor"))
        self._handler = import_module("handler").lambda_handler

    def ready(self, load: RecordedLoad, at_once: int) -> Callable[[], None]:
        events = load.events()

        def run() -> None:
            for event in events:
                end = time.monotonic() * 1000 + _INVOCATION_MS
                context = SimpleNamespace(
                    get_remaining_time_in_millis=lambda end=end: int(end - time.monotonic() * 1000)
                )
                answer = json.dumps(self._handler(json.loads(event), context))
                assert answer == '{"batchItemFailures": []}', answer

        return run


CONTESTANTS: dict[str, Callable[[Setting, ExitStack], Contestant]] = {
    "naive": Naive,
    "ceiling": Ceiling,
    "ours": Ours,
}


@dataclass(frozen=True, slots=True)
class Lane:
    """One contestant's process."""

    pool: ProcessPoolExecutor

    def go(self, load: RecordedLoad, at_once: int = 0) -> LoadRun:
        """Once over the load."""
        return self.pool.submit(_go, load, at_once).result(LONGEST_S)


@contextmanager
def lane(name: str, setting: Setting, log: Path) -> Iterator[Lane]:
    """A process that runs this contestant; what it prints goes to `log`."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawning, _begin, (name, setting, log)) as pool:
        yield Lane(pool)


_running: Contestant
_source: CqlEndpoint
_opened = ExitStack()
"""Closes with the process."""


def _begin(name: str, setting: Setting, log: Path) -> None:
    global _running, _source
    tie(os.getppid())
    with log.open("w") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    _source = setting.source
    _running = CONTESTANTS[name](setting, _opened)


def _go(load: RecordedLoad, at_once: int) -> LoadRun:
    try:
        run = _running.ready(load, at_once)
        received = _received()
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        took = time.perf_counter() - wall, time.process_time() - cpu
    except Exception as error:  # noqa: BLE001 - raised where the caller waits
        # The driver's errors do not pass between processes.
        raise RuntimeError(repr(error)) from None
    return LoadRun(len(load.keys), *took, _received() - received)


def _received() -> int:
    """Bytes that came over this process's connections to the source, as the kernel counts them."""
    found = 0
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr[0] in _source.hosts:
            with socket.socket(fileno=os.dup(connection.fd)) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            found += int.from_bytes(info[_BYTES_RECEIVED], sys.byteorder)
    return found
