"""An account and a node that answer from a script, and a clock that does not wait."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from acceptance.ports import Done, Say
from acceptance.questions.comparison import assumed
from sandbox.workload import TABLES

Event = Callable[[str], None]


def nothing(_what: str) -> None:
    """Let what happens happen."""


class ScriptedClock:
    """Time passes where somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """Return the seconds that were slept."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.seconds += seconds


class ScriptedAccount:
    """An account in which a run finds what `there` says; `event` hears of each call first."""

    def __init__(self, event: Event = nothing) -> None:
        self.event = event
        self.there: list[str] = []
        """Names of runs that have something in the account."""

        self.known_keyspaces: list[str] = []
        self.findings: list[Mapping[str, str]] = []
        self.preflight_status = 0
        self.deploy_status = 0
        self.stays: list[str] = []
        self.known_metrics: dict[str, object] = {}
        self.known_order: dict[str, object] = {}

    def runs(self) -> Sequence[str]:
        """Return what is there."""
        return self.there

    def keyspaces(self) -> Sequence[str]:
        """Return the known ones."""
        return self.known_keyspaces

    def check(self, config: Path) -> Done:
        """Return the findings, as `hintferry preflight` prints them."""
        self.event("check")
        return Done(self.preflight_status, json.dumps({"findings": self.findings}))

    def deploy(self, config: Path, within_s: float) -> Done:
        """Let the run be there, also where the deploy fails."""
        self.there.append(config.parent.name)
        self.event("deploy")
        return Done(self.deploy_status, "", "the service had a bad moment")

    def metrics(self, config: Path) -> Mapping[str, object]:
        """Return the known answers."""
        return self.known_metrics

    def order(self, config: Path) -> Mapping[str, object]:
        """Return the known answers."""
        self.event("order")
        return self.known_order

    def remove(self, name: str, within_s: float, say: Say) -> Sequence[str]:
        """Remove the run, or leave what `stays` says."""
        self.event("remove")
        if not self.stays:
            self.there.remove(name)
        return self.stays


class ScriptedNode:
    """A node on which every program does what it is for, unless `answers` says otherwise."""

    def __init__(self, event: Event = nothing) -> None:
        self.event = event
        self.ran: list[list[str]] = []
        self.parked = 0
        self.parks_again = False
        """Whether a replayed record is parked again."""

        self.answers: dict[str, Done] = {}
        """What a program answers instead, by its verb."""

    def prepare(self, within_s: float) -> Mapping[str, object]:
        """Do nothing."""
        self.event("prepare")
        return {"MiB": 1}

    def install_capture(self, within_s: float) -> Mapping[str, object]:
        """Do nothing."""
        self.event("capture")
        return {}

    def run(self, program: Sequence[str], within_s: float) -> Done:
        """Answer as the program does where all is well."""
        self.ran.append(list(program))
        verb = program[1]
        self.event(verb)
        return self.answers.get(verb) or Done(0, json.dumps(self._answer(verb, program)))

    def _answer(self, verb: str, program: Sequence[str]) -> Mapping[str, Any]:
        if verb == "large":
            self.parked = 1
        if verb == "replay":
            found = self.parked
            stays = self.parks_again or "--dry-run" in program
            self.parked = found if stays else 0
            return {"total": {"sent": found}}
        passed = [{"table": table, "keys": 3, "seconds": 1.0} for table in TABLES]
        fixed: dict[str, Mapping[str, Any]] = {
            "tables": {"tables": list(TABLES)},
            "load": {"mutations": 9, "refused": {}, "kinds": 9, "missing": []},
            "backfill": {"tables": passed},
            "verify": {"tables": passed},
            "cutover": {"downtime_seconds": 70.0},
            "questions": assumed(),
        }
        return fixed.get(verb, {})
