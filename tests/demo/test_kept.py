"""A sandbox that goes on running: what it says can be typed, and Ctrl-C ends all of it."""

from __future__ import annotations

import re
import subprocess

import pytest

from sandbox.parts.launch import tied
from sandbox.parts.waiting import until
from tests.demo.commands import processes_of, running
from tools.places import ROOT

pytestmark = pytest.mark.stack


def shell(script: str) -> str:
    """Return what the script prints when it is typed at the top of the checkout."""
    done = subprocess.run(
        tied("bash", "-ec", script),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def blocks(text: str) -> list[str]:
    """The printed commands: the lines that are indented by four, those of a block together."""
    found = re.findall(r"(?:^    \S.*\n(?:^      .*\n)*)+", text, re.MULTILINE)
    return [block for block in found if ".venv/bin/python" in block]


def test_what_a_kept_demo_prints_can_be_typed_and_ctrl_c_ends_it() -> None:
    with running("sandbox.demo", "--seconds", "3", "--rate", "100", "--keep", "--no-ui") as demo:
        demo.read_until("Ctrl-C here stops it all")
        assert "EQUAL" in demo.seen
        change, see, through, parked = blocks(demo.seen.partition("Everything goes on")[2])
        assert "done" in shell(change)
        until(lambda: "K\n" in shell(see), 120, "the change is on the target")
        # One terminal, whose exported keys the second command uses too.
        answers = shell(through + parked)
        assert "3 row(s)" in answers
        assert "'HTTPStatusCode': 200" in answers
        assert demo.interrupt() == 0
        assert demo.seen.endswith("stopping\n")
    assert processes_of(demo.seen) == []


def test_a_sandbox_by_hand_says_where_its_parts_are_and_ctrl_c_ends_it() -> None:
    with running("sandbox") as sandbox:
        sandbox.read_until("Ctrl-C stops it")
        place = re.search(
            r"Source      Cassandra at (\S+) \(datacenter datacenter1\)", sandbox.seen
        )
        assert place, sandbox.seen
        query = "SELECT data_center FROM system.local"
        assert "datacenter1" in shell(f'.venv/bin/python -m sandbox.cql {place[1]} "{query}"')
        assert sandbox.interrupt() == 0
        assert sandbox.seen.endswith("stopped\n")
    assert processes_of(sandbox.seen) == []
