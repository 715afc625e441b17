"""Describe what the nodes' guards and the brokers report to CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hintferry.adapters.clocks.cached_answer import CachedAnswer
from hintferry.adapters.config.settings import Migration
from hintferry.core.passes import PASS_HOLDS_S
from hintferry.core.schema import TableId
from hintferry.ports import Clock
from hintferry_ops.cutover.gate.estimates import REPORT_HOLDS_S
from hintferry_ops.cutover.gate.facts import Lag, NodeReport

NODES = "Hintferry/Nodes"
"""The namespace of the guard on each node (node/cdcguard)."""

OURS = "Hintferry"
"""The namespace of the functions."""

CLOCK_OF_FUNCTIONS, CLOCK_OF_NODES = "ClockOffsetTarget", "ClockOffsetSource"
VALIDATED, DIVERGED, UNVALIDATED = "ValidatedKeys", "ValidatedDiverged", "UnvalidatedKeys"
VALIDATION = VALIDATED, DIVERGED, UNVALIDATED
DAY_S, HOUR_S = 24 * 3600, 3600
BROKERS = "AWS/Kafka"
PERIOD_S = 60
LOSS_PERIOD_S = 300

HINTED_UPTO, SET_ASIDE = "HintedUpTo", "SetAsideSegments"
LOSSES = ("HintsLost", "SegmentsDeleted")
"""Counts of what a pass of the guard saw go."""

GROWING_LOSSES = ("ErrorSegments", "TablesToSweep")
"""Metrics that stay up until somebody acts on them: a rise is a new loss."""

LOOK_BACK_S = (3600.0, 24 * 3600.0, PASS_HOLDS_S)
"""Losses are looked for as far back as the nearest of these that reaches."""

QUERIES_A_CALL = 500
"""Queries of one call: as many as GetMetricData takes."""

Points = list[tuple[float, float]]
"""Epoch seconds at which each period begins, and values; oldest first."""


@dataclass(frozen=True, slots=True)
class _Query:
    """One series: a metric with its dimensions, the last of which names whose it is."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Maximum"


_Found = Mapping[_Query, Points]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The answers of one moment: who reports, and what."""

    nodes: Sequence[str]
    lately: _Found
    losses: dict[float, _Found]
    """Losses by how many seconds back they were searched; each is asked for when it is wanted."""


class CloudWatchMetrics:
    """`cloudwatch` is a boto3 client, whose errors are raised; `tables`: whose lag is looked at.

    However many tables ask in one moment, CloudWatch is asked once; for losses once a time to look
    back.
    """

    def __init__(
        self, cloudwatch: Any, migration: Migration, tables: Sequence[TableId], clock: Clock
    ) -> None:
        self._cloudwatch, self._migration = cloudwatch, migration
        self._tables, self._clock = tables, clock
        self._held = CachedAnswer(self._look, clock.now)

    def reports(self, since: float) -> list[NodeReport]:
        """The latest of each node, with losses since then (epoch s), a week back at most."""
        look, ago = self._held.answer(), self._clock.now() - since
        back = next((back for back in LOOK_BACK_S if back >= ago), LOOK_BACK_S[-1])
        if back not in look.losses:
            look.losses[back] = self._look_back(look.nodes, back)
        return [self._report(node, since, look.lately, look.losses[back]) for node in look.nodes]

    def lag(self, table: TableId) -> Lag | None:
        """Return the consumer lag of the table's topic, or None if MSK reports none."""
        series = self._held.answer().lately[self._lag_of(table)]
        return Lag(int(series[-1][1]), series[-1][0]) if series else None

    def clock_of(self, name: str) -> float | None:
        """By how many milliseconds the worst clock was off, lately; None where nobody told."""
        series = self._held.answer().lately[self._of_functions(name)]
        return max((value for _, value in series), default=None)

    def validated(self) -> dict[str, int]:
        """Return the sums of validation over the last day, by metric."""
        service = (("service", self._pipeline),)
        wanted = [_Query(OURS, name, service, "Sum") for name in VALIDATION]
        found = self._series(wanted, self._clock.now() - DAY_S, HOUR_S)
        return {query.name: int(sum(value for _, value in found[query])) for query in wanted}

    def _look(self) -> _Reading:
        nodes, names = self._nodes(), (HINTED_UPTO, SET_ASIDE)
        wanted = [self._of_node(node, name) for node in nodes for name in names]
        wanted += map(self._of_functions, (CLOCK_OF_FUNCTIONS, CLOCK_OF_NODES))
        wanted += [self._lag_of(table) for table in self._tables]
        return _Reading(
            nodes, self._series(wanted, self._clock.now() - REPORT_HOLDS_S, PERIOD_S), {}
        )

    def _look_back(self, nodes: Sequence[str], back_s: float) -> _Found:
        names = *LOSSES, *GROWING_LOSSES
        wanted = [self._of_node(node, name) for node in nodes for name in names]
        # One period more: what grew in the first one is told by the sample before it.
        return self._series(wanted, self._clock.now() - back_s - LOSS_PERIOD_S, LOSS_PERIOD_S)

    @property
    def _pipeline(self) -> str:
        return self._migration.deployment.pipeline.name

    def _nodes(self) -> list[str]:
        found = self._cloudwatch.get_paginator("list_metrics").paginate(
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

    def _of_node(self, node: str, name: str) -> _Query:
        return _Query(NODES, name, (("pipeline", self._pipeline), ("node", node)))

    def _of_functions(self, name: str) -> _Query:
        return _Query(OURS, name, (("service", self._pipeline),))

    def _lag_of(self, table: TableId) -> _Query:
        migration = self._migration
        dimensions = (
            ("Cluster Name", migration.kafka_cluster),
            ("Consumer Group", migration.consumer_group(table)),
            ("Topic", migration.topic(table)),
        )
        return _Query(BROKERS, "SumOffsetLag", dimensions)

    def _report(self, node: str, since: float, lately: _Found, losses: _Found) -> NodeReport:
        hinted, aside = (lately[self._of_node(node, name)] for name in (HINTED_UPTO, SET_ASIDE))
        # A period that is cut at its beginning would tell less than it held.
        begin = since - since % LOSS_PERIOD_S
        lost: list[float] = []
        for name in (*LOSSES, *GROWING_LOSSES):
            series = losses[self._of_node(node, name)]
            ats = _rises(series) if name in GROWING_LOSSES else (at for at, v in series if v)
            lost += (at for at in ats if at >= begin)
        upto = hinted[-1][1] if hinted else 0.0
        address, _, host_id = node.partition(" ")
        return NodeReport(
            address,
            hinted[-1][0] + PERIOD_S if hinted else 0.0,
            upto or None,
            int(aside[-1][1]) if aside else 0,
            # Somewhere in that period: its end is the safe side.
            max(lost) + LOSS_PERIOD_S if lost else None,
            host_id or None,
        )

    def _series(self, wanted: Sequence[_Query], begin: float, period_s: int) -> _Found:
        found: dict[_Query, Points] = {query: [] for query in wanted}
        for first in range(0, len(wanted), QUERIES_A_CALL):
            part = wanted[first : first + QUERIES_A_CALL]
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[
                    _asked(number, query, period_s) for number, query in enumerate(part)
                ],
                StartTime=_when(begin - begin % period_s),
                EndTime=_when(self._clock.now() + period_s),
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    stamps = (stamp.timestamp() for stamp in result["Timestamps"])
                    series = found[part[int(result["Id"][1:])]]
                    series += zip(stamps, result["Values"], strict=True)
        return {query: sorted(series) for query, series in found.items()}


def _asked(number: int, query: _Query, period_s: int) -> dict[str, Any]:
    return {
        "Id": f"q{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
            },
            "Period": period_s,
            "Stat": query.statistic,
        },
    }


def _rises(series: Points) -> Iterator[float]:
    for (_, before), (at, value) in pairwise(series):
        if value > before:
            yield at


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
