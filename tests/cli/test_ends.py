"""A command that is interrupted or killed ends all that it started, also without its source."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import psutil
import pytest

from hintferry_cli import app
from sandbox.parts.launch import tied
from sandbox.parts.waiting import until
from tools import places

pytestmark = pytest.mark.slow

WITHIN_S = 15.0
CONFIG = """\
[source]
contact_points = ["127.0.0.1"]
port = {port}
datacenter = "dc"

[target]
endpoint = "127.0.0.1"
port = {port}
region = "us-east-1"

[capture]
topic_prefix = "hintferry"

[tables."shop.orders"]
"""
PLACES = (
    " --parked-queue-url http://127.0.0.1:1/p --replay-queue-url http://127.0.0.1:1/r --bucket b"
)
SWEEP = """\
import pathlib, sys, time
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import WHOLE_RING
from hintferry.core.verdict import VerifySums
from hintferry.sweep.task import Task
from hintferry_cli import app
from hintferry_cli.sweep import bookmark
from hintferry_cli.sweep.run import Run
from hintferry_cli.sweep.state import RunState
from hintferry_cli.sweep.task import Order
import signal
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(one, app._interrupted)
folder, config = map(pathlib.Path, sys.argv[1:])
task = Task(Verb.VERIFY, TableId("shop", "orders"), workers=2)
mark = bookmark.begun(folder, task, WHOLE_RING.halves(), None)
for _ in Run(Order(task, config), mark, RunState(VerifySums(), None), 2).steps():
    pass
"""
"""A run past its first checks: its workers connect to a source that takes them in and is silent."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)


@dataclass(frozen=True)
class Silence:
    """Takes connections and never answers, as a stopped process does; `config` names it."""

    config: Path
    taken: list[socket.socket]


@pytest.fixture
def silence(tmp_path: Path) -> Iterator[Silence]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        made = Silence(tmp_path / "migration.toml", [])
        made.config.write_text(CONFIG.format(port=server.getsockname()[1]))
        Thread(target=_take, args=[server, made.taken], daemon=True).start()
        yield made
        server.shutdown(socket.SHUT_RDWR)
        for one in made.taken:
            one.close()


def _take(server: socket.socket, taken: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            taken.append(server.accept()[0])


def ended_after_s(
    run: subprocess.Popen[str], how: signal.Signals, silence: Silence, children: int
) -> float:
    """Seconds from the signal to the end of the last process, each of which waits for a side."""
    root = psutil.Process(run.pid)
    until(lambda: len(silence.taken) >= max(1, children), 60, "it connects")
    assert len(root.children(recursive=True)) >= children
    everything = [root, *root.children(recursive=True)]
    began = time.monotonic()
    run.send_signal(how)
    _, errors = run.communicate(timeout=WITHIN_S)
    assert "Traceback" not in errors or children, errors
    _, alive = psutil.wait_procs(everything, timeout=max(0.0, began + WITHIN_S - time.monotonic()))
    for one in alive:
        one.kill()
    assert not alive
    return time.monotonic() - began


@pytest.mark.parametrize("how", SIGNALS)
def test_the_workers_of_a_sweep_end_with_it(
    how: signal.Signals, silence: Silence, tmp_path: Path
) -> None:
    run = subprocess.Popen(
        tied(sys.executable, "-c", SWEEP, str(tmp_path), str(silence.config)),
        stderr=subprocess.PIPE,
        text=True,
        cwd=places.ROOT,
    )
    took_s = ended_after_s(run, how, silence, children=2)
    print(f"{how.name}: all ended in {took_s:.1f} s")


@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("verb", ["verify shop.orders", f"status {PLACES}", "preflight"])
def test_a_command_that_waits_for_its_source_ends(
    verb: str, how: signal.Signals, silence: Silence, tmp_path: Path
) -> None:
    run = subprocess.Popen(
        tied(str(places.COMMAND), *verb.split(), "--config", str(silence.config)),
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"AWS_DEFAULT_REGION": "us-east-1"},
    )
    took_s = ended_after_s(run, how, silence, children=0)
    print(f"{verb}, {how.name}: ended in {took_s:.1f} s")


def test_the_command_gives_up_before_the_bound() -> None:
    assert app.ENDS_WITHIN_S < WITHIN_S - 5
