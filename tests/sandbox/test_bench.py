"""A bench whose ratios are guarded names those that are worse than kept."""

from __future__ import annotations

from bench import pipeline, results


def test_a_ratio_that_is_worse_by_more_than_the_margin_is_named() -> None:
    kept = {"ratios": dict.fromkeys(pipeline.TARGETS, 1.0)}
    worse = {**kept["ratios"], "cpu single / ceiling": pipeline.MARGIN + 0.01}
    assert pipeline.worse(kept, kept) == []
    assert pipeline.worse({"ratios": worse}, kept) == ["cpu single / ceiling is 1.51, kept is 1.0"]


def test_every_guarded_ratio_is_kept() -> None:
    assert pipeline.TARGETS.keys() <= results.kept("pipeline")["ratios"].keys()
