"""Changes that bring no hint: a sweep finds them, and its repair carries them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stack import Stack
from sandbox.workbench import Workbench, workbench

pytestmark = pytest.mark.stack

TABLES = {
    "truncated": "(a int PRIMARY KEY, v text)",
    "mortal": "(a int PRIMARY KEY, l list<int>)",
}
ROWS = 50
UNHEARD_S = 3.0


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(stack, "no_hint", TABLES, tmp_path_factory.mktemp("no-hint")) as running:
        yield running


@pytest.fixture(scope="module")
def found(bench: Workbench) -> dict[str, dict[str, Any]]:
    """Return what `verify --repair` finds after a TRUNCATE and after a list element expired."""
    for key in range(ROWS):
        bench.source.execute("INSERT INTO no_hint.truncated (a, v) VALUES (%s, 'v')", (key,))
    bench.source.execute("INSERT INTO no_hint.mortal (a, l) VALUES (1, [1])")
    bench.source.execute("UPDATE no_hint.mortal USING TTL 20 SET l = l + [2] WHERE a = 1")
    for name in TABLES:
        bench.wait_until_equal(f"no_hint.{name}", within_s=9)
    bench.source.execute("TRUNCATE no_hint.truncated")
    bench.source.execute("INSERT INTO no_hint.truncated (a, v) VALUES (1000, 'after')")
    time.sleep(20 + UNHEARD_S)
    for name in TABLES:
        assert bench.differences(f"no_hint.{name}"), "a hint came: the sweep has nothing to do"
    return bench.run_all([f"no_hint.{name}" for name in TABLES], "verify", "--repair")


def test_truncate(bench: Workbench, found: dict[str, dict[str, Any]]) -> None:
    """TRUNCATE writes nothing to the commit log."""
    answer = found["no_hint.truncated"]
    assert (answer["exit"], answer["equal"], answer["extra"]) == (1, 1, ROWS)
    bench.wait_until_equal("no_hint.truncated")


def test_expiry_of_an_element_of_a_list_that_lasts(
    bench: Workbench, found: dict[str, dict[str, Any]]
) -> None:
    """A list is written as a whole, so its elements live as long as the longest of them."""
    answer = found["no_hint.mortal"]
    assert (answer["exit"], answer["different"], answer["extra"]) == (1, 1, 0)
    bench.wait_until_equal("no_hint.mortal")
