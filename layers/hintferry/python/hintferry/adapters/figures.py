"""What the nodes' guards and the brokers report to CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hintferry.adapters.settings import Migration
from hintferry.core.facts import Lag, NodeReport
from hintferry.core.gate import REPORT_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock

NODES = "Hintferry/Nodes"
"""The namespace of the guard on each node (node/cdcguard)."""

BROKERS = "AWS/Kafka"
PERIOD_S = 60
LOSS_PERIOD_S = 300

HINTED_UPTO, SET_ASIDE = "HintedUpTo", "SetAsideSegments"
LOSSES = ("HintsLost", "SegmentsDeleted")
"""Counts of what a pass of the guard saw go."""

GROWING_LOSSES = ("ErrorSegments", "TablesToSweep")
"""They stay until somebody has seen to it: more of them is a new loss."""

Series = list[tuple[float, float]]
"""Epoch seconds at which each period begins, and values; oldest first."""


@dataclass(frozen=True, slots=True)
class CloudWatchFigures:
    """`cloudwatch` is a boto3 client, whose errors are raised."""

    cloudwatch: Any
    migration: Migration
    clock: Clock

    def reports(self, since: float) -> list[NodeReport]:
        """The latest of each node, with losses since then (epoch s)."""
        return [self._report(node, since) for node in self._nodes()]

    def lag(self, table: TableId) -> Lag | None:
        """Of the table's topic, as MSK has it; None where it is not known."""
        dimensions = {
            "Cluster Name": self.migration.kafka_cluster,
            "Consumer Group": self.migration.consumer_group(table),
            "Topic": self.migration.topic(table),
        }
        begin = self.clock.now() - REPORT_HOLDS_S
        (series,) = self._series(BROKERS, dimensions, ["SumOffsetLag"], begin, PERIOD_S)
        return Lag(int(series[-1][1]), series[-1][0]) if series else None

    @property
    def _pipeline(self) -> str:
        return self.migration.deployment.pipeline.name

    def _nodes(self) -> list[str]:
        found = self.cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=NODES,
            MetricName=HINTED_UPTO,
            Dimensions=[{"Name": "pipeline", "Value": self._pipeline}],
            RecentlyActive="PT3H",
        )
        names = {
            dimension["Value"]
            for page in found
            for metric in page["Metrics"]
            for dimension in metric["Dimensions"]
            if dimension["Name"] == "node"
        }
        return sorted(names)

    def _report(self, node: str, since: float) -> NodeReport:
        dimensions = {"pipeline": self._pipeline, "node": node}
        begin = self.clock.now() - REPORT_HOLDS_S
        hinted, aside = self._series(NODES, dimensions, [HINTED_UPTO, SET_ASIDE], begin, PERIOD_S)
        losses = self._series(NODES, dimensions, [*LOSSES, *GROWING_LOSSES], since, LOSS_PERIOD_S)
        lost = [at for series in losses[: len(LOSSES)] for at, value in series if value]
        lost += [at for series in losses[len(LOSSES) :] for at in _rises(series)]
        upto = hinted[-1][1] if hinted else 0.0
        return NodeReport(
            node,
            hinted[-1][0] + PERIOD_S if hinted else 0.0,
            upto or None,
            int(aside[-1][1]) if aside else 0,
            # Somewhere in that period: its end is the safe side.
            max(lost) + LOSS_PERIOD_S if lost else None,
        )

    def _series(
        self,
        namespace: str,
        dimensions: Mapping[str, str],
        names: Sequence[str],
        begin: float,
        period_s: int,
    ) -> list[Series]:
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        queries: list[dict[str, Any]] = [
            {
                "Id": f"q{number}",
                "MetricStat": {
                    "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": named},
                    "Period": period_s,
                    "Stat": "Maximum",
                },
            }
            for number, name in enumerate(names)
        ]
        found: dict[str, Series] = {query["Id"]: [] for query in queries}
        pages = self.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            # A period that is cut at its beginning would tell less than it held.
            StartTime=_when(begin - begin % period_s),
            EndTime=_when(self.clock.now() + period_s),
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                stamps = (stamp.timestamp() for stamp in result["Timestamps"])
                found[result["Id"]] += zip(stamps, result["Values"], strict=True)
        return [sorted(series) for series in found.values()]


def _rises(series: Series) -> Iterator[float]:
    for (_, before), (at, value) in pairwise(series):
        if value > before:
            yield at


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
