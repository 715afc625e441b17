"""The acceptance run against the account on loopback: deployed by the CDK, and gone at its end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.aws import AwsAccount
from acceptance.plan import Plan
from acceptance.run import Cost, run
from acceptance.steps import Bench, steps
from acceptance.testing import ScriptedClock, ScriptedNode
from tests.rehearsal.account import Account

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]

COST = Cost(7.0, 30.0)
PARTS = {"alarms", "kafka", "network", "nodes", "pipeline", "source", "sweep", "tables"}


class Rehearsed:
    """A run in the account; `at` says what happens at which call on the node."""

    def __init__(self, account: Account, folder: Path, name: str) -> None:
        self.there = account
        self.account = AwsAccount(account.client, account.environment, poll_s=0.2)
        self.node = ScriptedNode(self._event)
        self.plan = Plan(name, "eu-west-1", 1, folder)
        self.plan.write()
        self.seen: set[str] = set()
        self.said: list[str] = []
        self.stop_at = ""

    def _event(self, what: str) -> None:
        self.seen |= self.stacks()
        if what == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def run(self, *, keep: bool = False) -> int:
        bench = Bench(self.plan, self.account, self.node, ScriptedClock(), self.said.append)
        return run(bench, steps(self.plan), COST, keep=keep)

    def stacks(self) -> set[str]:
        start = f"{self.plan.name}-"
        names = (name for name in self.there.stacks() if name.startswith(start))
        return {name.removeprefix(start) for name in names}

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.plan.folder / "record.json").read_text())
        return found


@pytest.fixture
def rehearsed(account: Account, tmp_path: Path) -> Iterator[Rehearsed]:
    made = Rehearsed(account, tmp_path, "acceptance-0a1b2c")
    yield made
    assert made.account.runs() == []
    assert set(made.account.keyspaces()).isdisjoint({"shop", "hintferry"})


def test_a_run_deploys_everything_and_leaves_nothing(rehearsed: Rehearsed) -> None:
    status = rehearsed.run()
    tree = rehearsed.record()
    assert {one["name"]: one["problem"] for one in tree["steps"] if one["problem"]} == {}
    assert status == 0, rehearsed.said
    assert rehearsed.seen == PARTS
    assert rehearsed.stacks() == set()
    opened = [one["id"] for one in tree["questions"] if one["verdict"] == "open"]
    assert opened == [
        "lag-dimensions", "mapping-dimensions", "stream-first-write", "stream-static",
        "stream-partition-delete",
    ]  # fmt: skip
    assert "123456789012" not in (rehearsed.plan.folder / "record.json").read_text()
