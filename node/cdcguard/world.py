"""Do what the guard does beyond the disk."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import Optional

from node.cdcguard.settings import Settings

# `Count = 12` of `nodetool sjk mx`.
COUNT = re.compile(r"^\s*(?:Count\s*[:=]?\s*)?(\d+)\s*$", re.M)
# `ID                     : 8d5ed9f4-...` of `nodetool info`.
HOST_ID = re.compile(r"^ID\s*:\s*([0-9a-f-]{36})\s*$", re.M)


class World:
    """Reach clock, connector, nodetool and the receiver of metrics; the tests have their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> float:
        return time.time()

    def healthy(self) -> bool:
        try:
            with contextlib.closing(
                urllib.request.urlopen(self._settings.health_url, timeout=5)
            ) as answer:
                return bool(answer.getcode() == 200)
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def pid(self) -> int:
        """Return the process id of the connector; 0 when it does not run."""
        text = self._output("systemctl", "show", "-p", "MainPID", self._settings.connector_unit)
        match = re.search(r"MainPID=(\d+)", text)
        return int(match.group(1)) if match else 0

    def restart(self, hard: bool) -> bool:
        """Stop the connector, `hard` with SIGKILL; systemd starts it again.

        The connector's own user may do that. Return False when it does not run.
        """
        pid = self.pid()
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
        return True

    def host_id(self) -> str:
        """Return the node's host id; empty if nodetool does not show it."""
        if not self._settings.nodetool:
            return ""
        match = HOST_ID.search(self._output(*self._settings.nodetool.split(), "info"))
        return match.group(1) if match else ""

    def count(self, bean: str) -> Optional[int]:
        """Return the count of one of Cassandra's metrics, or None (before 4.0)."""
        if not self._settings.nodetool:
            return None
        command = self._settings.nodetool.split()
        match = COUNT.search(self._output(*command, "sjk", "mx", "-b", bean, "-mg", "-f", "Count"))
        return int(match.group(1)) if match else None

    def send(self, document: str) -> None:
        """Send a report to the CloudWatch agent on this node, if there is one."""
        host, _, port = self._settings.emf.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(document.encode(), (host, int(port)))
            except OSError as error:
                print(f"WARNING: the metrics were not sent: {error}")

    def volume_free(self) -> int:
        volume = os.statvfs(self._settings.cdc_raw)
        return int(volume.f_bavail * volume.f_frsize)

    @staticmethod
    def _output(*command: str) -> str:
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode(errors="replace")
