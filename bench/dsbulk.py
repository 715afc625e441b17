"""DataStax Bulk Loader, the yardstick: unloads a table into CSV files, and loads such files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sandbox.parts.endpoints import CqlEndpoint
from tools import places

VERSION = "1.10.0"
_MAIN = "com.datastax.oss.dsbulk.runner.DataStaxBulkLoader"
_HEAP = "-Xmx1g"


def fetch() -> None:
    """See to it that its jars are there: nothing else needs them, so set-up does not bring them."""
    command = [sys.executable, "-m", "tools.jars", "fetch", "dsbulk"]
    subprocess.run(command, cwd=places.ROOT, check=True, timeout=600)


def command(
    verb: str, endpoint: CqlEndpoint, keyspace: str, table: str, files: Path, logs: Path
) -> list[str]:
    """`verb` is load or unload. The JVM's own defaults, as a user runs it."""
    classes = ":".join(places.classpath("dsbulk").read_text().split())
    hosts = ",".join(f'"{host}"' for host in endpoint.hosts)
    options = {
        "-h": f"[{hosts}]",
        "-port": str(endpoint.port),
        "-k": keyspace,
        "-t": table,
        "-url": str(files),
        "-cl": "LOCAL_QUORUM",
        "-logDir": str(logs),
        "-maxErrors": "0",
    }
    flags = [text for option in options.items() for text in option]
    return [str(places.java()), _HEAP, "-cp", classes, _MAIN, verb, *flags]
