"""Is there room for a sandbox? Sizes are resident megabytes under load, as measured, rounded up."""

from pathlib import Path

from sandbox.parts.errors import SandboxError

_CASSANDRA_MB = 900
_CONNECTOR_MB = 350
_THE_REST_MB = 900  # Kafka, the AWS endpoint, keyspaces-local, functions


def check(nodes: int, meminfo: Path = Path("/proc/meminfo")) -> None:
    """SandboxError when the machine has too little free memory for `nodes` source nodes."""
    need = _CASSANDRA_MB * (nodes + 1) + _CONNECTOR_MB * nodes + _THE_REST_MB
    free = _available_mb(meminfo)
    if free < need:
        raise SandboxError(
            f"A sandbox with {nodes} source node(s) needs {need / 1024:.1f} GB of free memory and"
            f" this machine has {free / 1024:.1f} GB; close something and start again."
        )


def _available_mb(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise SandboxError(f"{meminfo} does not tell the free memory; the sandbox needs Linux.")
