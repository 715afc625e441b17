"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tools import places


def described() -> dict[str, Any]:
    """Describe the machine, so that a reader can judge the results."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "driver": version("cassandra-driver"),
        "cassandra": _jar("cassandra", "cassandra-all"),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")


def _jar(name: str, artifact: str) -> str:
    """The version of a jar of this list."""
    paths = places.classpath(name).read_text().split()
    return next(Path(path).parent.name for path in paths if f"/{artifact}/" in path)
