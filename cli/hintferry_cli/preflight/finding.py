"""What a look at the surroundings found, and what follows for the exit status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hintferry_cli.exits import Status
from hintferry_cli.failures import sentence


class Level(Enum):
    """What a finding means; in order of how much it matters."""

    FAULT = "FAULT"
    """The migration would lose changes, or stop, or cannot begin."""

    UNKNOWN = "could not look"
    QUESTION = "question"
    """Only a person can tell."""

    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """`where`: a node, a table, a side. `mend`: what to run or to decide."""

    level: Level
    where: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The same finding in one place or in many."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """Return the level, which they share."""
        return self.findings[0].level

    @property
    def fixes(self) -> list[str]:
        """Return what mends them, without repeating it."""
        return list(dict.fromkeys(finding.fix for finding in self.findings if finding.fix))


def grouped(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Return the findings that say the same together, the worst first."""
    kinds: dict[tuple[Level, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.level, finding.what), []).append(finding)
    levels = list(Level)
    return sorted(
        (FindingGroup(tuple(alike)) for alike in kinds.values()),
        key=lambda kind: levels.index(kind.level),
    )


def status_of(findings: Iterable[Finding]) -> Status:
    """A fault outweighs what could not be seen."""
    levels = {finding.level for finding in findings}
    if Level.FAULT in levels:
        return Status.NEGATIVE
    return Status.UNAVAILABLE if Level.UNKNOWN in levels else Status.DONE


def from_error(level: Level, where: str, error: Exception) -> Finding:
    """What is wrong, and after a semicolon what to do."""
    what, run, fix = sentence(error).removeprefix(f"{where}: ").partition("; run: ")
    if not run:
        what, _, fix = what.partition("; ")
    return Finding(level, where, what, fix)
