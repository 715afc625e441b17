"""`hintferry verify`, killed again and again: no row may be missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil

from bench import machine
from bench.sweep import KEYSPACE, ROWS, ROWS_PER_PARTITION, filled
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import plan_ranges
from hintferry.sweep.task import Task
from hintferry_cli.sweep.bookmark import begun
from sandbox.workbench import Workbench
from tools import places

KILLS, RANGES = 20, 600
DAMAGED = 3
"""Partitions that the target lacks while the walker is killed."""


def measure(size: int | None) -> dict[str, Any]:
    """Kill it, and see what the last run says of all rows; `size` of them."""
    rows, about = size or ROWS, machine.described()
    with filled(places.BUILD / "bench" / "kills", rows) as (_, bench, _):
        bench.run("backfill", f"{KEYSPACE}.orders")
        killed = _killed(bench, rows)
    return {"when": f"{datetime.now(UTC):%Y-%m-%d}", "machine": about, "rows": rows, **killed}


def _killed(bench: Workbench, rows: int) -> dict[str, Any]:
    """Kill a verify again and again; what the last run then says of all rows."""
    random = Random(11)
    lost = random.sample(range(rows // ROWS_PER_PARTITION), DAMAGED)
    for customer in lost:
        bench.behind.execute(f"DELETE FROM {KEYSPACE}.orders WHERE customer = {customer}")
    # Many ranges, so that a kill finds some done and some not.
    task = Task(Verb.VERIFY, TableId(KEYSPACE, "orders"))
    begun(bench.folder / "bookmarks", task, plan_ranges([], RANGES), None)
    done = [_kill(bench, number, random) for number in range(KILLS)]
    answer = bench.run("verify", f"{KEYSPACE}.orders")
    assert answer["unfinished"] is None, answer
    expected = {"missing": DAMAGED * ROWS_PER_PARTITION, "different": 0, "extra": 0, "unread": 0}
    expected["equal"] = rows - expected["missing"]
    found = {name: answer[name] for name in expected}
    assert found == expected, f"found {found}, expected {expected}"
    return {"times": KILLS, "ranges_done_at_kills": done, "found": found, "rows_missed": 0}


def _kill(bench: Workbench, number: int, random: Random) -> int:
    """One run, killed (-9) while ranges are left; how many were done by then."""
    bookmark = bench.folder / "bookmarks" / f"verify-{KEYSPACE}.orders.json"
    before, total = _progress(bookmark)
    quota = total * (number + 1) // (KILLS + 2)
    run = subprocess.Popen(
        bench.command("verify", f"{KEYSPACE}.orders"),
        env={**os.environ, **bench.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + (60.0 if before <= quota else random.uniform(0.5, 2.0))
        while time.monotonic() < end and _progress(bookmark)[0] <= before:
            time.sleep(0.02)
        workers = psutil.Process(run.pid).children(recursive=True)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    psutil.wait_procs(workers, timeout=30)
    return _progress(bookmark)[0]


def _progress(bookmark: Path) -> tuple[int, int]:
    """Ranges done, and all of them."""
    tree: dict[str, Any] = json.loads(bookmark.read_text())
    assert tree["finished"] is None, "killed too late: take more rows"
    return len(tree["done"]), len(tree["ranges"])


def page_of(figures: dict[str, Any]) -> list[str]:
    """Return the lines of RESULTS.md for these results."""
    found = figures["found"]
    return [
        "## A sweep that is killed",
        "",
        f"{figures['times']} times (-9) on its way over {figures['rows']:,} rows, of which the"
        f" target lacks {found['missing']}: found {found['missing']} missing and"
        f" {found['equal']:,} equal, {figures['rows_missed']} missed.",
    ]
