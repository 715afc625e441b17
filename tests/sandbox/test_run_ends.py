"""A test run that is interrupted or killed ends all that it started, also without its source."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.parts.launch import tied
from sandbox.parts.waiting import until
from tools import places

WITHIN_S = 15.0
RUN = """
import subprocess, time
from pathlib import Path

import pytest

from sandbox.chain import Chain
from sandbox.parts.launch import tied
from sandbox.sessions import cassandra_session, create_keyspaces_tables
from sandbox.stack import Stack
from sandbox.command_line import Operator

HERE = Path(__file__).parent
T = "CREATE TABLE ends.t (a int PRIMARY KEY, v text)"


def test_that_stands_still():
    with Stack(root=HERE / "stacks") as stack:
        stack.create_tables("CREATE KEYSPACE ends WITH replication = " + stack.replication,
                            T + " WITH cdc = true")
        single = "CREATE KEYSPACE ends WITH replication = {'class': 'SingleRegionStrategy'}"
        switch = "{'client_side_timestamps': {'status': 'enabled'}}"
        theirs = [single, f"{T} WITH CUSTOM_PROPERTIES = {switch}"]
        create_keyspaces_tables(stack.target, "ends", theirs)
        with cassandra_session(stack.source) as source, Chain(stack, ["ends.t"], HERE / "chain"):
            source.execute("INSERT INTO ends.t (a, v) VALUES (1, 'x')")
            time.sleep(5)
            operator = Operator(stack, HERE)
            with subprocess.Popen(operator.command("verify", "ends.t"),
                                  env=operator.environment) as verify:
                time.sleep(4)
                stack.source_nodes[0].HOW()
                (HERE / "ready").touch()
                verify.wait()
                time.sleep(600)
"""


@pytest.mark.stack
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("how", "source"),
    [(signal.SIGINT, "pause"), (signal.SIGTERM, "kill"), (signal.SIGKILL, "pause")],
)
def test_nothing_of_a_run_is_left(how: signal.Signals, source: str, tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(RUN.replace("HOW", source))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(
            tied(*command, str(places.ROOT / "pyproject.toml"), str(tmp_path)),
            stdout=log,
            stderr=log,
            cwd=places.ROOT,
            env={**os.environ, "PYTHONPATH": f"{places.ROOT}:{places.ROOT / 'cli'}"},
        )
    said = (tmp_path / "log").read_text
    until(lambda: (tmp_path / "ready").exists() or run.poll() is not None, 240, "the run stands")
    assert run.poll() is None, said()
    started = psutil.Process(run.pid).children(recursive=True)
    # Without the source's node there are seven: the servers, their workers and the command.
    assert len(started) >= 7, said()
    began = time.monotonic()
    run.send_signal(how)
    _, alive = psutil.wait_procs([psutil.Process(run.pid), *started], timeout=2 * WITHIN_S)
    took_s = time.monotonic() - began
    left = [one.cmdline()[:4] for one in alive]
    for one in alive:
        one.kill()
    run.wait()
    print(f"{how.name}, source {source}: {len(started)} processes ended in {took_s:.1f} s")
    assert took_s < WITHIN_S, left


STUCK = """
import time
import pytest

@pytest.fixture
def stuck():
    yield
    time.sleep(600)

def test_that_stands_still(stuck):
    print("READY", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_an_interrupted_run_waits_for_no_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import _interrupted")
    (tmp_path / "test_inner.py").write_text(STUCK)
    run = subprocess.Popen(
        tied(sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{places.ROOT}:{places.ROOT / 'cli'}"},
    )
    with run:
        assert run.stdout is not None
        while "READY" not in run.stdout.readline():
            assert run.poll() is None
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(WITHIN_S) == pytest.ExitCode.INTERRUPTED
        print(f"a stuck fixture: ended in {time.monotonic() - began:.1f} s")


def starts() -> Iterator[tuple[str, ast.Call]]:
    """Every place that starts a process that may last."""
    for folder in ("tests", "sandbox", "bench"):
        for path in sorted((places.ROOT / folder).rglob("*.py")):
            if "keyspaces_local/src" in str(path):
                continue
            nodes = ast.walk(ast.parse(path.read_text()))
            for call in (node for node in nodes if isinstance(node, ast.Call)):
                name = ast.unparse(call.func).rpartition(".")[2]
                if name in ("Popen", "create_subprocess_exec"):
                    yield f"{path.relative_to(places.ROOT)}:{call.lineno}", call


def test_every_process_that_is_started_is_tied_to_its_parent() -> None:
    """`tied` itself, or a command line that a function of ours made with it."""
    found = dict(starts())
    assert len(found) > 10
    loose = [
        where
        for where, call in found.items()
        if "tied(" not in ast.unparse(call) and ".command(" not in ast.unparse(call)
    ]
    # The one that forks the sandbox's parts is given a command line that is tied.
    (forker,) = loose
    assert forker.startswith("sandbox/parts/process.py:")
