"""Every alarm of the template, judged on data: quiet while all is well, and it fires when not."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ConfigurationError
from hintferry_ops.constants import BUDGET_REGIONS
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring.every_alarm import every_alarm
from hintferry_ops.monitoring.node_metrics import METRICS, NAMESPACE
from hintferry_ops.monitoring.rule import Rule, Severity
from infra.monitoring.table_dashboard import CHOSEN
from tests.infra.evaluation import ALARM, OK, state
from tests.infra.synthesised import Template, properties, resources, synthesise
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

MIGRATION = migration_from(ROOT / "migration.toml")
RULES = every_alarm(MIGRATION)
WELL = {
    "CdcFreePercent": 90.0,
    "CdcSecondsToFull": 1e6,
    "CdcOutageSecondsLeft": 1e6,
    "CaptureUp": 1.0,
    "NodeReports": 15.0,
    "OldestSegmentSeconds": 60.0,
    "WatermarkAge": 330.0,
    "Freshness": 800.0,
    "Duration": 900.0,
    "ClockSkew": 3.0,
    "ClockOffsetTarget": 1.0,
    "ClockOffsetSource": 40.0,
    "EstimatedMaxTimeLag": 2.0,
    "KafkaDataLogsDiskUsed": 30.0,
    "Throttles": 0.0,
    "SweepsBegun": 4.0,
    "SweepAge": 80 * 3600.0,
}
ILL = {
    "CdcFreePercent": 10.0,
    "CdcSecondsToFull": 3600.0,
    "CdcOutageSecondsLeft": 900.0,
    "CaptureUp": 0.0,
    "NodeReports": 10.0,
    "OldestSegmentSeconds": 600.0,
    "WatermarkAge": 1200.0,
    "Freshness": 90_000.0,
    "Duration": 59_000.0,
    "ClockSkew": 1500.0,
    "ClockOffsetTarget": 30.0,
    "ClockOffsetSource": 1500.0,
    "EstimatedMaxTimeLag": 4 * 86400.0,
    "KafkaDataLogsDiskUsed": 91.0,
    "CpuUser": 70.0,
    "Throttles": 200.0,
    "SweepsBegun": 0.0,
    "SweepAge": 170 * 3600.0,
    "SessionRebuilds": 60.0,
    "ApproximateAgeOfOldestMessage": 11 * 86400.0,
}

EMITTED = {
    metrics.NAMESPACE: (*metrics.OURS, *metrics.OF_VERSIONS, *metrics.OF_SWEEPS),
    NAMESPACE: tuple(METRICS),
}


def of(rule: Rule, values: dict[str, float], otherwise: float) -> float:
    name = rule.metric.name
    return values.get(f"{rule.statistic} of {name}", values.get(name, otherwise))


@pytest.fixture(scope="session")
def alarms(templates: dict[str, Template]) -> dict[str, dict[str, Any]]:
    found = properties(templates, "AWS::CloudWatch::Alarm")
    return {_name(one).rpartition("-")[2]: one for one in found}


def _name(alarm: dict[str, Any]) -> str:
    """The name, without the version that ends the name of a rollback alarm."""
    name = alarm["AlarmName"]
    return name if isinstance(name, str) else str(name["Fn::Join"][1][0]).removesuffix("-")


def test_every_rule_is_an_alarm(alarms: dict[str, dict[str, Any]]) -> None:
    assert set(alarms) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_is_quiet_while_all_is_well_and_fires_when_not(
    rule: Rule, alarms: dict[str, dict[str, Any]]
) -> None:
    alarm = alarms[rule.name]
    well, ill = of(rule, WELL, 0.0), of(rule, ILL, 1.0)
    assert state(alarm, [well] * 30) == OK
    assert state(alarm, [well] * 30 + [ill] * rule.periods) == ALARM
    assert state(alarm, [ill] * 30 + [well] * rule.periods) == OK
    silent = ALARM if rule.silence_breaches else OK
    assert state(alarm, [well] * 30 + [None] * rule.periods) == silent


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_watches_what_its_rule_says(rule: Rule, alarms: dict[str, dict[str, Any]]) -> None:
    alarm = alarms[rule.name]
    assert rule.metric.name in json.dumps(alarm)
    if "Metrics" in alarm:
        (query,) = alarm["Metrics"]
        assert (query["Period"], query["ReturnData"]) == (rule.period_s, True)
        assert rule.statistic in json.dumps(query["Expression"])
    else:
        assert alarm["Namespace"] == rule.metric.namespace
        assert [one["Name"] for one in alarm["Dimensions"]] == list(rule.metric.dimensions)
        assert alarm["Period"] == rule.period_s
        assert rule.statistic in (alarm.get("Statistic"), alarm.get("ExtendedStatistic"))


def test_critical_and_warning_notify_apart(
    templates: dict[str, Template], alarms: dict[str, dict[str, Any]]
) -> None:
    told: dict[str, set[str]] = {}
    for rule in RULES:
        if rule.severity is Severity.ROLLBACK:
            assert alarms[rule.name]["AlarmActions"] == []
            continue
        (action,) = alarms[rule.name]["AlarmActions"]
        # In another stack than the topic's it is an import, whose name has the topic's.
        (title,) = re.findall("Critical|Warning", json.dumps(action))
        told.setdefault(rule.severity.value, set()).add(title)
    assert told == {"critical": {"Critical"}, "warning": {"Warning"}}
    assert len(properties(templates, "AWS::SNS::Topic")) == 2


def test_the_alarms_of_mappings_watch_those_of_this_pipeline(
    templates: dict[str, Template], alarms: dict[str, dict[str, Any]]
) -> None:
    polled = [
        name
        for name, one in resources(templates, "AWS::Lambda::EventSourceMapping")
        if "Topics" in one["Properties"]
    ]
    for name in ("EventsDropped", "EventsGivenUp", "PollingFails"):
        (query,) = alarms[name]["Metrics"]
        parts = query["Expression"]["Fn::Join"][1]
        assert [one["Ref"] for one in parts if isinstance(one, dict)] == polled


SAID = """
[alarms]
emails = ["on-call@example.org", "ops@example.org"]
runbook_url = "https://docs.example.org/alarms.html"
monthly_usd = 900
"""


def configured(layer: Path, folder: Path, said: str) -> dict[str, Template]:
    text = (ROOT / "migration.toml").read_text()
    (folder / "migration.toml").write_text(text.replace("[sweep]", f"{said}\n[sweep]"))
    (folder / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    return synthesise(folder / "migration.toml", folder)


def test_people_hear_of_alarms_and_of_the_cost(layer: Path, tmp_path: Path) -> None:
    made = configured(layer, tmp_path, SAID)
    emails = ["on-call@example.org", "ops@example.org"]
    heard: dict[str, list[str]] = {}
    for one in properties(made, "AWS::SNS::Subscription"):
        assert one["Protocol"] == "email"
        heard.setdefault(one["TopicArn"]["Ref"], []).append(one["Endpoint"])
    assert list(heard.values()) == [emails, emails]
    for one in properties(made, "AWS::CloudWatch::Alarm"):
        assert " https://docs.example.org/alarms.html#" in one["AlarmDescription"]
    (budget,) = properties(made, "AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 900, "Unit": "USD"}
    tag = "user:hintferry:pipeline$hintferry"
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": [tag]}
    # Both are create-only: another address under the same name could not be deployed.
    assert "BudgetName" not in budget["Budget"]
    for one in budget["NotificationsWithSubscribers"]:
        assert [subscriber["Address"] for subscriber in one["Subscribers"]] == emails


def test_a_budget_is_refused_where_cloudformation_makes_none() -> None:
    migration = replace(MIGRATION, target=replace(MIGRATION.target, region="eu-north-1"))
    alarms = replace(migration.deployment.alarms, emails=("a@example.org",), monthly_usd=9)
    migration = replace(migration, deployment=replace(migration.deployment, alarms=alarms))
    from infra.monitoring.notifications import make_budget

    nothing: Any = None
    with pytest.raises(ConfigurationError, match="no budget in USD in eu-north-1"):
        make_budget(nothing, migration)


def test_the_regions_of_budgets_are_those_of_the_published_schemas() -> None:
    schema = import_module("cfnlint.schema")
    regions = import_module("cfnlint.helpers").REGIONS
    found = []
    for region in regions:
        with suppress(Exception):
            schema.PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, "AWS::Budgets::Budget")
            found.append(region)
    commercial = [one for one in found if not one.startswith(("cn-", "us-iso", "eu-iso", "eusc-"))]
    assert sorted(commercial) == sorted(BUDGET_REGIONS)


def bodies(templates: dict[str, Template]) -> dict[str, dict[str, Any]]:
    """The body of each dashboard, by its name; what is known only when deployed is `X`."""
    found = {}
    for board in properties(templates, "AWS::CloudWatch::Dashboard"):
        parts = board["DashboardBody"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else "X" for part in parts)
        found[board["DashboardName"]] = json.loads(text)
    return found


def test_the_dashboards_ask_for_what_exists(templates: dict[str, Template]) -> None:
    boards = bodies(templates)
    assert set(boards) == {f"hintferry-{name}" for name in metrics.DASHBOARDS}
    for board in boards.values():
        widgets = board["widgets"]
        assert len(widgets) >= 8
        shown = [one["properties"].get("metrics", []) for one in widgets]
        for metric in (one for some in shown for one in some):
            if isinstance(metric[0], str) and metric[0] in EMITTED:
                assert metric[1] in EMITTED[metric[0]]


def test_the_dashboard_of_a_table_shows_the_table_that_is_chosen(
    templates: dict[str, Template],
) -> None:
    board = bodies(templates)["hintferry-table"]
    (variable,) = board["variables"]
    tables = [str(table.id) for table in MIGRATION.tables]
    assert [one["value"] for one in variable["values"]] == tables
    assert variable["defaultValue"] == tables[0]
    assert variable["pattern"] == CHOSEN
    text = json.dumps(board["widgets"])
    chosen = text.replace(CHOSEN, tables[0])
    assert MIGRATION.consumer_group(MIGRATION.tables[0].id) in chosen
    about_it = [one for one in board["widgets"] if CHOSEN in json.dumps(one)]
    assert len(about_it) == 7
    assert not any(table in text for table in tables), "no widget is of one table for ever"
    for one in board["widgets"]:
        title = one["properties"]["title"]
        assert (one in about_it) is title.startswith(CHOSEN), "a title says whose it is"


def test_what_the_logs_say_of_a_table_is_found(
    templates: dict[str, Template], lines: dict[str, str]
) -> None:
    """The queries' patterns, on lines that the meter wrote."""
    board = json.dumps(bodies(templates)["hintferry-table"]).replace(CHOSEN, "shop.orders")
    queries = [
        one["properties"]["query"] for one in json.loads(board)["widgets"] if one["type"] == "log"
    ]
    found: dict[str, str] = {}
    for query in queries:
        patterns = re.findall(r"(?:parse @message|like) /(.+?)/(?= \||$)", query)
        event = re.findall(r'message = "(\w+)"', query)[0]
        for pattern in (one.replace("?<", "?P<") for one in patterns):
            line = json.loads(lines[event])["topic"] if pattern.endswith("$") else lines[event]
            match = re.search(pattern, line)
            if match:
                found |= match.groupdict()
            else:
                assert "skipped" in pattern, pattern
    ends = {"applied": "1", "parked": "1", "returned": "1"}
    assert {name: found[name] for name in ends} == ends
    assert found["because"].endswith("asked for less")
