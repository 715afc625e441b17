"""The functions' own figures, from the lines they printed: are their books in order?"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"\d+(\.\d+)*")
_RECEIVED = "HintsReceived"
_ENDS = {
    "HintsApplied": "applied",
    "HintsSkipped": "skipped",
    "HintsParked": "parked",
    "HintsReturned": "returned",
}


@dataclass(frozen=True, slots=True)
class Books:
    """Records that one function received, and how they ended, over all batches that ended."""

    function: str
    batches: int
    received: int
    ends: dict[str, int]
    unbalanced: tuple[str, ...]
    """batches whose ends do not add up to what they received"""
    returned_because: dict[str, int]

    @property
    def settled(self) -> int:
        """Records that will not come again."""
        return self.received - self.ends.get("returned", 0)


def read(directory: Path) -> list[Books]:
    """The books of every function that logs into `directory`, one `NAME-*.log` an environment."""
    names = sorted({path.stem.partition("-")[0] for path in directory.glob("*.log")})
    return [_books(name, sorted(directory.glob(f"{name}*.log"))) for name in names]


def _books(function: str, logs: list[Path]) -> Books:
    batches = 0
    received = 0
    ends: Counter[str] = Counter()
    because: Counter[str] = Counter()
    unbalanced = []
    for said in (said for log in logs for said in _lines(log)):
        because.update(_alike(said.get("returned_because", {})))
        if _RECEIVED not in said:
            continue
        batches += 1
        count = _sum(said, _RECEIVED)
        ended = {end: _sum(said, metric) for metric, end in _ENDS.items()}
        received += count
        ends.update(ended)
        if count != sum(ended.values()):
            unbalanced.append(f"{function} received {count}, ended {ended}")
    return Books(function, batches, received, dict(ends), tuple(unbalanced), dict(because))


def _alike(because: dict[str, int]) -> Counter[str]:
    """Reasons that differ only in numbers are one."""
    alike: Counter[str] = Counter()
    for reason, count in because.items():
        alike[_NUMBER.sub("N", reason)] += count
    return alike


def _lines(log: Path) -> list[dict[str, Any]]:
    """The JSON lines; a worker that is killed may leave half of one."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and line.endswith("}"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def _sum(said: dict[str, Any], metric: str) -> int:
    return int(sum(said.get(metric, ())))
