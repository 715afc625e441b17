"""The judge of alarms judges as CloudWatch documents it."""

from __future__ import annotations

import pytest

from tests.infra.evaluation import ALARM, INSUFFICIENT, OK, state

TWO_OF_THREE = {
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 10,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.mark.parametrize(
    ("missing", "points", "expected"),
    [
        ("missing", [11.0, 1.0, 11.0], ALARM),
        ("missing", [11.0, 11.0, 1.0, 1.0, 11.0], OK),
        ("missing", [10.0, 10.0, 10.0], OK),
        ("missing", [None, None, None], INSUFFICIENT),
        ("breaching", [None, 1.0, None], ALARM),
        ("notBreaching", [None, None, None], OK),
        ("notBreaching", [11.0], OK),
    ],
)
def test_m_of_n_and_what_is_missing(
    missing: str, points: list[float | None], expected: str
) -> None:
    assert state({**TWO_OF_THREE, "TreatMissingData": missing}, points) == expected


def test_below() -> None:
    below = {**TWO_OF_THREE, "ComparisonOperator": "LessThanOrEqualToThreshold"}
    assert state(below, [10.0, 10.0, 50.0]) == ALARM
    assert state(below, [11.0, 11.0, 50.0]) == OK
