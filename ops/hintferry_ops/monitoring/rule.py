"""The parts of an alarm, as plain data.

A rule watches one metric of `metrics`. Where the metric has one series a table, mapping or broker,
a Metrics Insights query finds the worst of all series. So there is one alarm a pipeline, and the
series tells which table. CloudWatch allows no SEARCH in an alarm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

RUNBOOK = "docs/how-to/alarms.md"
"""The page of the repository that says what to do, for who publishes it nowhere."""

MINUTE_S = 60
HOUR_S = 3600


class Severity(Enum):
    """The urgency of an alarm: critical means that data is at risk now, or soon.

    ROLLBACK wakes nobody: a deploy asks it, and takes the new version back.
    """

    CRITICAL = "critical"
    WARNING = "warning"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with its dimensions."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Query:
    """The worst, or the sum, of all series of a metric whose dimension `by` has one of `values`."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    by: str
    values: tuple[str, ...]

    def text(self, statistic: str) -> str:
        """Return the query in the language of Metrics Insights."""
        schema = ", ".join([f'"{self.namespace}"', *(f'"{one}"' for one in self.dimensions)])
        chosen = " OR ".join(f"\"{self.by}\" = '{value}'" for value in self.values)
        return f'SELECT {statistic}("{self.name}") FROM SCHEMA({schema}) WHERE {chosen}'


@dataclass(frozen=True, slots=True)
class Rule:
    """Raise the alarm when `breaches` of `periods` data points are beyond `threshold`."""

    name: str
    severity: Severity
    metric: Series | Query
    statistic: str
    """The statistic of CloudWatch; for a Query MAX, MIN or SUM."""
    threshold: float
    meaning: str
    action: str
    section: str
    """the heading of docs/how-to/alarms.md that says more"""
    period_s: int = MINUTE_S
    periods: int = 1
    breaches: int = 1
    below: bool = False
    """the alarm is raised below the threshold, else above"""
    silence_breaches: bool = False
    """missing data raises it too: where silence is the danger"""

    def description(self, runbook_url: str = "") -> str:
        """Return the text of the notification: meaning, action, section of the runbook."""
        return f"{self.meaning} {self.action} {runbook_url or RUNBOOK}#{anchor(self.section)}"


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
