"""Make two dashboards: one shows whether a cutover is safe, one how the parts do."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from hintferry_ops.monitoring.alarm_rules import Names
from hintferry_ops.monitoring.metrics import DASHBOARDS, NAMESPACE, OUR_DIMENSION
from hintferry_ops.monitoring.node_metrics import NAMESPACE as NODE_NAMESPACE

Widget = dict[str, Any]
Row = tuple[str, list[Any]]
"""A widget: its title and its metrics."""

_WIDTH, _HEIGHT = 12, 6


def make_dashboards(stack: cdk.Stack, prefix: str, names: Names) -> None:
    """Make both dashboards, named after the pipeline."""
    made = (_cut_over(prefix, names), _plumbing(prefix, names))
    for title, rows in zip(DASHBOARDS, made, strict=True):
        body = {"widgets": [_widget(n, *row, stack.region) for n, row in enumerate(rows)]}
        cloudwatch.CfnDashboard(
            stack,
            title.replace("-", "").capitalize(),
            dashboard_name=f"{prefix}-{title}",
            dashboard_body=stack.to_json_string(body),
        )


def _cut_over(prefix: str, names: Names) -> list[Row]:
    ours = partial(_ours, prefix)
    parked = _queue("ApproximateNumberOfMessagesVisible", names.parked_queue)
    waiting = [
        _queue(f"ApproximateNumberOfMessages{state}", names.replay_queue)
        for state in ("Visible", "Delayed", "NotVisible")
    ]
    return [
        ("Lag of each table, records (must be 0)", [_by_topic("SumOffsetLag", names.cluster)]),
        ("Lag of each table, s", [_by_topic("EstimatedMaxTimeLag", names.cluster)]),
        ("Parked records (must be 0)", [parked]),
        ("Replay queue, with delayed and in flight (must be 0)", waiting),
        ("Events given up or dropped (must be 0)",
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
         [_search("AWS/Kafka", "KafkaDataLogsDiskUsed", ("Cluster Name", "Broker ID"),
                  names.cluster, "Maximum")]),
        ("Nodes: cdc_raw free, %", [_node("CdcFreePercent", prefix, "Minimum")]),
        ("Nodes: age of the oldest unread segment, s",
         [_node("OldestSegmentSeconds", prefix, "Maximum")]),
        ("Sweeps: token ranges done", [ours("SweepRangesDone", "Sum")]),
    ]  # fmt: skip


def _widget(number: int, title: str, metrics: list[list[Any]], region: str) -> Widget:
    return {
        "type": "metric",
        "x": number % 2 * _WIDTH,
        "y": number // 2 * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {"title": title, "region": region, "period": 60, "metrics": metrics},
    }


def _ours(pipeline: str, name: str, statistic: str) -> list[Any]:
    return [NAMESPACE, name, OUR_DIMENSION, pipeline, {"stat": statistic}]


def _node(name: str, pipeline: str, statistic: str) -> list[Any]:
    return [NODE_NAMESPACE, name, "pipeline", pipeline, {"stat": statistic}]


def _queue(name: str, queue: str) -> list[Any]:
    return ["AWS/SQS", name, "QueueName", queue, {"stat": "Maximum"}]


def _functions(names: Names, metric: str, statistic: str) -> list[list[Any]]:
    return [
        ["AWS/Lambda", metric, "FunctionName", function, {"stat": statistic}]
        for function in (names.processor, names.replay)
    ]


def _by_topic(name: str, cluster: str) -> list[Any]:
    return _search(
        "AWS/Kafka", name, ("Cluster Name", "Consumer Group", "Topic"), cluster, "Maximum"
    )


def _mappings(name: str) -> list[Any]:
    return _search("AWS/Lambda", name, ("EventSourceMappingUUID",), "", "Sum")


def _search(
    namespace: str, name: str, dimensions: tuple[str, ...], cluster: str, statistic: str
) -> list[Any]:
    quoted = ",".join(json.dumps(one) for one in dimensions)
    chosen = f' "Cluster Name"={json.dumps(cluster)}' if cluster else ""
    schema = f'{{"{namespace}",{quoted}}} MetricName="{name}"{chosen}'
    return [{"expression": f"SEARCH('{schema}', '{statistic}')"}]
