"""Test what benches guard: they name ratios that got worse; targets that were met hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import pipeline, results, source
from bench.freshness import rigged
from hintferry_ops.constants import BATCH_WINDOW_S


def test_a_ratio_that_is_worse_by_more_than_the_margin_is_named() -> None:
    kept = {"ratios": dict.fromkeys(pipeline.TARGETS, 1.0)}
    worse = {**kept["ratios"], "cpu single / ceiling": pipeline.MARGIN + 0.01}
    assert pipeline.worse(kept, kept) == []
    assert pipeline.worse({"ratios": worse}, kept) == ["cpu single / ceiling is 1.51, kept is 1.0"]


def test_every_guarded_ratio_is_kept() -> None:
    assert pipeline.TARGETS.keys() <= results.kept("pipeline")["ratios"].keys()


def test_the_source_was_read_little_more_than_once_a_change() -> None:
    window = results.kept("source")["windows"][str(BATCH_WINDOW_S)]
    assert window["hints_per_change"] >= source.NODES
    assert window["reads_per_change"] <= source.MOST_READS


@pytest.mark.stack
@pytest.mark.soak
def test_three_nodes_are_read_little_more_than_once_a_change(tmp_path: Path) -> None:
    with rigged(tmp_path, source.NODES) as rig:
        source.reads_with(rig, BATCH_WINDOW_S, 10)
        found = source.reads_with(rig, BATCH_WINDOW_S, 20)
    print(found)
    assert found["reads_per_change"] <= source.MOST_READS
