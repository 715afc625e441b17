"""CloudWatch's judgement of an alarm, from the alarm's own properties and given data points."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"

_COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def state(alarm: dict[str, Any], points: Sequence[float | None]) -> str:
    """The state after these data points, newest last, one a period; None where there was none."""
    periods = int(alarm["EvaluationPeriods"])
    wanted = int(alarm.get("DatapointsToAlarm", periods))
    window = [*[None] * periods, *points][-periods:]
    missing = alarm.get("TreatMissingData", "missing")
    if missing == "missing" and all(point is None for point in window):
        return INSUFFICIENT
    beyond = _COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(
        missing == "breaching" if point is None else beyond(point, alarm["Threshold"])
        for point in window
    )
    return ALARM if breaching >= wanted else OK
