"""Log what was sent to the source and how it ended: a line an operation, and the counts.

A long run sends more than fits into memory, so that nothing but the counts is kept there.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.kinds import Consistency, Kind
from tests.chaos.program import Operation

_SUCCESS = "ok"
NOT_APPLIED = "condition was false"
_REFUSED = {NOT_APPLIED, "InvalidRequest"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation; times are epoch seconds, `end` is ok or an error's name."""

    writer: int
    operation: Operation
    sent_at: float
    ended_at: float
    end: str = _SUCCESS

    @property
    def succeeded(self) -> bool:
        return self.end == _SUCCESS


class OperationLog:
    """Takes the entries of all writers, in order of their ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w")
        self._lock = threading.Lock()
        self.succeeded: Counter[Kind] = Counter()
        """Operations of each kind that the source has acknowledged."""
        self.statements = 0
        """Statements of these, those in batches one by one."""
        self.batched = 0
        """Statements of these that were sent in batches."""
        self.consistency: Counter[Consistency] = Counter()
        self.failed: Counter[str] = Counter()
        self.next = 0
        """The number of an operation behind all that were sent."""

    def add(self, entry: Entry) -> None:
        """Count it and write its line."""
        line = json.dumps(_line(entry), default=str, ensure_ascii=False)
        with self._lock:
            self._file.write(line + "\n")
            self.next = max(self.next, entry.operation.number + 1)
            if entry.succeeded:
                self._count(entry.operation)
            else:
                self.failed[entry.end] += 1

    @property
    def in_doubt(self) -> int:
        """Return how many operations failed that may have changed something."""
        return sum(count for end, count in self.failed.items() if end not in _REFUSED)

    def close(self) -> None:
        """Write what is left."""
        self._file.close()

    def _count(self, operation: Operation) -> None:
        self.succeeded[operation.kind] += 1
        self.consistency[operation.consistency] += 1
        self.statements += len(operation.statements)
        if operation.batch is not None:
            self.batched += len(operation.statements)


def _line(entry: Entry) -> dict[str, Any]:
    operation = entry.operation
    return {
        "sent_at": entry.sent_at,
        "ended_at": entry.ended_at,
        "end": entry.end,
        "writer": entry.writer,
        "number": operation.number,
        "kind": operation.kind.value,
        "consistency": operation.consistency.value,
        "batch": operation.batch,
        "shift_s": operation.shift_s,
        "statements": [[one.cql, repr(one.values)] for one in operation.statements],
    }
