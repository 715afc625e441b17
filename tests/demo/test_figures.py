"""Test what the demo reads out of the function's output, and its verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.compare import Comparison, Difference
from sandbox.demo.freshness import percentile
from sandbox.demo.report import Result, explain
from sandbox.demo.statistics import Figures, Totals
from sandbox.workload import Kind

EQUAL = Comparison("shop.orders", 3, 3, ())


def metrics(**values: list[float]) -> str:
    return json.dumps({"_aws": {}, "service": "hintferry", **values})


def result(
    *,
    totals: Totals = Totals(hints=2, applied=2),  # noqa: B008 - a value
    comparison: Comparison = EQUAL,
    missing_kinds: tuple[Kind, ...] = (),
    obstacles: tuple[str, ...] = (),
) -> Result:
    return Result(totals, (comparison,), missing_kinds, obstacles, [10.0, 20.0, 30.0], 12.34)


def test_metrics_are_added_up_over_lines() -> None:
    figures = Figures()
    figures.line(metrics(HintsReceived=[3.0], HintsApplied=[2.0], HintsParked=[1.0]))
    figures.line(metrics(HintsReceived=[1.0, 1.0], HintsSkipped=[2.0], Freshness=[5.0, 7.0]))
    totals = figures.totals
    assert (totals.hints, totals.applied, totals.skipped, totals.parked) == (5, 2, 2, 1)
    assert totals.freshness_ms == (5.0, 7.0)
    assert totals.conserved


def test_a_batch_line_counts_by_table() -> None:
    figures = Figures()
    for _ in range(2):
        tables = {"shop.orders": {"applied": 2}, "shop.readings": {"parked": 1}}
        figures.line(json.dumps({"message": "batch", "tables": tables}))
    assert figures.totals.tables == {"shop.orders": {"applied": 4}, "shop.readings": {"parked": 2}}


@pytest.mark.parametrize("line", ["START", "{", "[1]", '{"message": "hello"}', ""])
def test_other_lines_are_passed_by(line: str) -> None:
    figures = Figures()
    figures.line(line)
    assert figures.totals == Totals()


def test_a_hint_without_an_outcome_is_noticed() -> None:
    assert not Totals(hints=2, applied=1).conserved


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles_are_nearest_ranks(percent: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 50) is None


def test_equal_sides_with_every_kind_are_a_success() -> None:
    assert result().failures == ()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            result(comparison=Comparison("t", 1, 0, (Difference("k", "a=1", None),))),
            "not the same on both sides: 1.",
        ),
        (result(comparison=Comparison("t", 0, 0, ())), "nothing to compare"),
        (result(missing_kinds=(Kind.LWT,)), "never succeeded on the source: lightweight"),
        (result(obstacles=("Too slow.",)), "Too slow."),
        (result(totals=Totals(hints=2, applied=1)), "do not add up"),
    ],
)
def test_everything_else_is_a_failure_that_says_why(made: Result, reason: str) -> None:
    [failure] = made.failures
    assert reason in failure


def test_the_report_has_exactly_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    result(totals=Totals(5, 2, 1, 1, 1)).write(path)
    report = json.loads(path.read_text())
    assert report.pop("versions").keys() >= {"cassandra", "kafka", "debezium", "python"}
    assert report == {
        "hints": 5,
        "applied": 2,
        "skipped": 1,
        "parked": 1,
        "returned": 1,
        "rows_source": 3,
        "rows_target": 3,
        "divergent": 0,
        "freshness_ms": {"p50": 20.0, "p99": 30.0},
        "seconds": 12.3,
    }


def test_a_difference_is_shown_with_both_sides() -> None:
    comparison = Comparison(
        "t", 2, 1, (Difference("7", "a=1", "a=2"), Difference("8", "a=1", None))
    )
    assert (comparison.missing, comparison.extra, comparison.differing) == (1, 0, 1)
    text = "\n".join(explain(comparison))
    assert "1 missing, 0 too many, 1 different" in text
    assert "target: no such row" in text
