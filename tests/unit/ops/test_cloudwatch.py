"""Test how CloudWatch's data about nodes and topics become reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.clocks.cached_answer import CACHED_S
from hintferry.adapters.config.settings import migration_from
from hintferry.core.schema import TableId
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry_ops.cutover import cloudwatch as adapter
from hintferry_ops.cutover.cloudwatch import CloudWatchMetrics
from hintferry_ops.cutover.gate.facts import Lag, NodeReport
from hintferry_ops.cutover.gatekeeper import LOOK_EVERY_S
from hintferry_ops.monitoring.node_metrics import DIMENSIONS, METRICS, NAMESPACE

NOW = 1_760_000_000.0
ORDERS = TableId("shop", "orders")
CONFIG = (
    '[source]\ncontact_points = ["10.0.1.11"]\ndatacenter = "dc1"\n'
    '[target]\nendpoint = "x"\nregion = "x"\n[capture]\ntopic_prefix = "cdc"\n'
)


class CloudWatch:
    """Values by metric and by the last of its dimensions, as (seconds ago, value)."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self.asked: list[dict[str, Any]] = []
        self.calls: list[int] = []
        """The number of queries of each call of GetMetricData."""

    def get_paginator(self, operation: str) -> Any:
        self.operation = operation
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        if self.operation == "list_metrics":
            assert [one["Name"] for one in asked["Dimensions"]] == ["pipeline"]
            assert asked["Dimensions"][0]["Value"] in ("hintferry", "other")
            for name, node in self.values:
                if name == asked["MetricName"]:
                    dimensions = [*asked["Dimensions"], {"Name": "node", "Value": node}]
                    yield {"Metrics": [{"Dimensions": dimensions}, {"Dimensions": []}]}
            return
        self.calls.append(len(asked["MetricDataQueries"]))
        for query in asked["MetricDataQueries"]:
            self.asked.append(query["MetricStat"])
            metric = query["MetricStat"]["Metric"]
            key = metric["MetricName"], metric["Dimensions"][-1]["Value"]
            inside = [
                (when(NOW - ago), value)
                for ago, value in self.values.get(key, [])
                if asked["StartTime"] <= when(NOW - ago) < asked["EndTime"]
            ]
            # The service answers the latest first, and in pages.
            for stamp, value in reversed(inside):
                one = {"Id": query["Id"], "Timestamps": [stamp], "Values": [value]}
                yield {"MetricDataResults": [one]}


def when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch()


@pytest.fixture
def seen(cloudwatch: CloudWatch, tmp_path: Path) -> CloudWatchMetrics:
    return looking_at([ORDERS], cloudwatch, tmp_path)


def looking_at(
    tables: list[TableId], cloudwatch: CloudWatch, folder: Path, time: SimulatedTime | None = None
) -> CloudWatchMetrics:
    path = folder / "migration.toml"
    path.write_text(CONFIG)
    clock = ScriptedClock(time or SimulatedTime(int(NOW * 1e6)))
    return CloudWatchMetrics(cloudwatch, migration_from(path), tables, clock)


def test_a_node_says_up_to_when_it_has_hinted(
    cloudwatch: CloudWatch, seen: CloudWatchMetrics
) -> None:
    cloudwatch.values = {
        ("HintedUpTo", "10.0.1.11"): [(120, NOW - 150), (60, NOW - 90)],
        ("SetAsideSegments", "10.0.1.11"): [(120, 3), (60, 2)],
        ("HintedUpTo", "10.0.2.11"): [(60, 0)],
        ("HintedUpTo", "10.0.3.11"): [(10_000, NOW)],
    }
    assert seen.reports(NOW - 3_600) == [
        NodeReport("10.0.1.11", NOW, NOW - 90, 2, None),
        NodeReport("10.0.2.11", NOW, None, 0, None),
        NodeReport("10.0.3.11", 0.0, None, 0, None),
    ]


def test_a_guard_tells_the_host_id_of_its_node_behind_the_address(
    cloudwatch: CloudWatch, seen: CloudWatchMetrics
) -> None:
    cloudwatch.values = {("HintedUpTo", "10.0.1.11 0e1f-2"): [(60, NOW - 90)]}
    assert seen.reports(NOW) == [NodeReport("10.0.1.11", NOW, NOW - 90, 0, None, "0e1f-2")]


@pytest.mark.parametrize(
    ("metric", "values", "ago"),
    [
        ("HintsLost", [(3_000, 1), (60, 0)], 3_000),
        ("SegmentsDeleted", [(3_000, 0), (600, 4)], 600),
        ("ErrorSegments", [(3_000, 2), (2_000, 2), (600, 3), (60, 3)], 600),
        ("TablesToSweep", [(3_000, 5), (2_000, 5), (600, 0)], None),
        # In the period in which the pass began (C5a): the sample before it tells that it grew.
        ("ErrorSegments", [(3_900, 0), (3_600, 1), (60, 1)], 3_600),
        ("ErrorSegments", [(4_200, 0), (3_900, 1), (3_600, 1), (60, 1)], None),
        ("HintsLost", [(9_000, 1)], None),
    ],
)
def test_losses_are_dated_and_what_merely_lies_there_is_none(
    cloudwatch: CloudWatch,
    seen: CloudWatchMetrics,
    metric: str,
    values: list[tuple[float, float]],
    ago: float | None,
) -> None:
    cloudwatch.values = {("HintedUpTo", "n"): [(60, NOW)], (metric, "n"): values}
    (report,) = seen.reports(NOW - 3_600)
    expected = None if ago is None else NOW - ago + adapter.LOSS_PERIOD_S
    assert report.lost_at == expected


def test_the_lag_is_that_of_the_tables_topic(cloudwatch: CloudWatch, tmp_path: Path) -> None:
    time = SimulatedTime(int(NOW * 1e6))
    seen = looking_at([ORDERS], cloudwatch, tmp_path, time)
    assert seen.lag(ORDERS) is None
    cloudwatch.values = {("SumOffsetLag", "cdc.shop.orders"): [(120, 7), (60, 0)]}
    time.advance(int(CACHED_S * 1e6))
    assert seen.lag(ORDERS) == Lag(0, NOW - 60)
    assert {one["Name"]: one["Value"] for one in cloudwatch.asked[-1]["Metric"]["Dimensions"]} == {
        "Cluster Name": "hintferry",
        "Consumer Group": "hintferry-shop.orders-v1",
        "Topic": "cdc.shop.orders",
    }


def test_however_many_tables_ask_cloudwatch_is_asked_once_a_look(
    cloudwatch: CloudWatch, tmp_path: Path
) -> None:
    time = SimulatedTime(int(NOW * 1e6))
    tables = [TableId("shop", f"t{number}") for number in range(600)]
    cloudwatch.values = {("HintedUpTo", node): [(60, NOW)] for node in ("a", "b", "c")}
    cloudwatch.values[("SumOffsetLag", "cdc.shop.t599")] = [(60, 9)]
    seen = looking_at(tables, cloudwatch, tmp_path, time)
    for table in tables:
        seen.reports(NOW - 3_600)
        seen.lag(table)
    assert cloudwatch.calls == [500, 108, 12], "600 lags, 2 clocks, 3 nodes of 2 figures, 4 losses"
    assert seen.lag(tables[-1]) == Lag(9, NOW - 60), "each answer finds its query again"
    time.advance(int(LOOK_EVERY_S * 1e6))
    seen.reports(NOW)
    assert len(cloudwatch.calls) == 6, "the next look has answers of its own"
    seen.reports(NOW - 6 * 24 * 3_600)
    assert cloudwatch.calls[6:] == [12], "losses are looked for further back where they are asked"


def test_the_guard_emits_what_is_looked_for() -> None:
    wanted = {
        adapter.HINTED_UPTO,
        adapter.SET_ASIDE,
        *adapter.LOSSES,
        *adapter.GROWING_LOSSES,
    }
    assert wanted <= set(METRICS)
    assert NAMESPACE == adapter.NODES
    assert ["pipeline", "node"] in DIMENSIONS


def test_the_worst_clock_of_the_last_minutes_is_told(
    cloudwatch: CloudWatch, seen: CloudWatchMetrics
) -> None:
    cloudwatch.values[adapter.CLOCK_OF_FUNCTIONS, "hintferry"] = [
        (200, 3.0),
        (100, 31.5),
        (30, 0),
    ]
    assert seen.clock_of(adapter.CLOCK_OF_FUNCTIONS) == 31.5
    assert seen.clock_of(adapter.CLOCK_OF_NODES) is None


def test_the_clocks_are_those_of_this_pipelines_functions(
    cloudwatch: CloudWatch, tmp_path: Path
) -> None:
    path = tmp_path / "migration.toml"
    path.write_text(CONFIG + '[pipeline]\nname = "other"\n')
    cloudwatch.values = {
        (adapter.CLOCK_OF_FUNCTIONS, "hintferry"): [(60, 31.5)],
        (adapter.CLOCK_OF_FUNCTIONS, "other"): [(60, 2.5)],
    }
    clock = ScriptedClock(SimulatedTime(int(NOW * 1e6)))
    seen = CloudWatchMetrics(cloudwatch, migration_from(path), [], clock)
    assert seen.clock_of(adapter.CLOCK_OF_FUNCTIONS) == 2.5


def test_validation_is_summed_over_the_last_day(
    cloudwatch: CloudWatch, seen: CloudWatchMetrics
) -> None:
    cloudwatch.values["ValidatedKeys", "hintferry"] = [(90_000, 7.0), (80_000, 5.0), (60, 2.0)]
    cloudwatch.values["ValidatedDiverged", "hintferry"] = [(3_600, 1.0)]
    found = seen.validated()
    assert found == {"ValidatedKeys": 7, "ValidatedDiverged": 1, "UnvalidatedKeys": 0}
    assert {asked["Stat"] for asked in cloudwatch.asked} == {"Sum"}
