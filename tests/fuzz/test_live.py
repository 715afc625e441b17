"""A few drawn schemas on the real chain, on the user's way; the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.release import CASSANDRA_5
from sandbox.stack import Stack
from tests.fuzz.live import Bench, live_case

pytestmark = pytest.mark.stack

SEED = 20261201


def test_what_is_fit_arrives_equal_and_what_is_not_is_refused(stack: Stack, tmp_path: Path) -> None:
    vectors = stack.release is CASSANDRA_5
    case = live_case(SEED, 0, tables=3, writes=20, vectors=vectors)
    done = Bench(stack, tmp_path).run(case, "drawn", verified=2)
    print(f"{done.tables} tables, {done.written} statements, {done.seconds}")
    assert [str(fault) for fault in done.faults] == []
    assert done.tables
