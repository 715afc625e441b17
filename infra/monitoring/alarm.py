"""Make the alarm of CloudWatch that a rule describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.rule import Query, Rule, Series


def make_alarm(
    scope: Construct, migration: Migration, rule: Rule, topics: Sequence[str]
) -> cloudwatch.CfnAlarm:
    """Make the alarm of a pipeline; it notifies these topics when its state changes."""
    deployment = migration.deployment
    comparison = "LessThanThreshold" if rule.below else "GreaterThanThreshold"
    return cloudwatch.CfnAlarm(
        scope,
        rule.name,
        alarm_name=f"{deployment.pipeline.name}-{rule.severity.value}-{rule.name}",
        alarm_description=rule.description(deployment.alarms.runbook_url),
        alarm_actions=list(topics),
        ok_actions=list(topics),
        comparison_operator=comparison,
        threshold=rule.threshold,
        evaluation_periods=rule.periods,
        datapoints_to_alarm=rule.breaches,
        treat_missing_data="breaching" if rule.silence_breaches else "notBreaching",
        **_watched(rule),
    )


def _watched(rule: Rule) -> dict[str, Any]:
    if isinstance(rule.metric, Query):
        query = cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id="worst",
            expression=rule.metric.text(rule.statistic),
            period=rule.period_s,
            return_data=True,
        )
        return {"metrics": [query]}
    kind = "extended_statistic" if rule.statistic.startswith("p") else "statistic"
    return {
        "namespace": rule.metric.namespace,
        "metric_name": rule.metric.name,
        "dimensions": _dimensions(rule.metric),
        "period": rule.period_s,
        kind: rule.statistic,
    }


def _dimensions(series: Series) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [
        cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
        for name, value in series.dimensions.items()
    ]
