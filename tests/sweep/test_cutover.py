"""The way to a cutover on the real chain, with the commands of the manual as they stand."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args
from typer.testing import CliRunner, Result

from hintferry.adapters.source import marker_watch
from hintferry_cli.app import app
from hintferry_ops.cutover import cloudwatch, cutover
from hintferry_ops.cutover.gate import fence, passes, writers
from sandbox.command_line import COMMAND_S
from sandbox.reports import Reports
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tools import places

pytestmark = [pytest.mark.stack, pytest.mark.soak]

COLUMNS = "(a int, b int, s text static, v text, PRIMARY KEY (a, b))"
TABLES = {"orders": COLUMNS, "emptied": COLUMNS}
VISITS = "(a int, b int, PRIMARY KEY (a, b))"
TTL_S, LONGEST_TTL_S = 25, 120
"""The TTL of the rows of `visits`, which are only a key, and the stated longest TTL."""

PARTITIONS, ROWS = 40, 5
KEYS = PARTITIONS * ROWS + PARTITIONS

# What takes minutes for the sake of clocks and of CloudWatch takes seconds here. The waiting out of
# a fence with a worker that stands still is tests/failure/test_fence.py.
QUICK = [
    (passes, "LATE_WRITES_S", 1.0),
    (writers, "LOG_SYNC_S", 1.0),
    (fence, "CUTOVER_WAIT_S", 7.0),
    (cutover, "REQUEST_TIMEOUT_S", 0.0),
    (marker_watch, "DRAW_EVERY_S", 2.0),
    (cutover, "LOOK_EVERY_S", 0.5),
    (cloudwatch, "PERIOD_S", 5),
    (cloudwatch, "LOSS_PERIOD_S", 60),
]

Typed = Callable[[str], Result]


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("cutover")
    stack.longest_ttls["shop.visits"] = LONGEST_TTL_S
    with (
        workbench(stack, "shop", TABLES | {"visits": VISITS}, folder) as running,
        Reports(stack, running.chain, folder / "guards"),
    ):
        for name in TABLES:
            load(running, name)
        for name in TABLES:
            running.wait_until_equal(f"shop.{name}", within_s=60)
        assert running.chain.drain(60)
        yield running


@pytest.fixture
def typed(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command line in this process, in the bench's folder and environment."""
    for module, name, seconds in QUICK:
        monkeypatch.setattr(module, name, seconds)
    bench.folder.mkdir(exist_ok=True)
    monkeypatch.chdir(bench.folder)

    def run(command: str) -> Result:
        return CliRunner().invoke(app, shlex.split(command)[1:], env=bench.environment)

    return run


def load(bench: Workbench, table: str) -> None:
    insert = bench.source.prepare(f"INSERT INTO shop.{table} (a, b, s, v) VALUES (?, ?, 's', 'v')")
    rows = [(a, b) for a in range(PARTITIONS) for b in range(ROWS)]
    execute_concurrent_with_args(bench.source, insert, rows)


def target(bench: Workbench, table: str) -> list[Any]:
    return sorted(bench.behind.execute(f"SELECT * FROM shop.{table}").all())


def manual() -> list[str]:
    """The commands of the section about cutting over, in order."""
    text = (places.ROOT / "docs" / "how-to" / "cut-over.md").read_text()
    section = text.partition("## Cutting over")[2].partition("\n## ")[0]
    blocks = re.findall(r"^ *```\n(.*?)^ *```", section, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def standing(typed: Typed, table: str) -> dict[str, Any]:
    """The conditions of a table by name, as `status --json` tells them."""
    answer = typed(f"hintferry status {table} --json")
    assert answer.stdout, answer.stderr
    (tree,) = json.loads(answer.stdout)["tables"]
    return {one["name"]: one for one in tree["conditions"]}


@pytest.fixture(scope="module")
def sweep(bench: Workbench) -> Iterator[subprocess.Popen[str]]:
    """A repair of the table that the first test truncates; it takes 45 s, so others run beside."""
    with subprocess.Popen(
        bench.command("verify", "shop.emptied", "--repair"),
        env=bench.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_truncated_table_is_known_to_have_escaped_the_hints(
    bench: Workbench, typed: Typed
) -> None:
    for command in ("backfill", "verify --consistency all"):
        answer = typed(f"hintferry {command} shop.emptied")
        assert answer.exit_code == 0, answer.output
        time.sleep(passes.LATE_WRITES_S)
    escaped = standing(typed, "shop.emptied")["no uncaptured writes"]
    assert escaped["state"] == "asks"
    bench.source.execute("TRUNCATE shop.emptied")
    escaped = standing(typed, "shop.emptied")["no uncaptured writes"]
    assert (escaped["state"], "truncated the table" in escaped["reason"]) == ("fails", True)
    assert len(target(bench, "emptied")) == PARTITIONS * ROWS


def test_the_manual_leads_from_the_first_backfill_to_the_fence(
    bench: Workbench, typed: Typed, sweep: subprocess.Popen[str]
) -> None:
    backfill, verify, status, cutover = manual()
    bench.behind.execute("TRUNCATE shop.orders")
    answer = typed(status)
    assert (answer.exit_code, "no backfill of the table is recorded" in answer.stdout) == (1, True)
    refused = typed(cutover)
    assert (refused.exit_code, "Nothing was changed." in refused.stdout) == (1, True), (
        refused.output
    )
    assert typed(backfill).exit_code == 0
    time.sleep(passes.LATE_WRITES_S)
    assert typed(f"{verify} --report reports").exit_code == 0
    report = json.loads((bench.folder / "reports" / "verify-shop.orders.json").read_text())
    assert (report["clean"], report["keys"], report["sums"]["equal"]) == (True, KEYS, KEYS)
    answer = typed(f"{status} --html page.html")
    assert (answer.exit_code, "the writers may stop" in answer.stdout) == (0, True), answer.output
    assert "the writers may stop" in (bench.folder / "page.html").read_text()
    bench.source.execute("INSERT INTO shop.orders (a, b, v) VALUES (1, 1, 'last')")
    answer = typed(cutover)
    assert answer.exit_code == 0, answer.output
    assert "Downtime until then" in answer.stdout
    assert bench.differences("shop.orders") == ()
    assert ("shop.orders",) in bench.behind.execute("SELECT name FROM hintferry.fences").all()
    again = typed(cutover)
    assert (again.exit_code, "cut over since" in again.stdout) == (0, True), again.output


def test_rows_that_are_only_a_key_expire_behind_the_fence(bench: Workbench, typed: Typed) -> None:
    for number in range(ROWS):
        bench.source.execute(
            f"INSERT INTO shop.visits (a, b) VALUES (1, {number}) USING TTL {TTL_S}"
        )
    bench.wait_until_equal("shop.visits")
    assert typed("hintferry backfill shop.visits").exit_code == 0
    expire_at = time.monotonic() + LONGEST_TTL_S + 2
    while list(bench.source.execute("SELECT * FROM shop.visits")):
        time.sleep(0.5)
    answer = bench.run("verify", "shop.visits", "--consistency", "all")
    assert (answer["exit"], answer["expiring"], answer["extra"]) == (0, ROWS, 0)
    cutover = manual()[-1].replace("shop.orders", "shop.visits")
    done = typed(cutover)
    assert done.exit_code == 0, done.output
    while target(bench, "visits"):
        assert time.monotonic() < expire_at, "rows of the source that expired stay on the target"
        time.sleep(0.5)


def test_behind_the_fence_nothing_changes_the_target(bench: Workbench, typed: Typed) -> None:
    bench.behind.execute("INSERT INTO shop.orders (a, b, v) VALUES (900, 1, 'application')")
    bench.behind.execute("UPDATE shop.orders SET v = 'application' WHERE a = 2 AND b = 2")
    held = target(bench, "orders")
    bench.source.execute("UPDATE shop.orders SET v = 'stale' WHERE a = 2 AND b = 2")
    bench.source.execute("DELETE FROM shop.orders WHERE a = 3")
    for command in ("backfill shop.orders", "verify shop.orders", "verify shop.orders --repair"):
        answer = typed(f"hintferry {command}")
        assert (answer.exit_code, answer.stdout) == (2, ""), answer.output
        (line,) = answer.stderr.splitlines()
        assert line.startswith("hintferry: shop.orders was cut over, so "), line
    assert bench.chain.drain(30)
    assert bench.chain.replay.drain(90)
    assert target(bench, "orders") == held
    assert "cut over" in typed("hintferry status shop.orders").stdout


def test_a_fence_that_is_taken_back_asks_for_a_sweep(bench: Workbench, typed: Typed) -> None:
    refused = typed("hintferry cutover shop.orders --undo")
    assert (refused.exit_code, "add --yes" in refused.stderr) == (2, True), refused.output
    undone = typed("hintferry cutover shop.orders --undo --yes")
    assert undone.exit_code == 0, undone.output
    assert "2 rows of shop.orders were written on the target" in undone.stderr
    fenced = {row.name for row in bench.behind.execute("SELECT name FROM hintferry.fences")}
    assert fenced == {"shop.visits"}
    passed = standing(typed, "shop.orders")["clean verify pass"]
    assert (passed["state"], "were skipped until" in passed["reason"]) == ("fails", True)
    refused = typed("hintferry verify shop.orders --repair")
    assert (refused.exit_code, "count it first" in refused.stderr) == (2, True), refused.output


def test_a_sweep_empties_what_was_truncated(bench: Workbench, sweep: subprocess.Popen[str]) -> None:
    answer = json.loads(sweep.communicate(timeout=COMMAND_S)[0])
    assert (answer["extra"], answer["hinted"]) == (KEYS, KEYS)
    bench.wait_until_equal("shop.emptied", within_s=60)
    assert target(bench, "emptied") == []
