"""`hintferry verify` and `backfill` beside DSBulk, on one sandbox and in one run.

DSBulk cannot log in by SigV4, so it speaks to the Cassandra behind keyspaces-local; what that proxy
takes is told apart.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil

from bench import dsbulk, machine
from bench.measure import Measured, measured
from hintferry.core.passes import Verb
from hintferry.core.schema import TableId
from hintferry.core.tokens import plan_ranges
from hintferry_cli.sweep.bookmark import begun
from hintferry_cli.sweep.task import Task
from sandbox.stack import Stack
from tests.sweep.bench import Bench, bench_of
from tools import places

ROWS = 1_000_000
ROWS_PER_PARTITION = 10
KILLS, KILL_RANGES = 20, 600
DAMAGED = 3
"""Partitions that the target lacks while the walker is killed."""

COLUMNS = (
    "(customer int, id int, state text, total decimal, placed timestamp, address text,"
    " PRIMARY KEY (customer, id))"
)
_KEYSPACE = "bench"


def measure(size: int | None) -> dict[str, Any]:
    """All figures; `size` rows in place of the usual number."""
    rows = size or ROWS
    folder = places.BUILD / "bench" / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dsbulk.fetch()
    about = machine.described()
    tables = {"orders": COLUMNS}
    with (
        Stack(say=print) as stack,
        bench_of(stack, _KEYSPACE, tables, folder, uncaptured=["orders"]) as bench,
    ):
        bytes_per_row = _fill(stack, folder, rows)
        stack.create_tables(f"ALTER TABLE {_KEYSPACE}.orders WITH cdc = true")
        runs = _runs(stack, bench, folder)
        killed = _killed(bench, rows)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": about | {"dsbulk": dsbulk.VERSION},
        "rows": rows,
        "bytes_per_row": bytes_per_row,
        "rows_per_partition": ROWS_PER_PARTITION,
        "runs": {name: run.figures(rows) for name, run in runs.items()},
        "killed": killed,
    }


def _runs(stack: Stack, bench: Bench, folder: Path) -> dict[str, Measured]:
    servers = {
        "source": stack.source_nodes[0].pid,
        "target": stack.target_node.pid,
        "keyspaces-local": stack.keyspaces.pid,
    }

    def run(name: str, command: list[str], environment: dict[str, str] | None = None) -> Measured:
        print(f"{name} ...", flush=True)
        found = measured(command, servers, folder / f"{name}.log", environment or {})
        print(f"  {found}", flush=True)
        return found

    def ours(verb: str) -> Measured:
        return run(verb, bench.command(verb, f"{_KEYSPACE}.orders"), bench.environment)

    def theirs(verb: str, side: str, table: str, files: Path) -> Measured:
        endpoint = stack.source if side == "source" else stack.behind
        command = dsbulk.command(verb, endpoint, _KEYSPACE, table, files, folder / "logs")
        return run(f"{verb}-{side}", command)

    bench.behind.execute(f"CREATE TABLE {_KEYSPACE}.copy {COLUMNS}")
    backfill = ours("backfill")
    verify = ours("verify")
    from_source = theirs("unload", "source", "orders", folder / "from-source")
    from_target = theirs("unload", "target", "orders", folder / "from-target")
    load = theirs("load", "target", "copy", folder / "from-source")
    return {
        "verify": verify,
        "dsbulk unload both": from_source + from_target,
        "backfill": backfill,
        "dsbulk unload and load": from_source + load,
    }


def _fill(stack: Stack, folder: Path, rows: int) -> int:
    """Put the rows into the source; gives back the bytes of values that a row has on average."""
    files, random = folder / "rows", Random(7)
    files.mkdir()
    length = 0
    with (files / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "id", "state", "total", "placed", "address"])
        for number in range(rows):
            address = f"{random.getrandbits(640):0160x}"
            at = datetime.fromtimestamp(1_700_000_000 + number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            row = number // ROWS_PER_PARTITION, number, f"state {number % 7:06}", "12.50"
            writer.writerow([*row, at, f"{address} {number:030}"])
            length += 4 + 4 + 12 + 6 + 8 + len(address) + 31
    command = dsbulk.command("load", stack.source, _KEYSPACE, "orders", files, folder / "logs")
    measured(command, {}, folder / "fill.log", {})
    return length // rows


def _killed(bench: Bench, rows: int) -> dict[str, Any]:
    """Kill a verify again and again; what the last run then says of all rows."""
    random = Random(11)
    lost = random.sample(range(rows // ROWS_PER_PARTITION), DAMAGED)
    for customer in lost:
        bench.behind.execute(f"DELETE FROM {_KEYSPACE}.orders WHERE customer = {customer}")
    # Many ranges, so that a kill finds some done and some not.
    task = Task(Verb.VERIFY, Path("migration.toml"), TableId(_KEYSPACE, "orders"))
    begun(bench.folder / "bookmarks", task, plan_ranges([], KILL_RANGES))
    done = [_kill(bench, number, random) for number in range(KILLS)]
    answer = bench.run("verify", f"{_KEYSPACE}.orders")
    assert answer["unfinished"] is None, answer
    expected = {"missing": DAMAGED * ROWS_PER_PARTITION, "different": 0, "extra": 0, "unread": 0}
    expected["equal"] = rows - expected["missing"]
    found = {name: answer[name] for name in expected}
    assert found == expected, f"found {found}, expected {expected}"
    return {"times": KILLS, "ranges_done_at_kills": done, "found": found, "rows_missed": 0}


def _kill(bench: Bench, number: int, random: Random) -> int:
    """One run, killed (-9) while ranges are left; how many were done by then."""
    bookmark = bench.folder / "bookmarks" / f"verify-{_KEYSPACE}.orders.json"
    before, total = _progress(bookmark)
    quota = total * (number + 1) // (KILLS + 2)
    run = subprocess.Popen(
        bench.command("verify", f"{_KEYSPACE}.orders"),
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
    """What RESULTS.md says of them."""
    runs, killed = figures["runs"], figures["killed"]

    def ratio(one: str, other: str, key: str) -> str:
        return f"{runs[one][key] / runs[other][key]:.1f}"

    return [
        "## Sweep and backfill, beside DSBulk",
        "",
        f"{figures['rows']:,} rows of {figures['bytes_per_row']} bytes,"
        f" {figures['rows_per_partition']} a partition, one source node. Ours with two worker"
        " processes, by way of keyspaces-local (TLS, SigV4), times to live asked for; DSBulk"
        f" {figures['machine']['dsbulk']} at LOCAL_QUORUM straight from Cassandra.",
        "",
        "| run | rows/s | own CPU, ms / 1,000 rows | Cassandra's CPU | the proxy's | peak MB |",
        "|---|---|---|---|---|---|",
        *(_line(name, run, figures["rows"]) for name, run in runs.items()),
        "",
        f"Rows per own CPU-second: verify {ratio('verify', 'dsbulk unload both', _OWN)} x DSBulk"
        f" unloading both sides, backfill {ratio('backfill', 'dsbulk unload and load', _OWN)} x"
        " unload and load. The limiter of all four is the two cores, shared with the servers.",
        "",
        f"Killed (-9) {killed['times']} times on its way, a verify of a target that lacks"
        f" {killed['found']['missing']} rows found {killed['found']['missing']} missing and"
        f" {killed['found']['equal']:,} equal: {killed['rows_missed']} missed.",
    ]


_OWN = "rows_per_own_cpu_s"


def _line(name: str, run: dict[str, Any], rows: int) -> str:
    proxy = run["servers_cpu_s"]["keyspaces-local"]
    cassandra = sum(run["servers_cpu_s"].values()) - proxy
    return (
        f"| {name} | {run['rows_per_s']:,} | {run['own_cpu_ms_per_1000_rows']:.1f}"
        f" | {cassandra * 1e6 / rows:.1f} | {proxy * 1e6 / rows:.1f} | {run['peak_mb']:.0f} |"
    )
