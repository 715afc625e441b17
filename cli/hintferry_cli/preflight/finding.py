"""Define what `preflight` finds, and the exit status that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hintferry_cli.exits import Status
from hintferry_cli.failures import sentence


class Level(Enum):
    """Rank a finding, the worst first."""

    FAULT = "FAULT"
    """The migration would lose changes, or stop, or cannot begin."""

    UNKNOWN = "could not check"
    QUESTION = "question"
    """Only a person can tell."""

    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `where` is a node, a table or a side, `fix` what to run or to decide."""

    level: Level
    where: str
    what: str
    fix: str
    cql: tuple[str, ...] = ()
    """The statements that fix it, without a semicolon: for the target where `where` is that."""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The same finding of one place or of many."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """Return the level, which they share."""
        return self.findings[0].level

    @property
    def fixes(self) -> list[str]:
        """Return the fixes, each once."""
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
    """Return the exit status; a fault outweighs what could not be checked."""
    levels = {finding.level for finding in findings}
    if Level.FAULT in levels:
        return Status.NEGATIVE
    return Status.UNAVAILABLE if Level.UNKNOWN in levels else Status.DONE


def from_error(level: Level, where: str, error: Exception) -> Finding:
    """Split the sentence of an error into what is wrong and what to do."""
    what, run, fix = sentence(error).removeprefix(f"{where}: ").partition("; run: ")
    if not run:
        what, _, fix = what.partition("; ")
    return Finding(level, where, what, fix, (fix,) if run and where == "target" else ())
