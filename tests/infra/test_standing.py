"""Test that fixed costs count what the templates have, at the prices of AWS's pages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry_ops.cost import fixed_cost as standing
from hintferry_ops.cost import prices
from hintferry_ops.cost.fixed_cost import Line, standing_cost, told, total
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring.node_metrics import METRICS
from node.cdcguard.metrics import emf_document
from node.cdcguard.settings import Settings
from tests.infra.synthesised import Template, properties
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

_OURS = migration_from(ROOT / "migration.toml")
MIGRATION = replace(_OURS, target=replace(_OURS.target, region="us-east-1"))
BOOK = prices.price_book()


def by_name(migration: Migration) -> dict[str, Line]:
    return {line.name: line for line in standing_cost(migration, BOOK)}


LINES = by_name(MIGRATION)


def series(alarms: Iterable[dict[str, Any]], migration: Migration) -> int:
    """A query's alarm is paid by the series that it looks at."""
    topics, found = len(migration.followed), 0
    for alarm in alarms:
        (query,) = alarm.get("Metrics", [{"Expression": ""}])
        # What names mappings is known only when deployed.
        query = {"Expression": json.dumps(query["Expression"]) if query["Expression"] else ""}
        if not query["Expression"]:
            found += 1
        elif "Broker ID" in query["Expression"]:
            found += migration.deployment.kafka.brokers
        elif "Operation" in query["Expression"]:
            # There once the service has failed at that.
            continue
        elif "EventSourceMappingUUID" in query["Expression"]:
            found += query["Expression"].count(" = '")
        else:
            assert "Consumer Group" in query["Expression"]
            found += topics
    return found


def poller_units(templates: dict[str, Template]) -> int:
    pollers: dict[str, int] = {}
    for one in properties(templates, "AWS::Lambda::EventSourceMapping"):
        if config := one.get("ProvisionedPollerConfig"):
            group = config["PollerGroupName"]
            pollers[group] = pollers.get(group, 0) + config["MinimumPollers"]
    return sum(-(-count // prices.POLLERS_A_UNIT) for count in pollers.values())


def agree(lines: dict[str, Line], templates: dict[str, Template], migration: Migration) -> None:
    """Every count is that of the templates."""
    brokers = properties(templates, "AWS::MSK::Cluster")
    assert [line.count for name, line in lines.items() if name.startswith("brokers")] == [
        one["NumberOfBrokerNodes"] for one in brokers
    ]
    assert lines["event poller units"].count == poller_units(templates)
    assert lines["endpoints, a zone each"].count == sum(
        len(one["SubnetIds"])
        for one in properties(templates, "AWS::EC2::VPCEndpoint")
        if one["VpcEndpointType"] == "Interface"
    )
    alarms = properties(templates, "AWS::CloudWatch::Alarm")
    assert lines["series that alarms watch"].count == series(alarms, migration)
    for name, kind in (
        ("dashboards", "AWS::CloudWatch::Dashboard"),
        ("keys", "AWS::KMS::Key"),
    ):
        assert lines[name].count == len(properties(templates, kind)), name


def test_the_counts_are_those_of_the_templates(templates: dict[str, Template]) -> None:
    agree(LINES, templates, MIGRATION)
    assert LINES["secrets"].count == 0


def test_what_is_there_already_is_not_counted(imported: tuple[dict[str, Template], Path]) -> None:
    templates, folder = imported
    migration = migration_from(folder / "migration.toml")
    lines = by_name(migration)
    agree(lines, templates, migration)
    assert (lines["endpoints, a zone each"].count, lines["secrets"].count) == (6, 1)


def test_fewer_alarms_watch_where_no_sweep_is_scheduled_and_no_node_is_told() -> None:
    deployment = MIGRATION.deployment
    bare = replace(deployment, nodes=0, sweep=replace(deployment.sweep, every_hours=0))
    lines, name = by_name(replace(MIGRATION, deployment=bare)), "series that alarms watch"
    assert LINES[name].count - lines[name].count == 3
    assert lines["MB of the nodes' reports"].usd == 0


def test_each_is_paid_as_its_page_says() -> None:
    assert LINES["brokers, kafka.m7g.large"].usd == pytest.approx(3 * 0.204 * 730)
    assert LINES["GiB of brokers' storage"].usd == pytest.approx(75.0)
    assert LINES["event poller units"].usd == pytest.approx(0.185 * 730)
    assert LINES["endpoints, a zone each"].usd == pytest.approx(6 * 0.01 * 730)


def test_our_metrics_and_the_nodes_reports_are_what_is_sent() -> None:
    nodes = MIGRATION.deployment.nodes
    sent = len(metrics.OURS) + len(metrics.OF_SWEEPS) + len(METRICS) * (nodes + 1)
    assert LINES["series of our own metrics"].count == sent
    timer = (ROOT / "node" / "units" / "cdcguard.timer").read_text()
    assert f"OnUnitActiveSec={3600 // standing.REPORTS_AN_HOUR}" in timer
    unset = dict.fromkeys(Settings._fields, "")
    named: Any = Settings(**unset | {"pipeline": "hintferry", "node": "10.0.1.11"})  # type: ignore[arg-type]
    report = emf_document(named, named.node, dict.fromkeys(METRICS, 1.8e9), 1.8e9)
    assert 0.7 * standing.REPORT_BYTES < len(report) < standing.REPORT_BYTES


def test_the_sum_is_told_with_region_and_date() -> None:
    lines = list(LINES.values())
    text = told(MIGRATION, BOOK)
    assert "us-east-1" in text
    assert "2025-12" in text
    assert total(lines) == sum(line.usd or 0 for line in lines)
    assert text.splitlines()[-1].split() == ["together", f"{total(lines):,.2f}"]


def test_an_instance_without_a_price_is_said_to_have_none() -> None:
    deployment = MIGRATION.deployment
    huge = replace(deployment, kafka=replace(deployment.kafka, instance="kafka.x9.huge"))
    migration = replace(MIGRATION, deployment=huge)
    assert by_name(migration)["brokers, kafka.x9.huge"].usd is None
    text = told(migration, BOOK)
    assert "no price known" in text
    assert "together, at least" in text, "what is not known is not nothing"


def test_the_readme_tells_the_sum_of_the_example() -> None:
    said = f"{total(list(LINES.values())):,.0f} USD a month in us-east-1"
    assert said in (ROOT / "README.md").read_text()


def test_a_region_without_prices_begins_with_what_the_same_costs_elsewhere() -> None:
    """The example's Region is one: a user first saw a list without a figure."""
    elsewhere = replace(MIGRATION, target=replace(MIGRATION.target, region="eu-west-1"))
    first, *_ = told(elsewhere, BOOK).splitlines()
    assert "prices of eu-west-1 are not known here" in first
    assert f"{total(list(LINES.values())):,.2f} USD a month in us-east-1" in first


def test_pollers_of_a_group_share_units() -> None:
    """As many mappings as one Region's account takes: the marker rows' is one of them."""
    many = replace(MIGRATION, tables=(MIGRATION.tables * 100)[:199])
    units = by_name(many)["event poller units"]
    assert (units.count, round(units.usd or 0)) == (20, 2701)
    decision = next((ROOT / "docs" / "decisions").glob("*-a-topic-a-table.md")).read_text()
    assert "20 units, $2,701" in decision
