"""The acceptance run against the account on loopback: deployed by the CDK, and gone at its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from acceptance.__main__ import Wall, remove
from acceptance.aws import TAG, AwsAccount
from acceptance.plan import Plan
from acceptance.ports import Done, Refused
from acceptance.questions.order import ORDER_QUESTIONS
from acceptance.run import Cost, refuse, run
from acceptance.steps import Bench, steps
from acceptance.testing import ScriptedClock, ScriptedNode
from hintferry.adapters.config.settings import migration_from
from hintferry.adapters.driver.cql import SOURCE_TABLES
from hintferry_ops.deployed import Stacks
from sandbox.chain import Chain
from sandbox.function import processor_environment
from sandbox.parts.launch import tied
from sandbox.reports import Reports
from sandbox.sessions import create_keyspaces_tables
from sandbox.stack import Stack
from sandbox.workload import KEYSPACE, TABLES, source_ddl, target_ddl
from tests.rehearsal.account import Account
from tools.places import COMMAND, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]

COST = Cost(7.0, 30.0)
PARTS = {
    "alarms", "kafka", "network", "nodes", "order", "pipeline", "source", "sweep", "tables",
}  # fmt: skip


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
        if what == "prepare":
            self._fill_the_bucket()
        if what == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def _fill_the_bucket(self) -> None:
        """Two versions of an object, and one that was deleted: a bucket goes only when empty."""
        s3 = self.there.client("s3")
        bucket = Stacks(migration_from(self.plan.config), self.there.client).queues()["bucket"]
        for text in (b"one", b"two"):
            s3.put_object(Bucket=bucket, Key="nodes/payload.tar", Body=text)
        s3.put_object(Bucket=bucket, Key="nodes/gone", Body=b"")
        s3.delete_object(Bucket=bucket, Key="nodes/gone")

    def run(self, *, keep: bool = False) -> int:
        bench = Bench(self.plan, self.account, self.node, ScriptedClock(), self.said.append)
        return run(bench, steps(self.plan), COST, keep=keep)

    def stacks(self) -> set[str]:
        start = f"{self.plan.name}-"
        names = (name for name in self.there.stacks() if name.startswith(start))
        return {name.removeprefix(start) for name in names}

    def keys(self) -> set[str]:
        """The states of the keys that have the run's tag."""
        kms = self.there.client("kms")
        tagging = self.there.client("resourcegroupstaggingapi")
        found = tagging.get_resources(TagFilters=[{"Key": TAG, "Values": [self.plan.name]}])
        arns = [one["ResourceARN"] for one in found["ResourceTagMappingList"]]
        return {
            kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] for arn in arns if ":kms:" in arn
        }

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
        "stream-partition-delete", *(one.id for one in ORDER_QUESTIONS),
    ]  # fmt: skip
    assert rehearsed.keys() == {"PendingDeletion"}, "KMS keeps a key for 7 days"
    assert "123456789012" not in (rehearsed.plan.folder / "record.json").read_text()


@pytest.mark.soak
def test_a_run_that_was_killed_is_found_and_removed_by_its_name(
    rehearsed: Rehearsed, account: Account
) -> None:
    """What is kept is what a killed run leaves. Nothing of its folder is needed."""
    assert rehearsed.run(keep=True) == 0
    shutil.rmtree(rehearsed.plan.folder)
    other = AwsAccount(account.client, account.environment, poll_s=0.2)
    with pytest.raises(Refused, match=f"{rehearsed.plan.name} was not torn down"):
        refuse(other)
    with pytest.raises(Refused, match="no run acceptance-999999 is in this account"):
        remove(other, "acceptance-999999", print)
    assert remove(other, rehearsed.plan.name, print) == 0


@pytest.mark.soak
def test_a_stop_in_the_middle_removes_everything(rehearsed: Rehearsed) -> None:
    rehearsed.stop_at = "load"
    assert rehearsed.run() == 130
    assert rehearsed.stacks() == set()


class SandboxNode:
    """The node is the sandbox, where capture and the functions run already."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder

    def prepare(self, within_s: float) -> dict[str, object]:
        return {}

    def install_capture(self, within_s: float) -> dict[str, object]:
        return {}

    def run(self, program: Sequence[str], within_s: float) -> Done:
        started = {"hintferry": [str(COMMAND)], "program": [sys.executable, "-m", ON_NODE]}
        folders = (ROOT / one for one in PATHS)
        own = processor_environment(self._stack, self._folder / "functions")
        done = subprocess.run(
            tied(*started[program[0]], *program[1:]),
            cwd=self._folder,
            env={
                **own,
                "AWS_DEFAULT_REGION": self._stack.aws.region,
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, folders)),
            },
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


ON_NODE = "acceptance.on_node"
PATHS = (".", "layers/hintferry/python", "ops", "cli", "sandbox/keyspaces_local/src")


@pytest.mark.stack
@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_every_step_of_a_run_on_the_account_and_on_the_sandbox(
    rehearsed: Rehearsed, stack: Stack, tmp_path: Path
) -> None:
    """AWS's own parts on loopback, and the data between a real Cassandra and keyspaces-local."""
    markers = [one.format(replication=stack.replication) for one in SOURCE_TABLES]
    stack.create_tables(*source_ddl(stack.replication), *markers)
    create_keyspaces_tables(stack.target, KEYSPACE, target_ddl())
    folder = tmp_path / "node"
    folder.mkdir()
    with (
        Chain(stack, TABLES, folder / "functions", on_failure=True) as chain,
        Reports(stack, chain, folder / "guards"),
    ):
        bench = Bench(rehearsed.plan, rehearsed.account, SandboxNode(stack, folder), Wall(), print)
        # Nothing on loopback polls for the mappings that fail: their step would wait in vain.
        taken = [one for one in steps(rehearsed.plan) if one.name != "order"]
        status = run(bench, taken, COST, keep=False)
    tree = rehearsed.record()
    assert {one["name"]: one["problem"] for one in tree["steps"] if one["problem"]} == {}
    assert status == 0
    verdicts = {one["verdict"] for one in tree["questions"]}
    assert verdicts == {"agrees", "open"}
    (replayed,) = (one["found"] for one in tree["steps"] if one["name"] == "replay")
    assert replayed == {"parked": 1, "sent": 1}
