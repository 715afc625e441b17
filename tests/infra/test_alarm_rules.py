"""Every alarm watches something that is emitted, can fire, and says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aws_lambda_powertools import Logger, Metrics

from hintferry.adapters.config.settings import migration_from
from hintferry.core.errors import ParkReason, Paused, Undecodable
from hintferry.core.hint import Errand, Hint, Record, Scope
from hintferry.core.outcome import APPLIED, Outcome, ReturnReason, Settled, SkipReason
from hintferry.core.schema import TableId
from hintferry.live.validation import Diverged
from hintferry_ops.monitoring import metrics
from hintferry_ops.monitoring.alarm_rules import Names, rules
from hintferry_ops.monitoring.every_alarm import every_alarm
from hintferry_ops.monitoring.mapping_rules import mapping_rules
from hintferry_ops.monitoring.node_metrics import METRICS, NAMESPACE
from hintferry_ops.monitoring.rule import Query, Rule, Series, Severity, anchor
from node.cdcguard.settings import load_settings
from node.render import render
from tests.infra.logged import meter_of
from tests.node.guarded import MadeNode
from tools.places import ROOT

NAMES = Names("msk", "processor", "replay", "parked", "waiting", "sweep", "unstarted")
MIGRATION = migration_from(ROOT / "migration.toml")
RULES = every_alarm(MIGRATION)
AWS = {(metric.namespace, metric.name, metric.dimensions): metric for metric in metrics.AWS}


def named(rule: Rule) -> str:
    return rule.name


@pytest.fixture
def emitted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, set[tuple[str, ...]]]:
    """The names that the meter emits for a batch of every end, with their dimensions."""
    Metrics.clear_metrics(Metrics())
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hintferry")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", metrics.NAMESPACE)
    collector = Metrics()
    meter = meter_of(Logger(level="CRITICAL"), collector)
    record = Record("hintferry.shop.orders", 0, 1, 1_700_000_000_000, b"k", b"v")
    ends = [
        APPLIED,
        Settled(Outcome.SKIPPED, SkipReason.NOTHING),
        Settled(Outcome.PARKED, ParkReason.UNDECODABLE, Undecodable("no")),
        Settled(Outcome.RETURNED, None, Undecodable("no")),
        Settled(Outcome.RETURNED, ReturnReason.PAUSED, Paused("paused")),
        Settled(Outcome.SKIPPED, SkipReason.VALIDATED),
        Settled(Outcome.SKIPPED, SkipReason.DIVERGED, Diverged("missing")),
    ]
    hint = Hint(TableId("shop", "orders"), (b"k",), Scope.ROW, errand=Errand.VALIDATION)
    meter.batch([record] * len(ends), {len(ends) - 1: hint}, ends)
    meter.unvalidated(1)
    meter.conservation_failed()
    collector.flush_metrics()
    lines = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    found: dict[str, set[tuple[str, ...]]] = {}
    for line in lines:
        blob = json.loads(line)
        for part in blob["_aws"]["CloudWatchMetrics"]:
            assert part["Namespace"] == metrics.NAMESPACE
            for metric in part["Metrics"]:
                named_by = found.setdefault(metric["Name"], set())
                named_by.update(tuple(f"{d}={blob[d]}" for d in one) for one in part["Dimensions"])
    return found


def test_our_metrics_are_those_that_the_meter_emits(
    emitted: dict[str, set[tuple[str, ...]]],
) -> None:
    # By reason too, for people: HintsParkedUndecodable and the like.
    by_reason = {name for name in emitted if re.fullmatch("Hints(Parked|Skipped)[A-Z].*", name)}
    assert {*metrics.OURS, *metrics.OF_VERSIONS} == set(emitted) - by_reason
    for name in metrics.OURS:
        assert (f"{metrics.OUR_DIMENSION}=hintferry",) in emitted[name]
    for name in metrics.OF_VERSIONS:
        assert {frozenset(one) for one in emitted[name]} == {
            frozenset({"service=hintferry", "function=processor", "version=7"})
        }


def test_a_pause_is_no_failure_of_a_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deploy while a table is paused would be rolled back."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hintferry")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", metrics.NAMESPACE)
    meter = meter_of(Logger(level="CRITICAL"), Metrics())
    record = Record("hintferry.shop.orders", 0, 1, 1_700_000_000_000, b"k", b"v")
    paused = Settled(Outcome.RETURNED, ReturnReason.PAUSED, Paused("paused"))
    failed = Settled(Outcome.RETURNED, None, Undecodable("no"))
    meter.batch([record] * 2, {}, [paused, APPLIED])
    assert "HintsFailed" not in capsys.readouterr().out
    meter.batch([record] * 3, {}, [paused, failed, failed])
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "HintsFailed" in one]
    assert json.loads(line)["HintsFailed"] == [2.0]
    Metrics.clear_metrics(Metrics())


Emitted = set[tuple[object, ...]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """The names that a pass of the guard sends, each with every set of its dimensions.

    Its configuration is rendered from the `migration.toml` of which the alarms are made.
    """
    home = tmp_path_factory.mktemp("guard")
    render(migration_from(ROOT / "migration.toml"), "b-1:9098", "iam", home / "rendered")
    node = MadeNode(home / "node")
    rendered = (home / "rendered" / "cdcguard.ini").read_text()
    (pipeline,) = re.findall("pipeline = .*", rendered)
    node.ini.write_text(re.sub("pipeline = .*", pipeline, node.ini.read_text()))
    node.settings = load_settings(str(node.ini))
    node.run()
    sent = node.world.sent[-1]
    (directive,) = sent["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    return {
        (one["Name"], *((dimension, sent[dimension]) for dimension in dimensions))
        for one in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_alarm_watches_what_somebody_emits(rule: Rule, guarded: Emitted) -> None:
    watched = rule.metric
    if watched.namespace == metrics.NAMESPACE:
        assert isinstance(watched, Series)
        is_of_a_version = watched.name in metrics.OF_VERSIONS
        assert is_of_a_version or watched.name in (*metrics.OURS, *metrics.OF_SWEEPS)
        assert watched.dimensions[metrics.OUR_DIMENSION] == "hintferry"
        others = tuple(watched.dimensions)[1:]
        assert others == (metrics.OUR_VERSION if is_of_a_version else ())
    elif watched.namespace == NAMESPACE:
        assert isinstance(watched, Series)
        assert (watched.name, *watched.dimensions.items()) in guarded
    else:
        known = AWS[watched.namespace, watched.name, tuple(watched.dimensions)]
        assert known.page.endswith(".html")


def test_whatever_asks_for_attention_on_a_node_is_watched_as_the_guard_has_it() -> None:
    asking = {name: asks for name, (_, _, asks) in METRICS.items() if asks}
    watching = {rule.metric.name: rule for rule in RULES if rule.metric.name in asking}
    assert set(watching) == set(asking)
    for name, (comparison, threshold, seconds) in asking.items():
        rule = watching[name]
        assert (rule.below, rule.threshold) == (comparison == "<", threshold)
        assert rule.period_s * rule.periods == seconds
        assert rule.breaches == rule.periods


def headings() -> Iterator[str]:
    for line in (ROOT / "docs" / "how-to" / "alarms.md").read_text().splitlines():
        if line.startswith("#"):
            yield line.lstrip("#").strip()


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_alarm_says_what_to_do_and_where_it_is_told(rule: Rule) -> None:
    assert rule.section in set(headings())
    assert rule.action.endswith(".")
    longest = "https://docs.example.org/" + "x" * 256
    assert len(rule.description(longest)) <= 1024
    assert rule.description().endswith(f" docs/how-to/alarms.md#{anchor(rule.section)}")
    page = "https://docs.example.org/alarms.html"
    assert rule.description(page).endswith(f" {page}#{anchor(rule.section)}")


def test_queries_are_written_as_metrics_insights_reads_them() -> None:
    query = Query("AWS/Kafka", "Lag", ("Cluster Name", "Topic"), "Topic", ("a", "b"))
    assert query.text("MAX") == (
        'SELECT MAX("Lag") FROM SCHEMA("AWS/Kafka", "Cluster Name", "Topic")'
        " WHERE \"Topic\" = 'a' OR \"Topic\" = 'b'"
    )


def test_no_query_is_longer_than_an_alarm_takes() -> None:
    uuid, keyspace = "0" * 36, "k" * 48
    names = [f"{keyspace[:-3]}{number:03}" for number in range(60)]
    tables = tuple(replace(MIGRATION.tables[0], id=TableId(one, "t")) for one in names)
    many = [*rules(replace(MIGRATION, tables=tables), NAMES), *mapping_rules([uuid] * 201)]
    texts = [one.metric.text("SUM") for one in many if isinstance(one.metric, Query)]
    assert max(map(len, texts)) <= 2048
    assert sum(text.count(uuid) for text in texts) == 3 * 201
    assert all(any(one in text for text in texts) for one in names)
    assert len({one.name for one in many}) == len(many)


def test_two_pipelines_of_an_account_watch_mappings_and_keyspaces_of_their_own() -> None:
    for rule in RULES:
        if isinstance(rule.metric, Query):
            assert rule.metric.values, rule.name
            assert rule.metric.by in rule.metric.dimensions


def test_data_at_risk_is_critical_and_silence_is_noticed() -> None:
    critical = {rule.name for rule in RULES if rule.severity is Severity.CRITICAL}
    assert critical >= {
        "ClockSkewed",
        "ConnectorLoses",
        "ConnectorSilent",
        "ConservationFails",
        "EventsDropped",
        "EventsGivenUp",
        "HintsParked",
        "NodeSilent",
        "RetentionRunsOut",
        "SegmentStuck",
    }
    silent = {rule.name for rule in RULES if rule.silence_breaches}
    assert silent == {"LagLong", "NodeSilent", "SweepsStop"}
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_two_pipelines_of_an_account_watch_their_own_metrics() -> None:
    """The functions of each emit under its name; the alarms of the other see nothing of that."""
    migration = migration_from(ROOT / "migration.toml")
    named = replace(migration.deployment.pipeline, name="other")
    other = replace(migration, deployment=replace(migration.deployment, pipeline=named))
    watched = [
        {
            (rule.metric.name, *rule.metric.dimensions.items())
            for rule in rules(one, NAMES)
            if isinstance(rule.metric, Series) and rule.metric.namespace == metrics.NAMESPACE
        }
        for one in (migration, other)
    ]
    assert len(watched[0]) == len(watched[1]) > 10
    assert watched[0].isdisjoint(watched[1])
