"""One command, measured: its time, its CPU and that of the servers, its memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox.parts.launch import tied

LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """`own_cpu_s`: of the command and its children; `peak_mb`: of the largest of them."""

    wall_s: float
    own_cpu_s: float
    peak_mb: float
    servers_cpu_s: dict[str, float]

    def figures(self, rows: int) -> dict[str, Any]:
        """Return the results of a pass, with rows/s and CPU for each 1,000 rows."""
        servers = sum(self.servers_cpu_s.values())
        return asdict(self) | {
            "rows_per_s": round(rows / self.wall_s),
            "own_cpu_ms_per_1000_rows": round(self.own_cpu_s * 1e6 / rows, 2),
            "servers_cpu_ms_per_1000_rows": round(servers * 1e6 / rows, 2),
            "rows_per_own_cpu_s": round(rows / self.own_cpu_s),
        }

    def __add__(self, other: ProcessUse) -> ProcessUse:
        """One after the other."""
        servers = {
            name: self.servers_cpu_s.get(name, 0.0) + other.servers_cpu_s.get(name, 0.0)
            for name in {**self.servers_cpu_s, **other.servers_cpu_s}
        }
        return ProcessUse(
            round(self.wall_s + other.wall_s, 2),
            round(self.own_cpu_s + other.own_cpu_s, 2),
            max(self.peak_mb, other.peak_mb),
            {name: round(seconds, 2) for name, seconds in servers.items()},
        )


def measured(
    command: Sequence[str], servers: Mapping[str, int], log: Path, environment: Mapping[str, str]
) -> ProcessUse:
    """Run it to its end; `servers` are process ids by name. Raises RuntimeError where it fails."""
    before = {name: cpu_s(pid) for name, pid in servers.items()}
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            tied(*command), stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        # wait4 tells what the children of the command took, too; so nothing else may wait for it.
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - began > LONGEST_S:
                process.kill()
            time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed: {log.read_text()[-3000:]}")
    return ProcessUse(
        round(time.monotonic() - began, 2),
        round(usage.ru_utime + usage.ru_stime, 2),
        round(usage.ru_maxrss / 1024, 1),
        {name: round(cpu_s(pid) - before[name], 2) for name, pid in servers.items()},
    )


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process (all its threads) has used so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
