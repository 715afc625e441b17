"""What stands costs, from the templates, by the arithmetic that AWS's pages give."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hintferry.adapters.settings import migration_from
from infra import prices
from infra.standing import Line, standing_cost, told
from tests.infra.synthesised import Template, properties
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

MIGRATION = migration_from(ROOT / "migration.toml")


@pytest.fixture(scope="module")
def lines(templates: dict[str, Template]) -> dict[str, Line]:
    return {line.name: line for line in standing_cost(MIGRATION, list(templates.values()))}


def test_each_thing_that_stands_is_counted(
    lines: dict[str, Line], templates: dict[str, Template]
) -> None:
    assert lines["brokers, kafka.m7g.large"].usd == pytest.approx(3 * 0.204 * 730)
    assert lines["GiB of brokers' storage"].usd == pytest.approx(75.0)
    assert lines["event poller units"].usd == pytest.approx(0.185 * 730)
    # Two services, three zones.
    assert lines["endpoints, a zone each"].count == 6
    alarms = properties(templates, "AWS::CloudWatch::Alarm")
    assert lines["series that alarms watch"].count > len(alarms)
    assert (lines["dashboards"].count, lines["keys"].count, lines["secrets"].count) == (2, 1, 0)


def test_the_sum_is_told_with_region_and_date(lines: dict[str, Line]) -> None:
    text = told(list(lines.values()))
    assert "us-east-1" in text
    assert prices.DATED in text
    total = sum(line.usd or 0 for line in lines.values())
    assert text.splitlines()[-1].split() == ["together", f"{total:,.2f}"]


def test_an_instance_without_a_price_is_said_to_have_none(templates: dict[str, Template]) -> None:
    changed = json.loads(json.dumps(templates["hintferry-kafka"]).replace("m7g.large", "x9.huge"))
    (line, *_) = standing_cost(MIGRATION, [changed])
    assert (line.name, line.usd) == ("brokers, kafka.x9.huge", None)
    assert "no price known" in told([line])


def test_pollers_of_a_group_share_units() -> None:
    mapping = {"ProvisionedPollerConfig": {"MinimumPollers": 1, "PollerGroupName": "a"}}
    body = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}
    template = {"Resources": {str(number): body for number in range(200)}}
    many = replace(MIGRATION, tables=MIGRATION.tables * 100)
    (units,) = (
        line for line in standing_cost(many, [template]) if line.name == "event poller units"
    )
    assert (units.count, round(units.usd or 0)) == (20, 2701)
    decision = next((ROOT / "docs" / "decisions").glob("*-a-topic-a-table.md")).read_text()
    assert "20 units, $2,701" in decision
