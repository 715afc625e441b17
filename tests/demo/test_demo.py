"""The demo as people run it: it proves equality, it notices loss, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from sandbox.parts.launch import tied
from tests.demo.commands import processes_of, running
from tests.machine import slowness
from tools.places import BUILD, ROOT

pytestmark = pytest.mark.stack

REPORT = BUILD / "demo" / "report.json"
OTHERS = 0.25
"""With more of the processors in others' hands the figures say nothing of the pipeline."""
TOO_SLOW = 1.5
COMMAND = ["sandbox.demo"]
RATE = 100.0


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        tied(sys.executable, "-m", *COMMAND, *arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended well, the share of the processors that others took meanwhile, and how slow
    the machine was before or after it."""

    output: str
    report: dict[str, Any]
    others: float
    slowness: float


@pytest.fixture(scope="module")
def run() -> Run:
    """At the rate and for the time of the promised figures, without a terminal."""
    slow = slowness()
    began, busy, stack_s = time.monotonic(), _busy_s(), _stack_s()
    done = demo("--seconds", "20", "--rate", str(120 / slow))
    assert done.returncode == 0, done.stdout + done.stderr
    others = (_busy_s() - busy) - (_stack_s() - stack_s)
    share = others / (time.monotonic() - began) / (os.cpu_count() or 1)
    return Run(done.stdout, json.loads(REPORT.read_text()), share, max(slow, slowness()))


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _stack_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_both_sides_are_equal_after_a_load_of_every_kind(run: Run) -> None:
    report = run.report
    assert report["divergent"] == 0
    assert report["rows_source"] == report["rows_target"] > 200 / run.slowness
    outcomes = ("applied", "skipped", "parked", "returned")
    assert report["hints"] == sum(report[outcome] for outcome in outcomes) > 500 / run.slowness
    assert processes_of(run.output) == []


def test_without_a_terminal_it_prints_plain_lines(run: Run) -> None:
    assert re.search(r"(?m)^ +\d+\.\d s +\d+ mutations/s .* freshness p50/p99 \d", run.output)
    assert not re.search("[\x1b│╭]", run.output)


def test_it_keeps_to_the_figures_that_are_promised_for_two_cores(run: Run) -> None:
    if run.others > OTHERS:
        pytest.skip(f"other programs took {run.others:.0%} of the processors meanwhile")
    if run.slowness > TOO_SLOW:
        pytest.skip(f"the processors are slow: a loop takes {run.slowness:.1f} times as long")
    # Each line tells of the last five seconds.
    rates = [int(rate) for rate in re.findall(r"(\d+) mutations/s", run.output)]
    assert max(rates) >= 100
    assert run.report["freshness_ms"]["p50"] < 700
    assert run.report["seconds"] < 120


def test_three_nodes_end_equal_too() -> None:
    """Where every mutation is hinted three times. On a slow machine with fewer of them at a time:
    what the source itself is too slow for would never be written."""
    slow = slowness()
    done = demo("--no-ui", "--nodes", "3", "--seconds", str(10 * slow), "--rate", str(RATE / slow))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(REPORT.read_text())
    assert report["divergent"] == 0
    assert report["hints"] > 1500 / slow
    assert processes_of(done.stdout) == []


def test_what_the_stock_connector_loses_is_noticed() -> None:
    done = demo("--no-ui", "--seconds", "4", "--rate", str(RATE), "--capture", "stock")
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(REPORT.read_text())["divergent"] > 0
    assert "FAILED" in done.stdout


def test_an_interrupt_in_mid_load_leaves_no_process() -> None:
    with running(*COMMAND, "--no-ui", "--seconds", "60") as demo:
        demo.read_until("mutations/s")
        assert demo.interrupt() == 130, demo.seen
    assert processes_of(demo.seen) == []
