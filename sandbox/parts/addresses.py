"""A block of loopback addresses for each sandbox, so that several run side by side.

The block 127.77.N.* is held by a lock on a file: a crash frees it.
"""

import errno
import fcntl
import os
import random
import socket
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.parts.errors import SandboxError
from tools import places

_BLOCKS = range(1, 251)
_TRIES_BEFORE_BLAMING_THE_PORT = 3
_OWN_PORTS = range(20_000, 32_768)
"""The ports below Linux's own choice for outgoing connections (net.ipv4.ip_local_port_range)."""


class Block:
    """A claimed block; use as a context manager, or call `release`."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock = lock

    def address(self, part: int) -> str:
        return f"127.77.{self.number}.{part}"

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def claim(ports: Iterable[tuple[int, int]], locks: Path | None = None) -> Block:
    """The first free block whose ports (last number of the address, port) can all be bound.

    SandboxError names a port that another program holds on every address.
    """
    folder = locks or places.cache() / "sandboxes"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = tuple(ports)
    blocked = 0
    for number in _BLOCKS:
        lock = _lock(folder / f"{number}.lock")
        if lock is None:
            continue
        block = Block(number, lock)
        busy = next((port for part, port in wanted if not _free(block.address(part), port)), None)
        if busy is None:
            return block
        block.release()
        blocked += 1
        if blocked == _TRIES_BEFORE_BLAMING_THE_PORT:
            raise SandboxError(
                f"Port {busy} is held by another program on every loopback address;"
                f" find it with `ss -ltnp sport = :{busy}`, stop it, and start again."
            )
    raise SandboxError(f"All {len(_BLOCKS)} sandboxes of this user are taken; stop one of them.")


def free_port(host: str) -> int:
    """Return a port that nobody holds, and that the system gives to no outgoing connection.

    Else such a connection could take the port while the part that listens on it is down.
    """
    ports = random.sample(_OWN_PORTS, len(_OWN_PORTS))
    port = next((port for port in ports if _free(host, port)), None)
    if port is None:
        raise SandboxError(f"All ports of {host} below {_OWN_PORTS.stop} are taken.")
    return port


def _lock(path: Path) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise SandboxError(
                f"{host} cannot be used ({error.strerror}); the sandbox needs Linux,"
                " where all of 127.0.0.0/8 is the machine itself."
            ) from error
    return True
