"""The stacks under the rules of a company: its tags on everything that can have one."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesised import Template, properties, synthesise
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

TAGS = {"team": "ferries", "cost-centre": "4711", "hintferry:pipeline": "hintferry"}
RULES = """
[tags]
team = "ferries"
cost-centre = "4711"
"""


@pytest.fixture(scope="module")
def folder(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    (folder / "assets").mkdir()
    (folder / "assets" / "layer").symlink_to(layer)
    (folder / "migration.toml").write_text((ROOT / "migration.toml").read_text() + RULES)
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
