"""The verdict of a run: `report.json` and the sentences for people."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sandbox.compare import Comparison, Difference
from sandbox.demo.freshness import percentile
from sandbox.demo.statistics import Totals
from sandbox.workload import Kind
from tools import places

_JARS = {
    "cassandra": ("cassandra", "cassandra-all"),
    "kafka": ("kafka", "kafka_2.13"),
    "debezium": ("connector", "debezium-connector-cassandra-5"),
}
_WHEELS = ("awslambdaric", "cassandra-driver", "aws-lambda-powertools", "moto")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Result:
    """All that a run has found out. `freshness_ms` are the probes' values, `seconds` the whole."""

    totals: Totals
    comparisons: tuple[Comparison, ...]
    missing_kinds: tuple[Kind, ...]
    obstacles: tuple[str, ...]
    """What went wrong on the way, each a sentence."""
    freshness_ms: Sequence[float]
    seconds: float

    @property
    def divergent(self) -> int:
        """Keys that are not the same on both sides."""
        return sum(len(comparison.differences) for comparison in self.comparisons)

    @property
    def failures(self) -> tuple[str, ...]:
        """Every reason why this run proves nothing, or the opposite; none means success."""
        reasons = list(self.obstacles)
        if self.divergent:
            reasons.append(f"Rows that are not the same on both sides: {self.divergent}.")
        if not any(comparison.rows_source for comparison in self.comparisons):
            reasons.append("The source holds no rows, so there was nothing to compare.")
        if self.missing_kinds:
            names = ", ".join(kind.value for kind in self.missing_kinds)
            reasons.append(f"These kinds of statement never succeeded on the source: {names}.")
        if not self.totals.conserved:
            reasons.append("The function's counts do not add up: a hint has no outcome, or two.")
        return tuple(reasons)

    def summary(self) -> str:
        """The counts and the freshness in two lines."""
        totals = self.totals
        p50, p99 = percentile(self.freshness_ms, 50), percentile(self.freshness_ms, 99)
        return (
            f"Hints {totals.hints}: applied {totals.applied}, skipped {totals.skipped},"
            f" parked {totals.parked}, returned {totals.returned}\n"
            f"Freshness, source write to visible on the target: p50 {_rounded(p50)} ms,"
            f" p99 {_rounded(p99)} ms of {len(self.freshness_ms)} probes"
        )

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._json(), indent=2) + "\n")

    def _json(self) -> dict[str, object]:
        return {
            "hints": self.totals.hints,
            "applied": self.totals.applied,
            "skipped": self.totals.skipped,
            "parked": self.totals.parked,
            "returned": self.totals.returned,
            "rows_source": sum(comparison.rows_source for comparison in self.comparisons),
            "rows_target": sum(comparison.rows_target for comparison in self.comparisons),
            "divergent": self.divergent,
            "freshness_ms": {
                "p50": _rounded(percentile(self.freshness_ms, 50)),
                "p99": _rounded(percentile(self.freshness_ms, 99)),
            },
            "seconds": round(self.seconds, 1),
            "versions": versions(),
        }


def explain(comparison: Comparison) -> list[str]:
    """One line for the table, and the first few differences."""
    lines = [
        f"{comparison.table:<15} {comparison.rows_source:>6} rows, on the target"
        f" {comparison.rows_target:>6}: {comparison.missing} missing, {comparison.extra} too many,"
        f" {comparison.differing} different"
    ]
    return lines + [_explained(difference) for difference in comparison.differences[:_SHOWN]]


def versions() -> dict[str, str]:
    """Return the versions of what the run used."""
    found = {name: _jar_version(*place) for name, place in _JARS.items()}
    found["python"] = platform.python_version()
    return found | {wheel: version(wheel) for wheel in _WHEELS}


def _explained(difference: Difference) -> str:
    source = difference.source or "no such row"
    target = difference.target or "no such row"
    return f"    {difference.key}\n      source: {source}\n      target: {target}"


def _jar_version(class_path: str, artifact: str) -> str:
    jars = places.classpath(class_path).read_text()
    found = re.search(rf"/{re.escape(artifact)}-([^/]+)\.jar", jars)
    return found[1] if found else "unknown"


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
