"""keyspaces-local as a part: the TLS proxy that makes the target Cassandra behave as Keyspaces."""

import json
import sys
from pathlib import Path

from keyspaces_local.control import Control
from sandbox.parts.endpoints import KeyspacesEndpoint
from sandbox.parts.process import Part

PORT = 9142
CONTROL_PORT = 9143
_SOURCES = Path(__file__).parents[1] / "keyspaces_local" / "src"


class Keyspaces(Part):
    """A handle on the proxy; its CA and keys outlive a restart.

    `control` sets faults and capacities and reads meters; a restart forgets what it has set.
    """

    def __init__(self, host: str, backend: str, region: str, home: Path) -> None:
        self.host = host
        self._region = region
        self._state = home / "state"
        command = [sys.executable, "-m", "keyspaces_local", "serve"]
        command += ["--listen", f"{host}:{PORT}", "--backend", backend]
        command += ["--region", region, "--state", str(self._state)]
        command += ["--control", f"{host}:{CONTROL_PORT}"]
        self.control = Control(f"http://{host}:{CONTROL_PORT}")
        environment = {"PYTHONPATH": str(_SOURCES)}
        super().__init__(
            f"keyspaces-local {host}", command, home / "log", r"(?m)^ready", environment=environment
        )

    @property
    def endpoint(self) -> KeyspacesEndpoint:
        """Known once the proxy is ready: it makes its CA and keys when it first starts."""
        keys = json.loads((self._state / "credentials.json").read_text())
        return KeyspacesEndpoint(
            host=self.host,
            port=PORT,
            region=self._region,
            ca_file=self._state / "ca.pem",
            access_key_id=keys["access_key_id"],
            secret_access_key=keys["secret_access_key"],
        )
