"""A few drawn schemas on the real chain, on the user's way; the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from hintferry.core.schema import ColumnKind
from sandbox.stack import Stack
from tests.fuzz.faults import unfit
from tests.fuzz.live import Bench, live_case

pytestmark = pytest.mark.stack

SEED = 20261445
"""It draws tables of each sort, and one that Keyspaces cannot hold."""


def test_what_is_fit_arrives_equal_and_what_is_not_is_refused(stack: Stack, tmp_path: Path) -> None:
    case = live_case(SEED, 0, tables=4, writes=20, vectors=stack.release.version != "4.1")
    refused = unfit(case)
    fit = [table for table in case.tables if table.id not in refused]
    assert refused
    assert any(table.is_counter for table in fit)
    assert any(table.of(ColumnKind.STATIC) for table in fit)
    done = Bench(stack, tmp_path).run(case, "drawn", verified=1)
    print(f"{done.tables} tables, {done.written} statements, {done.seconds}")
    assert [str(fault) for fault in done.faults] == []
    assert done.left_out.keys() == refused.keys()
    assert done.tables == len(fit)
