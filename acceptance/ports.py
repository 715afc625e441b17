"""The edges of a run: the account that it deploys into, and the node that it works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hintferry.core.errors import HintferryError

Say = Callable[[str], None]


class Refused(HintferryError):
    """The run cannot begin, and nothing was made; the message says what to do."""


class StepFailed(HintferryError):
    """A step did not do what it is for; the message says what it saw."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    status: int
    out: str
    err: str = ""


class Account(Protocol):
    """Hold an AWS account in one Region. Methods raise boto3's errors."""

    def runs(self) -> Sequence[str]:
        """Return the names of the runs of which a stack, a queue or a bucket is there."""

    def keyspaces(self) -> Sequence[str]:
        """Return the keyspaces on Amazon Keyspaces that are not the service's own."""

    def check(self, config: Path) -> Done:
        """Run `hintferry preflight --only account`."""

    def deploy(self, config: Path, within_s: float) -> Done:
        """Deploy all stacks of this configuration."""

    def remove(self, name: str, within_s: float, say: Say) -> Sequence[str]:
        """Remove everything that has the run's name, and return what stays."""

    def metrics(self, config: Path) -> Mapping[str, object]:
        """Return what CloudWatch answers to the questions about its metrics, by id."""

    def order(self, config: Path) -> Mapping[str, object]:
        """Return what the mappings that fail on purpose answer so far, by id."""


class Node(Protocol):
    """Hold the machine with Cassandra, on which the programs run."""

    def prepare(self, within_s: float) -> Mapping[str, object]:
        """Install Cassandra and our programs, and wait until Cassandra answers."""

    def install_capture(self, within_s: float) -> Mapping[str, object]:
        """Install capture with the SSM document of the pipeline."""

    def run(self, program: Sequence[str], within_s: float) -> Done:
        """Run `hintferry …` or `program …` (`acceptance.on_node`) on the node."""
