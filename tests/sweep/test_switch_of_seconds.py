"""A switch on the real chain, its waits as they are, and the application right behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args
from typer.testing import CliRunner

from hintferry.core.limits import CUTOVER_WAIT_S
from hintferry_cli.app import app
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench

pytestmark = [pytest.mark.stack, pytest.mark.soak]

TABLES = {
    "carts": "(a int, b int, v text, PRIMARY KEY (a, b))",
    "lists": "(a int PRIMARY KEY, l list<int>)",
}
ROWS = 200


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(stack, "shop", TABLES, tmp_path_factory.mktemp("switch")) as running:
        insert = running.source.prepare("INSERT INTO shop.carts (a, b, v) VALUES (?, 1, 'v')")
        execute_concurrent_with_args(running.source, insert, [(a,) for a in range(ROWS)])
        running.wait_until_equal("shop.carts", within_s=60)
        assert running.chain.drain(60)
        yield running


def typed(bench: Workbench, *line: str) -> dict[str, Any]:
    """The JSON of a command, run in this process; `exit` is its status."""
    answer = CliRunner().invoke(app, [*line, "--json"], env=bench.environment)
    assert answer.stdout, answer.stderr
    tree: dict[str, Any] = json.loads(answer.stdout)
    return tree | {"exit": answer.exit_code}


def waits(bench: Workbench, table: str) -> dict[str, Any]:
    """The wait that `status` tells."""
    (tree,) = typed(bench, "status", table)["tables"]
    found: dict[str, Any] = tree["wait"]
    return found


def test_an_application_writes_within_seconds_of_the_stop(bench: Workbench) -> None:
    assert typed(bench, "backfill", "shop.carts")["exit"] == 0
    time.sleep(45)
    assert typed(bench, "verify", "shop.carts", "--consistency", "all")["exit"] == 0
    told = waits(bench, "shop.carts")
    assert told["short"], told
    assert not waits(bench, "shop.lists")["short"]
    bench.source.execute("INSERT INTO shop.carts (a, b, v) VALUES (1, 1, 'last')")
    stopped_at = time.time()
    stop = datetime.fromtimestamp(stopped_at, UTC).isoformat()
    line = ["cutover", "shop.carts", "--writes-stopped", stop, "--writers-at-quorum"]
    done = typed(bench, *line)
    took_s = time.time() - stopped_at
    assert done["exit"] == 0, done
    ((set_at, ends_at),) = bench.behind.execute(
        "SELECT set_at, ends_at FROM hintferry.fences WHERE name = 'shop.carts'"
    ).all()
    waited_s = (ends_at - set_at).total_seconds()
    fence_s = set_at.replace(tzinfo=UTC).timestamp() - stopped_at
    print(
        f"stop to fence {fence_s:.2f} s, fence to end {waited_s:.2f} s,"
        f" held {done['downtime_seconds']} s, command {took_s:.2f} s"
    )
    assert waited_s <= told["most_seconds"] < CUTOVER_WAIT_S
    for a in range(ROWS):
        bench.behind.execute(f"UPDATE shop.carts SET v = 'ours' WHERE a = {a} AND b = 1")
    bench.source.execute("UPDATE shop.carts SET v = 'stale' WHERE a = 1 AND b = 1")
    assert bench.chain.drain(60)
    time.sleep(CUTOVER_WAIT_S)
    found = {row.v for row in bench.behind.execute("SELECT v FROM shop.carts").all()}
    assert found == {"ours"}
