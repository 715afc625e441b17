"""Collect what the function says about itself while it runs.

Reads the lines that the function prints: metrics in the embedded metric format, and one JSON log
line a batch. Knows nothing of how they are shown.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_COUNTS = {
    "HintsReceived": "hints",
    "HintsApplied": "applied",
    "HintsSkipped": "skipped",
    "HintsParked": "parked",
    "HintsReturned": "returned",
}
OUTCOMES = ("applied", "skipped", "parked", "returned")


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the beginning. `tables` is table → outcome → hints."""

    hints: int = 0
    applied: int = 0
    skipped: int = 0
    parked: int = 0
    returned: int = 0
    tables: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    freshness_ms: Sequence[float] = ()
    """Milliseconds from the broker's append of a hint to the acknowledged write."""

    @property
    def conserved(self) -> bool:
        """Return whether each hint that came in has ended in exactly one way."""
        return self.hints == self.applied + self.skipped + self.parked + self.returned


class Figures:
    """Fed by any thread, line by line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._tables: dict[str, Counter[str]] = {}
        self._freshness_ms: list[float] = []

    @property
    def totals(self) -> Totals:
        """The counts so far."""
        with self._lock:
            tables = {name: dict(counts) for name, counts in sorted(self._tables.items())}
            return Totals(**self._counts, tables=tables, freshness_ms=tuple(self._freshness_ms))

    def line(self, line: str) -> None:
        """Take one line of the function's output; what is neither metric nor batch is passed by."""
        if not line.startswith("{"):
            return
        try:
            said = json.loads(line)
        except ValueError:
            return
        if "_aws" in said:
            self._metrics(said)
        elif said.get("message") == "batch":
            self._batch(said.get("tables", {}))

    def _metrics(self, said: dict[str, Any]) -> None:
        with self._lock:
            for name, count in _COUNTS.items():
                self._counts[count] += int(sum(said.get(name, ())))
            self._freshness_ms += said.get("Freshness", ())

    def _batch(self, tables: dict[str, dict[str, int]]) -> None:
        with self._lock:
            for table, outcomes in tables.items():
                self._tables.setdefault(table, Counter()).update(outcomes)
