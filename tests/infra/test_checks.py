"""Test the stacks by other tools: cdk-nag, cfn-lint; and that two hundred tables fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from hintferry_ops.constants import CONCURRENT_DDL
from tests.infra.synthesised import (
    Template,
    as_list,
    properties,
    resources,
    statements,
    synthesise,
)
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

NOT_ASKED = {
    "W3005": "the CDK writes a dependency on the role that the function's use of it says already",
    "W3010": "the zones of the VPC are migration.toml's to choose",
}
STACK_RESOURCES = 500
TEMPLATE_BYTES = 1_000_000
POLICY_CHARACTERS = 6144
ROLE_POLICIES = 10
MOST_TOPICS_BY_NAME = 50
TABLES = 200
WITH_STATICS = 30
SYNTH_S = 120.0


def lint(folder: Path) -> list[str]:
    """Return what cfn-lint finds in the templates of a folder, rule by rule."""
    program = str(Path(sys.executable).parent / "cfn-lint")
    options = ["--format", "json", "--ignore-checks", *NOT_ASKED]
    done = subprocess.run(
        [program, *options, "--", *map(str, folder.glob("*.template.json"))],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return [f"{one['Rule']['Id']} {one['Message']}" for one in json.loads(done.stdout)]


def test_cfn_lint_finds_nothing(templates: dict[str, Template], built: Path) -> None:
    assert templates
    assert lint(built / "cdk.out") == []


def test_cfn_lint_would_find_something(templates: dict[str, Template], tmp_path: Path) -> None:
    mappings = dict(resources(templates, "AWS::Lambda::EventSourceMapping"))
    broken = {"Resources": json.loads(json.dumps(mappings))}
    broken["Resources"]["ReplayQueue"]["Properties"]["BatchSize"] = 20_000
    (tmp_path / "a.template.json").write_text(json.dumps(broken))
    assert [found for found in lint(tmp_path) if "20000" in found]


def test_what_cdk_nag_refuses_is_not_synthesised(layer: Path, tmp_path: Path) -> None:
    from aws_cdk import aws_s3 as s3

    from hintferry.adapters.config.settings import migration_from
    from infra.app import build
    from infra.layer import Code

    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "layer").symlink_to(layer)
    config = ROOT / "migration.toml"
    app = build(migration_from(config), Code(tmp_path / "assets", config), str(tmp_path / "out"))
    s3.Bucket(app.node.find_child("hintferry-pipeline"), "Open")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = (tmp_path / "out" / "validation-report.json").read_text()
    assert "AwsSolutions-S10" in report


@pytest.fixture(scope="module", params=[MOST_TOPICS_BY_NAME, TABLES])
def many(
    request: pytest.FixtureRequest, layer: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Template], float]:
    """The templates of many tables with the longest names, and the CPU-seconds that they took."""
    tables = request.param
    folder = tmp_path_factory.mktemp("many")
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    config = (ROOT / "migration.toml").read_text()
    names = [f"{'k' * 48}.{'t' * 44}_{number:03}" for number in range(tables)]
    listed = "".join(f'[tables."{name}"]\n' for name in names)
    (folder / "migration.toml").write_text(config[: config.index("[tables.")] + listed)
    (folder / "schema.cql").write_text("".join(map(_create, names, range(tables))))
    began = cpu_s()
    return synthesise(folder / "migration.toml", folder), cpu_s() - began


def cpu_s() -> float:
    """Return what this process and its children have used."""
    me = psutil.Process()
    spent = [one.cpu_times() for one in (me, *me.children(recursive=True))]
    return float(sum(one.user + one.system for one in spent))


def _create(name: str, number: int) -> str:
    static = "note text static, " if number < WITH_STATICS else ""
    columns = "".join(f"column_{one:02} text, " for one in range(20))
    return f"CREATE TABLE {name} (id uuid, at_day date, {static}{columns}PRIMARY KEY (id, at_day));"


Many = tuple[dict[str, Template], float]


def test_two_hundred_tables_fit(many: Many) -> None:
    templates, taken_s = many
    assert taken_s < SYNTH_S
    for name, template in templates.items():
        assert len(template["Resources"]) <= STACK_RESOURCES, name
        assert len(json.dumps(template)) <= TEMPLATE_BYTES, name
    tables = len(properties(templates, "AWS::MSK::Topic"))
    assert len(list(resources(templates, "Custom::KeyspacesTable"))) == tables
    mappings = properties(templates, "AWS::Lambda::EventSourceMapping")
    groups = [
        one["ProvisionedPollerConfig"]["PollerGroupName"] for one in mappings if "Topics" in one
    ]
    assert len(groups) == tables
    assert max(map(groups.count, groups)) <= 100
    for group in set(groups):
        pollers = [one["ProvisionedPollerConfig"] for one in mappings if "Topics" in one]
        pollers_of_group = [
            one["MaximumPollers"] for one in pollers if one["PollerGroupName"] == group
        ]
        assert sum(pollers_of_group) <= 2000
    alarms = properties(templates, "AWS::CloudWatch::Alarm")
    # Three more for each further 25 mappings; of those with queries a Region takes 200.
    assert len(alarms) - 3 * (tables // 25) <= 60
    assert len([one for one in alarms if "Metrics" in one]) <= 40
    for board in properties(templates, "AWS::CloudWatch::Dashboard"):
        # CloudWatch takes 500 widgets; a page should be seen at one look.
        assert json.dumps(board["DashboardBody"]).count('\\"type\\"') <= 25


def test_their_roles_are_of_a_size_that_iam_takes(many: Many) -> None:
    templates, _ = many
    for name, policy in resources(templates, "AWS::IAM::ManagedPolicy"):
        document = policy["Properties"]["PolicyDocument"]
        assert len(_resolved(document)) <= POLICY_CHARACTERS, name
    for name, role in resources(templates, "AWS::IAM::Role"):
        assert len(role["Properties"].get("ManagedPolicyArns", [])) <= ROLE_POLICIES, name


def test_topics_are_allowed_by_name_until_a_role_cannot_hold_them(many: Many) -> None:
    templates, _ = many
    patterns = [
        json.dumps(statement["Resource"])
        for _, statement in statements(templates)
        if "kafka-cluster:ReadData" in as_list(statement["Action"])
    ]
    tables = len(properties(templates, "AWS::MSK::Topic"))
    assert any("*" in one for one in patterns) is (tables > MOST_TOPICS_BY_NAME)
    assert all("hintferry." in one for one in patterns)


def test_no_more_is_defined_at_once_than_keyspaces_takes(many: Many) -> None:
    """A table waits for the one so many places before it: so no more are under way."""
    templates, _ = many
    tables = dict(resources(templates, "Custom::KeyspacesTable"))
    free = [name for name, one in tables.items() if not set(_after(one)) & set(tables)]
    assert len(free) <= CONCURRENT_DDL
    waited_for = [other for one in tables.values() for other in _after(one) if other in tables]
    assert len(waited_for) == len(set(waited_for))
    assert all(_after(one) for one in tables.values())
    # Lambda takes 256 KiB of an event, in which CloudFormation also tells the earlier properties.
    assert max(len(json.dumps(one)) for one in tables.values()) < 100_000


def _after(resource: dict[str, Any]) -> list[str]:
    return list(resource.get("DependsOn", []))


def _resolved(value: Any) -> str:
    """The policy as IAM counts it: what is known only when deployed, at its longest."""
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return "".join(map(_resolved, value["Fn::Join"][1]))
        if "Ref" in value:
            return "1" * 12
        if "Fn::Select" in value:
            return "a" * (45 if value["Fn::Select"][0] == 0 else 65)
        if any(name.startswith("Fn::") for name in value):
            return "a" * 90
        return "".join(f'"{name}":{_resolved(one)},' for name, one in value.items())
    if isinstance(value, list):
        return "".join(f'"{_resolved(one)}",' for one in value)
    return str(value)
