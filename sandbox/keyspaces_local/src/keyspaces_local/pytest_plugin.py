"""The fixture `keyspaces_local` for pytest: the endpoint, started before a Cassandra of yours.

Owns the process and its state directory; the Cassandra behind it is the test run's.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keyspaces_local.control import Control
from keyspaces_local.credentials import FILE
from keyspaces_local.tls import CA_FILE

BACKEND = "keyspaces_local_backend"
_HOST, _REGION = "127.0.0.1", "us-east-1"
_READY_SECONDS = 90.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class KeyspacesLocal:
    """The endpoint for a client; `control` sets faults and capacities, and reads meters."""

    host: str
    port: int
    region: str
    ca_file: Path
    access_key_id: str
    secret_access_key: str
    control: Control


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        BACKEND, "HOST:PORT of the Cassandra behind the fixture keyspaces_local",
        default="127.0.0.1:9042",
    )  # fmt: skip


@pytest.fixture(scope="session")
def keyspaces_local(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesLocal]:
    """keyspaces-local before the Cassandra that the setting `keyspaces_local_backend` names."""
    home = tmp_path_factory.mktemp("keyspaces-local")
    port, control = _free_port(), _free_port()
    command = [
        *(sys.executable, "-m", "keyspaces_local", "serve", "--state", str(home)),
        *("--listen", f"{_HOST}:{port}", "--control", f"{_HOST}:{control}"),
        *("--backend", str(pytestconfig.getini(BACKEND)), "--region", _REGION),
        *("--parent", str(os.getpid())),
    ]
    with _running(command, home / "log"):
        keys = json.loads((home / FILE).read_text())
        yield KeyspacesLocal(
            _HOST, port, _REGION, home / CA_FILE,
            keys["access_key_id"], keys["secret_access_key"],
            Control(f"http://{_HOST}:{control}"),
        )  # fmt: skip


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            _await_ready(process, log)
            yield
        finally:
            process.terminate()


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while "ready" not in log.read_text().split():
        if process.poll() is not None or time.monotonic() >= deadline:
            pytest.fail(f"keyspaces-local did not start: {log.read_text().strip()}", pytrace=False)
        time.sleep(_POLL_SECONDS)
