"""docs/tutorial.md as it stands: its commands are typed, and what it shows is seen."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from sandbox.parts.launch import tied
from sandbox.tutorial import FOLDER
from tests.demo.commands import Command, processes_of
from tools import places

pytestmark = [pytest.mark.stack, pytest.mark.soak, pytest.mark.timeout(2400)]

PAGE = places.ROOT / "docs" / "tutorial.md"
TYPED_S = 1800.0
STARTS = "-m sandbox.tutorial"
REFUSED = "hintferry preflight --only source"
"""The one command that the page says fails."""


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, and lines of which the page says that they are seen."""

    commands: str
    seen: list[str]


def steps() -> list[Step]:
    found: list[Step] = []
    for kind, body in re.findall(r"^```(bash|text)\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        if kind == "bash":
            found.append(Step(body, []))
        else:
            found[-1].seen.extend(body.splitlines())
    return found


@contextmanager
def first_terminal(command: str) -> Iterator[Command]:
    """bash becomes its last command, so that a signal reaches that."""
    with subprocess.Popen(
        tied("bash", "-c", command),
        cwd=places.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Command(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


def second_terminal(blocks: list[str]) -> tuple[list[str], list[str]]:
    """Return what each block printed, and the commands that failed."""
    script = "trap 'echo \"failed: $BASH_COMMAND\"' ERR\n"
    script += "".join(f"echo '::'\n{block}\n" for block in blocks)
    done = subprocess.run(
        tied("bash", "-c", script),
        cwd=places.ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TYPED_S,
        check=False,
    )
    _, *printed = re.split(r"^::\n", done.stdout, flags=re.M)
    return printed, re.findall(r"^failed: (.*)$", done.stdout, re.M)


def test_the_page_leads_from_a_live_cluster_to_the_end() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    (first,) = (one.commands for one in steps() if STARTS in one.commands)
    typed = [one for one in steps() if one.commands != first]
    with first_terminal(first) as sandbox:
        sandbox.read_until("ready: ")
        printed, failed = second_terminal([one.commands for one in typed])
        assert failed == [REFUSED], "".join(printed)
        for step, output in zip(typed, printed, strict=True):
            rest = " ".join(output.split())
            for line in step.seen:
                _, there, rest = rest.partition(" ".join(line.split()))
                assert there, f"{line!r} is not seen of {step.commands}:\n{output}"
        assert sandbox.interrupt() == 0
    assert processes_of(sandbox.seen) == []
