"""The stacks under the rules of a company: its tags, the boundary of its roles, its key.

So also what only some switch on: storage that grows, and functions that reserve nothing.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hintferry_ops.deployed import KEY_ARN
from infra.guard import refusals
from infra.stacks.key import policy_of
from tests.infra.synthesised import (
    Template,
    as_list,
    properties,
    resources,
    statements,
    synthesise,
)
from tests.infra.test_checks import lint
from tests.infra.test_stacks import ENCRYPTED
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

TAGS = {"team": "ferries", "cost-centre": "4711", "hintferry:pipeline": "hintferry"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-1111-2222-3333-444455556666"
CHANGES = {
    "brokers = 3": "brokers = 3\nmost_storage_gib = 1000",
    "concurrency = 50": "concurrency = 50\nreserve = false",
}
RULES = f"""
[security]
permissions_boundary = "company-boundary"
kms_key_arn = "{KEY}"

[tags]
team = "ferries"
cost-centre = "4711"
"""


@pytest.fixture(scope="module")
def folder(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    text = (ROOT / "migration.toml").read_text()
    for own, changed in CHANGES.items():
        assert own in text
        text = text.replace(own, changed)
    (folder / "migration.toml").write_text(text + RULES)
    (folder / "schema.cql").write_text((ROOT / "schema.cql").read_text())
    return folder


@pytest.fixture(scope="module")
def company(folder: Path) -> dict[str, Template]:
    return synthesise(folder / "migration.toml", folder)


def taggable(kind: str) -> bool:
    """Return whether CloudFormation publishes that resources of this type have tags."""
    manager = import_module("cfnlint.schema").PROVIDER_SCHEMA_MANAGER
    published = manager.get_resource_schema("eu-west-1", kind).schema
    tagging = published.get("tagging", {})
    assert not [one for one in published.get("createOnlyProperties", []) if one.endswith("/Tags")]
    return bool(tagging.get("taggable"))


def as_map(tags: Any) -> dict[str, str]:
    return tags if isinstance(tags, dict) else {one["Key"]: one["Value"] for one in tags}


def test_everything_that_can_have_a_tag_has_those_of_the_file(
    company: dict[str, Template], folder: Path
) -> None:
    seen = set()
    for template in company.values():
        for name, resource in template["Resources"].items():
            kind = resource["Type"]
            if kind.startswith("AWS::") and taggable(kind):
                seen.add(kind)
                tags = as_map(resource["Properties"].get("Tags", []))
                assert TAGS.items() <= tags.items(), (kind, name)
    assert len(seen) > 15
    for table in properties(company, "Custom::KeyspacesTable"):
        assert as_map(table["Tags"]) == TAGS
        assert "'cost-centre': '4711'" in json.dumps(table["Create"])
    artifacts = json.loads((folder / "cdk.out" / "manifest.json").read_text())["artifacts"]
    stacks = [one for one in artifacts.values() if one["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == len(company)
    assert all(one["properties"]["tags"] == TAGS for one in stacks)


def test_every_role_has_the_boundary(
    company: dict[str, Template], templates: dict[str, Template]
) -> None:
    """That of the CDK's own function too."""
    found = properties(company, "AWS::IAM::Role")
    assert len(found) == len(properties(templates, "AWS::IAM::Role")) > 6
    for role in found:
        assert "policy/company-boundary" in json.dumps(role["PermissionsBoundary"]), role
    assert not [one for one in properties(templates, "AWS::IAM::Role") if "Permissions" in one]


def test_the_companys_key_is_used_and_none_is_made(company: dict[str, Template]) -> None:
    for kind in ("AWS::KMS::Key", "AWS::KMS::Alias"):
        assert properties(company, kind) == []
    assert company["hintferry-network"]["Outputs"][KEY_ARN]["Value"] == KEY
    for kind in ENCRYPTED:
        found = properties(company, kind)
        assert found, kind
        assert all(KEY in json.dumps(one) for one in found), kind


def test_what_the_keys_policy_must_hold_is_that_of_a_key_of_ours(
    templates: dict[str, Template],
) -> None:
    account, *services = json.loads(policy_of(KEY))
    (ours,) = properties(templates, "AWS::KMS::Key")
    _, *made = ours["KeyPolicy"]["Statement"]
    assert [one["Principal"] for one in services] == [one["Principal"] for one in made]
    assert [sorted(one["Action"]) for one in services] == [sorted(one["Action"]) for one in made]
    assert account["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    used = {
        action
        for _, statement in statements(templates)
        for action in as_list(statement["Action"])
        if action.startswith("kms:")
    }
    assert used <= set(account["Action"])
    assert "123456789012" in json.dumps(services)


def test_another_key_is_refused_once_a_cluster_is_there(
    company: dict[str, Template], templates: dict[str, Template]
) -> None:
    (said,) = refusals(templates, company, [])
    assert said.startswith("security.kms_key_arn leads to another key")
    assert refusals(company, company, []) == []


def test_the_brokers_storage_grows_before_the_alarm(
    company: dict[str, Template], templates: dict[str, Template]
) -> None:
    assert properties(templates, "AWS::ApplicationAutoScaling::ScalableTarget") == []
    (target,) = properties(company, "AWS::ApplicationAutoScaling::ScalableTarget")
    (cluster, _), *_ = resources(company, "AWS::MSK::Cluster")
    assert target["ResourceId"] == {"Ref": cluster}
    assert target["ScalableDimension"] == "kafka:broker-storage:VolumeSize"
    assert target["MaxCapacity"] == 1000
    (policy,) = properties(company, "AWS::ApplicationAutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "KafkaBrokerStorageUtilization"
    assert tracking["DisableScaleIn"] is True
    (alarm,) = (
        one
        for one in properties(company, "AWS::CloudWatch::Alarm")
        if "-BrokerDiskFills" in str(one["AlarmName"])
    )
    assert tracking["TargetValue"] < alarm["Threshold"]


def test_functions_that_may_not_reserve_do_not(
    company: dict[str, Template], templates: dict[str, Template]
) -> None:
    """An account of ten invocations at once refuses every reservation."""
    key = "ReservedConcurrentExecutions"
    assert not [one for one in properties(company, "AWS::Lambda::Function") if key in one]
    reserved = [one.get(key) for one in properties(templates, "AWS::Lambda::Function")]
    assert sorted(one for one in reserved if one) == [5, 9, 50]


def test_cfn_lint_finds_nothing_in_them(company: dict[str, Template], folder: Path) -> None:
    assert company
    assert lint(folder / "cdk.out") == []
