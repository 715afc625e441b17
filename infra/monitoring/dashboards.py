"""Make the dashboards: whether a cutover is safe, how the parts do, and one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.alarm_rules import Names
from hintferry_ops.monitoring.metrics import (
    BROKER,
    DASHBOARDS,
    GROUP,
    MAPPING,
    NAMESPACE,
    OUR_DIMENSION,
)
from hintferry_ops.monitoring.node_metrics import NAMESPACE as NODE_NAMESPACE
from infra.monitoring.table_dashboard import queue_states, table_dashboard
from infra.monitoring.widgets import metric_widget, place, queue, search

Row = tuple[str, list[Any]]
"""A widget: its title and its metrics."""


def make_dashboards(
    stack: cdk.Stack, migration: Migration, names: Names, groups: Mapping[str, str]
) -> None:
    """Make the dashboards, named after the pipeline; `groups`: the functions' log groups."""
    prefix = migration.deployment.pipeline.name
    bodies = (
        _body(_cut_over(prefix, names), stack.region),
        _body(_plumbing(prefix, names), stack.region),
        table_dashboard(migration, names, groups, stack.region),
    )
    for title, body in zip(DASHBOARDS, bodies, strict=True):
        cloudwatch.CfnDashboard(
            stack,
            title.replace("-", "").capitalize(),
            dashboard_name=f"{prefix}-{title}",
            dashboard_body=stack.to_json_string(body),
        )


def _body(rows: Sequence[Row], region: str) -> dict[str, Any]:
    return {"widgets": place([metric_widget(*row, region) for row in rows])}


def _cut_over(prefix: str, names: Names) -> list[Row]:
    ours = partial(_ours, prefix)
    parked = queue("ApproximateNumberOfMessagesVisible", names.parked_queue)
    return [
        ("Lag of each table, records (must be 0)", [_by_topic("SumOffsetLag", names.cluster)]),
        ("Lag of each table, s", [_by_topic("EstimatedMaxTimeLag", names.cluster)]),
        ("Parked records (must be 0)", [parked]),
        ("Replay queue, with delayed and in flight (must be 0)",
         queue_states(names.replay_queue)),
        ("Events given up or dropped by any mapping of the account (must be 0)",
         [_mappings("OnFailureDestinationDeliveredEventCount"), _mappings("DroppedEventCount")]),
        ("Freshness, ms", [ours("Freshness", "p50"), ours("Freshness", "p99")]),
        ("Nodes: hints lost, segments deleted or set aside (must be 0)",
         [_node("HintsLost", prefix, "Sum"), _node("SegmentsDeleted", prefix, "Sum"),
          _node("SetAsideSegments", prefix, "Maximum")]),
        ("Nodes: tables to verify (must be 0)", [_node("TablesToSweep", prefix, "Maximum")]),
        ("Sweeps: rows that differ (must be 0)", [ours("SweepDivergence", "Sum")]),
        ("Sweeps: seconds since the last completed pass", [ours("SweepAge", "Maximum")]),
        ("Hints returned or parked", [ours("HintsReturned", "Sum"), ours("HintsParked", "Sum")]),
    ]  # fmt: skip


def _plumbing(prefix: str, names: Names) -> list[Row]:
    ours = partial(_ours, prefix)
    return [
        ("Hints", [ours(f"Hints{end}", "Sum") for end in ("Received", "Applied", "Skipped")]),
        ("Latency of source reads and target writes, ms",
         [ours("ReadLatency", "p99"), ours("WriteLatency", "p99")]),
        ("Throttles and rebuilt sessions",
         [ours("Throttles", "Sum"), ours("SessionRebuilds", "Sum")]),
        ("Clocks: offset from the target, brokers ahead of functions, ms",
         [ours(f"Clock{which}", "Maximum") for which in ("OffsetTarget", "OffsetSource", "Skew")]),
        ("Functions: duration, ms", _functions(names, "Duration", "p99")),
        ("Functions: errors and throttles",
         [*_functions(names, "Errors", "Sum"), *_functions(names, "Throttles", "Sum")]),
        ("Mappings: polling errors", [_mappings("PollingErrorCount")]),
        ("Brokers: disk used, %",
         [search("AWS/Kafka", "KafkaDataLogsDiskUsed", BROKER,
                 {"Cluster Name": names.cluster}, "Maximum")]),
        ("Nodes: cdc_raw free, %", [_node("CdcFreePercent", prefix, "Minimum")]),
        ("Nodes: age of the oldest unread segment, s",
         [_node("OldestSegmentSeconds", prefix, "Maximum")]),
        ("Sweeps: token ranges done", [ours("SweepRangesDone", "Sum")]),
    ]  # fmt: skip


def _ours(pipeline: str, name: str, statistic: str) -> list[Any]:
    return [NAMESPACE, name, OUR_DIMENSION, pipeline, {"stat": statistic}]


def _node(name: str, pipeline: str, statistic: str) -> list[Any]:
    return [NODE_NAMESPACE, name, "pipeline", pipeline, {"stat": statistic}]


def _functions(names: Names, metric: str, statistic: str) -> list[list[Any]]:
    return [
        ["AWS/Lambda", metric, "FunctionName", function, {"stat": statistic}]
        for function in (names.processor, names.replay)
    ]


def _by_topic(name: str, cluster: str) -> list[Any]:
    return search("AWS/Kafka", name, GROUP, {"Cluster Name": cluster}, "Maximum")


def _mappings(name: str) -> list[Any]:
    return search("AWS/Lambda", name, MAPPING, {}, "Sum")
