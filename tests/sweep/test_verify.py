"""`hintferry verify` on the real chain: what no hint brought is found, and repaired by --repair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from sandbox.compare import compare_table
from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench

pytestmark = pytest.mark.stack

TABLES = {
    "wide": "(a int, b int, s text static, v text, PRIMARY KEY (a, b))",
    "counts": "(a int, b int, n counter, PRIMARY KEY (a, b))",
    "decimals": "(a int, b decimal, v text, PRIMARY KEY (a, b))",
}
LARGE = 3_000


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(stack, "swept", TABLES, tmp_path_factory.mktemp("verify")) as running:
        fill(running)
        yield running


def fill(bench: Workbench) -> None:
    """Rows that reach the target by their hints; then damage that has none."""
    source, behind = bench.source, bench.behind
    insert = source.prepare("INSERT INTO swept.wide (a, b, s, v) VALUES (?, ?, 's', 'v')")
    rows = [(a, b) for a in range(20) for b in range(LARGE if a == 7 else 5)]
    execute_concurrent_with_args(source, insert, rows)
    source.execute("INSERT INTO swept.wide (a, s) VALUES (100, 'only static')")
    for b in range(4):
        source.execute("UPDATE swept.counts SET n = n + 5 WHERE a = 1 AND b = %s", (b,))
    source.execute("INSERT INTO swept.decimals (a, b, v) VALUES (1, 1.0, 'v')")
    for name in TABLES:
        bench.wait_until_equal(f"swept.{name}", within_s=60)
    # A hint that is delivered twice would repair the damage by itself.
    assert bench.chain.drain(60)
    behind.execute("DELETE FROM swept.wide WHERE a = 3 AND b = 2")
    behind.execute("DELETE FROM swept.wide WHERE a = 7 AND b > 1000 AND b <= 1010")
    behind.execute("UPDATE swept.wide SET v = 'other' WHERE a = 4 AND b = 2")
    behind.execute("INSERT INTO swept.wide (a, b, v) VALUES (7, 99999, 'extra')")
    behind.execute("INSERT INTO swept.wide (a, b, v) VALUES (200, 1, 'extra')")
    behind.execute("UPDATE swept.wide SET s = 'other' WHERE a = 5")
    behind.execute("DELETE s FROM swept.wide WHERE a = 100")
    behind.execute("UPDATE swept.counts SET n = n - 2 WHERE a = 1 AND b = 2")
    # The sandbox's own comparison shows the static columns of a = 5 in each of its rows.
    damage = compare_table(source, behind, "swept.wide")
    assert (damage.missing, damage.differing, damage.extra) == (11 + 1, 1 + 5, 2)


def verdicts(answer: dict[str, Any]) -> tuple[int, ...]:
    names = "exit", "equal", "missing", "different", "extra", "unread", "hinted"
    return tuple(answer[name] for name in names)


def test_what_no_hint_brought_is_found_and_repaired(bench: Workbench) -> None:
    """All tables at once: most of the time is the grace period of the second look."""
    found = bench.run_all([f"swept.{name}" for name in TABLES], "verify", "--repair")
    rows = 19 * 5 + LARGE
    # Static columns: of 20 partitions one is different, and that of the 21st is missing.
    assert verdicts(found["swept.wide"]) == (1, rows - 12 + 19, 11 + 1, 1 + 1, 2, 0, 16)
    assert verdicts(found["swept.counts"]) == (1, 3, 0, 1, 0, 0, 1)
    assert verdicts(found["swept.decimals"]) == (0, 1, 0, 0, 0, 0, 0)
    assert all(one["keys"] == sum(verdicts(one)[1:5]) for one in found.values())
    for name in TABLES:
        bench.wait_until_equal(f"swept.{name}")


def test_a_second_pass_is_clean_at_all_replicas(bench: Workbench) -> None:
    answer = bench.run("verify", "swept.wide", "--consistency", "all")
    assert verdicts(answer) == (0, 19 * 5 + LARGE + 21, 0, 0, 0, 0, 0)
    assert answer["consistency"] == "all"
