"""Write what a run leaves behind: report.json, and the logs to follow a failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from sandbox.compare import Difference
from tests.chaos.lanes import Happened
from tests.chaos.oplog import OperationLog
from tests.chaos.verdict import Counts, Demands, Verdict

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    seed: int
    verdict: Verdict
    reasons: Sequence[str]
    counts: Counts
    demands: Demands
    log: OperationLog
    happened: Sequence[Happened]
    differences: Mapping[str, Sequence[Difference]]
    healed: int
    """rows that differed at a first look and no more a moment later"""
    zombies_returned: int
    downtime_s: float | None
    """from the stop of the writers to the cutover of all tables; None where none was cut over"""
    application: int
    """rows that the application wrote to the target after that"""
    seconds: Mapping[str, float]

    def write(self, folder: Path) -> None:
        """Write report.json and, a line each, faults and differences."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._summary(), indent=1, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n")
        _write_lines(folder / "faults.jsonl", map(asdict, self.happened))
        _write_lines(folder / "diff.jsonl", self._diff())

    def __str__(self) -> str:
        counts = self.counts
        lines = [
            f"seed {self.seed}: {self.verdict.value}",
            f"  {counts.statements} statements of {len(counts.kinds)} kinds,"
            f" {sum(counts.faults.values())} faults of {len(counts.faults)} kinds,"
            f" {counts.kills} kills, {counts.hints} hints, {counts.divergent} divergent,"
            f" parked {counts.poison_parked} of {counts.poison} poison records",
            f"  the sweep: {counts.swept.keys} keys, {counts.swept.unequal} unequal",
            *([] if self.downtime_s is None else [self._cut_over()]),
            *(f"  {reason}" for reason in self.reasons),
        ]
        return "\n".join(lines)

    def _cut_over(self) -> str:
        return (
            f"  cut over: every table, downtime {self.downtime_s:.0f} s;"
            f" {self.application} rows of the application, {self.counts.lost} of them lost,"
            f" {self.counts.late_writes} late writes"
        )

    def _summary(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "statements": self.counts.statements,
            "statements in batches": self.log.batched,
            "operations": _by_name(self.counts.kinds),
            "consistency": _by_name(self.log.consistency),
            "failed": dict(self.log.failed),
            "kills": self.counts.kills,
            "faults": _by_name(self.counts.faults),
            "misfired": _by_name(Counter(one.fault for one in self.happened if not one.to)),
            "hints": {"captured": self.counts.captured, "sent again": self.counts.sent_again},
            "functions": [asdict(books) for books in self.counts.books],
            "returned to a replayed payload": self.zombies_returned,
            "poison": self.counts.poison,
            "poison parked": self.counts.poison_parked,
            "parked else": self.counts.parked_else,
            "dropped": self.counts.dropped,
            "divergent": self.counts.divergent,
            "swept": asdict(self.counts.swept),
            "left behind by columns that came back": self.counts.left_behind,
            "healed while looking": self.healed,
            "downtime": self.downtime_s,
            "written by the application": self.application,
            "lost of these": self.counts.lost,
            "late writes": self.counts.late_writes,
            "differences": [asdict(one) for one in self._first_differences()],
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }

    def _first_differences(self) -> list[Difference]:
        return [one for many in self.differences.values() for one in many][:_SHOWN]

    def _diff(self) -> Iterable[dict[str, Any]]:
        for table, differences in self.differences.items():
            yield from ({"table": table} | asdict(one) for one in differences)


def _by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    return {kind.value: count for kind, count in sorted(counts.items(), key=lambda one: -one[1])}


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with path.open("w") as file:
        for line in lines:
            file.write(json.dumps(line, default=_plain, ensure_ascii=False) + "\n")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)
