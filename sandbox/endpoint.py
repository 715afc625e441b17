"""Start keyspaces-local alone, with a Cassandra behind it: `python -m sandbox.endpoint`.

It prints `ready HOST:PORT STATE` and runs until its input ends or a signal comes; its data goes
with it. STATE holds `ca.pem` and `credentials.json`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sandbox.parts import cassandra, keyspaces
from sandbox.parts.addresses import claim
from sandbox.parts.cassandra import Node, Ring
from sandbox.parts.endpoints import KeyspacesEndpoint
from sandbox.parts.errors import SandboxError
from sandbox.parts.keyspaces import Keyspaces
from sandbox.parts.launch import tie
from sandbox.parts.release import installed
from tools import places
from tools.releases import DEFAULT

_BEHIND, _ENDPOINT = 3, 4
_PORTS = (
    (_BEHIND, cassandra.PORT),
    (_BEHIND, cassandra.STORAGE_PORT),
    (_ENDPOINT, keyspaces.PORT),
    (_ENDPOINT, keyspaces.CONTROL_PORT),
)


@contextmanager
def running(region: str) -> Iterator[KeyspacesEndpoint]:
    """Yield the endpoint; stop it and remove its data at the end. Raises SandboxError."""
    installed(DEFAULT.version)
    with claim(_PORTS) as block:
        home = places.BUILD / "sandbox" / f"endpoint-{block.number}"
        shutil.rmtree(home, ignore_errors=True)
        host = block.address(_BEHIND)
        node = Node(Ring("target", region, (host,), cdc=False), host, home / "target")
        proxy = Keyspaces(
            block.address(_ENDPOINT), f"{host}:{cassandra.PORT}", region, home / "keyspaces"
        )
        try:
            for part in (node, proxy):
                part.spawn()
                part.wait_ready()
            yield proxy.endpoint
        finally:
            proxy.kill()
            node.kill()
            shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="sandbox.endpoint", description="keyspaces-local alone.")
    parser.add_argument("--region", default="us-east-1", help="the Region that it plays")
    region = parser.parse_args().region
    tie(os.getppid())
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        with running(region) as endpoint:
            print(f"ready {endpoint.host}:{endpoint.port} {endpoint.ca_file.parent}", flush=True)
            sys.stdin.read()
    except KeyboardInterrupt:
        return 0
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
