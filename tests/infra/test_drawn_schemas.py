"""Drawn schemas (`tests/fuzz`) through one synthesis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.offline import offline_case
from tests.fuzz.stacks import merged, stack_faults

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

SEED, SCHEMAS = 20261201, 6


def test_the_stacks_make_what_the_source_has(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    case = merged([offline_case(SEED, number) for number in range(SCHEMAS)])
    assert len(case.tables) > SCHEMAS
    assert [str(fault) for fault in stack_faults(case, tmp_path)] == []
