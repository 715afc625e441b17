"""The parts of an alarm, as plain data.

A rule watches one metric of `metrics`. Where the metric has one series a table, mapping or broker,
a Metrics Insights query finds the worst of all series. So there is one alarm a pipeline, and the
series tells which table. CloudWatch allows no SEARCH in an alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

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
    """The worst, or the sum, of all series of a metric that have these dimensions."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    where: Mapping[str, str]

    def text(self, statistic: str) -> str:
        """Return the query in the language of Metrics Insights."""
        schema = ", ".join([f'"{self.namespace}"', *(f'"{one}"' for one in self.dimensions)])
        where = " AND ".join(f"\"{name}\" = '{value}'" for name, value in self.where.items())
        chosen = f" WHERE {where}" if where else ""
        return f'SELECT {statistic}("{self.name}") FROM SCHEMA({schema}){chosen}'


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

    @property
    def description(self) -> str:
        """Return the text of the notification: meaning, action, runbook section."""
        return f"{self.meaning} {self.action} docs/how-to/alarms.md: {self.section}."
