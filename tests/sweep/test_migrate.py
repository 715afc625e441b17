"""`hintferry migrate` on the real chain: from an uncopied table to one that is ready."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from sandbox.parts.launch import tied
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench
from tools import places

pytestmark = [pytest.mark.stack, pytest.mark.soak]

COUNT = int(os.environ.get("HINTFERRY_TABLES", "4"))
"""Tables; half of them in the first wave."""

TABLES = {f"t{number:02}": "(a int, b int, v text, PRIMARY KEY (a, b))" for number in range(COUNT)}
PARTITIONS, ROWS = 40, 5
WITHIN_S = 1000.0


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("migrate")
    with workbench(stack, "moved", TABLES, folder, uncaptured=TABLES) as running:
        for name in TABLES:
            insert = running.source.prepare(f"INSERT INTO moved.{name} (a, b, v) VALUES (?, ?, ?)")
            rows = [(a, b, "v" * 20) for a in range(PARTITIONS) for b in range(ROWS)]
            execute_concurrent_with_args(running.source, insert, rows)
        yield running


def typed(bench: Workbench, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command; return its exit status, its JSON, and what it said meanwhile."""
    environment = bench.environment
    config = bench.folder / "waves.toml"
    half = len(TABLES) // 2
    first = ", ".join(f'"moved.{name}"' for name in list(TABLES)[:half])
    text = Path(environment["HINTFERRY_CONFIG"]).read_text()
    config.write_text(f"{text}\n[waves]\nfirst = [{first}]\n")
    done = subprocess.run(
        tied(str(places.COMMAND), *arguments, "--json", "--config", str(config)),
        env=environment | {"HINTFERRY_CONFIG": str(config)},
        cwd=bench.folder,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_tables_that_are_not_captured_are_named_with_their_fix(bench: Workbench) -> None:
    status, told, said = typed(bench, "migrate")
    assert status == 2, said
    assert {one["stage"] for one in told["tables"]} == {"listed"}
    assert "ALTER TABLE moved.t00 WITH cdc = true" in told["tables"][0]["error"]
    for name in TABLES:
        bench.source.execute(f"ALTER TABLE moved.{name} WITH cdc = true")


def test_a_dry_run_tells_the_acts_and_does_none(bench: Workbench) -> None:
    status, told, said = typed(bench, "migrate", "--dry-run")
    assert status == 0, said
    acts = [one["act"] for one in told["tables"][0]["acts"]]
    assert acts == ["wait", "backfill", "verify", "wait"] or acts == ["backfill", "verify", "wait"]


def test_every_table_comes_to_the_stage_that_was_asked_for(bench: Workbench) -> None:
    status, told, said = typed(bench, "migrate", "first", "--until", "backfilled")
    assert status == 0, said
    assert [one["stage"] for one in told["tables"]] == ["backfilled"] * (len(TABLES) // 2)
    bench.behind.execute("DELETE FROM moved.t00 WHERE a = 3 AND b = 2")
    status, told, said = typed(bench, "migrate")
    print(said, json.dumps(told, indent=1))
    assert status == 0, said
    assert [one["stage"] for one in told["tables"]] == ["ready"] * len(TABLES)
    assert [one["wave"] for one in told["tables"]] == sorted(one["wave"] for one in told["tables"])
    acts = {one["table"]: [act["act"] for act in one["acts"]] for one in told["tables"]}
    assert acts["moved.t00"] == ["verify", "verify --repair", "verify"]
    assert acts["moved.t01"] == ["verify"]
    assert acts[f"moved.t{COUNT - 1:02}"] == ["backfill", "verify"]
    assert bench.differences("moved.t00") == ()
