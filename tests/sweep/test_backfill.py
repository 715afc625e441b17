"""`hintferry backfill` on the real chain: beside live writes, and killed half-way."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
from cassandra.concurrent import execute_concurrent_with_args

from sandbox.parts.waiting import until
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tools import places

pytestmark = pytest.mark.stack

COLUMNS = "(a int, b int, s text static, v text, PRIMARY KEY (a, b))"
TABLES = {"live": COLUMNS, "killed": COLUMNS, "soaked": COLUMNS}
PARTITIONS, LIVE_PARTITIONS, ROWS = 600, 150, 10
SOAKED_PARTITIONS = 20_000
MOST_WRITES = 200_000
REPORT = places.ROOT / "bench" / "results" / "backfill-beside-writes.json"


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("backfill")
    with workbench(stack, "filled", TABLES, folder, uncaptured=TABLES) as running:
        yield running


def load(bench: Workbench, table: str, partitions: int) -> None:
    insert = bench.source.prepare(f"INSERT INTO filled.{table} (a, b, s, v) VALUES (?, ?, ?, ?)")
    rows = [(a, b, "s" * 20, f"{a}-{b}" * 40) for a in range(partitions) for b in range(ROWS)]
    execute_concurrent_with_args(bench.source, insert, rows)


def write_beside(
    bench: Workbench, stop: threading.Event, table: str, partitions: int, written: Counter[str]
) -> None:
    """Every kind of change, at random keys, for as long as the backfill runs."""
    random = Random(7)
    for _ in range(MOST_WRITES):
        number = written.total()
        a, b = random.randrange(partitions + 20), random.randrange(ROWS + 2)
        statement = random.choice(
            [
                f"INSERT INTO filled.{table} (a, b, v) VALUES ({a}, {b}, 'new {number}')",
                f"UPDATE filled.{table} SET v = null WHERE a = {a} AND b = {b}",
                f"UPDATE filled.{table} SET s = 'new {number}' WHERE a = {a}",
                f"DELETE FROM filled.{table} WHERE a = {a} AND b = {b}",
                f"DELETE FROM filled.{table} WHERE a = {a} AND b > {ROWS - 2}",
                f"DELETE FROM filled.{table} WHERE a = {a % 10}",
            ]
        )
        bench.source.execute(statement)
        written[statement.partition(" ")[0]] += 1
        if stop.wait(0.005):
            return


def test_a_table_that_is_not_captured_is_refused_until_its_marker_comes_through(
    bench: Workbench,
) -> None:
    load(bench, "live", LIVE_PARTITIONS)
    refused = subprocess.run(
        bench.command("backfill", "filled.live"),
        env=bench.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "ALTER TABLE filled.live WITH cdc = true" in refused.stderr
    assert bench.behind.execute("SELECT count(*) FROM filled.live").one()[0] == 0


def test_a_backfill_and_live_writes_never_undo_each_other(bench: Workbench) -> None:
    answer, written = filled_beside_writes(bench, "live", LIVE_PARTITIONS)
    assert answer["written"] > LIVE_PARTITIONS * ROWS / 2
    assert len(written) == 3
    bench.wait_until_equal("filled.live", within_s=60)


def filled_beside_writes(
    bench: Workbench, table: str, partitions: int
) -> tuple[dict[str, Any], Counter[str]]:
    """Return what the command answers, and the writes by verb."""
    bench.stack.create_tables(f"ALTER TABLE filled.{table} WITH cdc = true")
    stop, written = threading.Event(), Counter[str]()
    writer = threading.Thread(target=write_beside, args=(bench, stop, table, partitions, written))
    writer.start()
    try:
        answer = bench.run("backfill", f"filled.{table}")
    finally:
        stop.set()
        writer.join(60)
    assert answer["exit"] == 0
    return answer, written


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_large_backfill_and_live_writes_never_undo_each_other(bench: Workbench) -> None:
    load(bench, "soaked", SOAKED_PARTITIONS)
    answer, written = filled_beside_writes(bench, "soaked", SOAKED_PARTITIONS)
    # Partitions may be deleted before they are read, but few.
    assert answer["written"] > 0.9 * SOAKED_PARTITIONS * ROWS
    bench.wait_until_equal("filled.soaked", within_s=600)
    report = {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "rows": SOAKED_PARTITIONS * ROWS,
        "written_by_backfill": answer["written"],
        "seconds": answer["seconds"],
        "live_writes": dict(written),
        "divergent": len(bench.differences("filled.soaked")),
    }
    REPORT.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    assert report["divergent"] == 0


def is_done(bookmark: Path) -> tuple[int, bool]:
    """Return how many ranges are done, and whether all are."""
    if not bookmark.exists():
        return 0, False
    tree: dict[str, Any] = json.loads(bookmark.read_text())
    return len(tree["done"]), tree["finished"] is not None


def killed_once(bench: Workbench, bookmark: Path, before: int) -> int:
    """Run until more ranges than `before` are done, and kill it; how many are done then."""
    run = subprocess.Popen(
        bench.command("backfill", "filled.killed"),
        env=bench.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: is_done(bookmark)[0] > before, 60, "a range is done", pause=0.02)
        workers = psutil.Process(run.pid).children(recursive=True)
    finally:
        run.kill()
        run.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive, "the workers outlive the command"
    done, is_over = is_done(bookmark)
    assert not is_over, "killed too late: load more rows"
    return done


def test_a_backfill_that_is_killed_goes_on_where_it_was(bench: Workbench) -> None:
    load(bench, "killed", PARTITIONS)
    bench.stack.create_tables("ALTER TABLE filled.killed WITH cdc = true")
    bookmark = bench.folder / "bookmarks" / "backfill-filled.killed.json"
    done = 0
    for _ in range(2):
        done = killed_once(bench, bookmark, done)
    answer = bench.run("backfill", "filled.killed")
    assert (answer["exit"], answer["unfinished"]) == (0, None)
    assert answer["ranges"] > done > 0
    # What was done before a kill is in the sums, and no row was left out.
    assert answer["written"] == PARTITIONS * ROWS + PARTITIONS
    assert bench.differences("filled.killed") == ()
