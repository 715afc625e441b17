"""The documents have every permission that the stacks give, and a way to do what operators do."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.infra.synthesised import Resource, Template, as_list, resources, statements
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

HOW_TO = "".join(page.read_text() for page in sorted((ROOT / "docs" / "how-to").glob("*.md")))
PERMISSIONS = (ROOT / "docs" / "reference" / "permissions.md").read_text()

MINIMUM = tomllib.loads((Path(__file__).parent / "minimum_rights.toml").read_text())


def section(title: str) -> str:
    """From a heading to the next of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", HOW_TO, re.M | re.S)
    assert found, title
    return found[1]


def given(templates: dict[str, Template]) -> set[str]:
    """Every action that a policy of the stacks allows."""
    found = {action for _, one in statements(templates) for action in as_list(one["Action"])}
    for _, role in resources(templates, "AWS::IAM::Role"):
        for policy in role["Properties"].get("Policies", []):
            for one in policy["PolicyDocument"]["Statement"]:
                found.update(as_list(one["Action"]))
    return found


def test_each_permission_is_documented_and_none_that_is_not_given(
    templates: dict[str, Template], imported: tuple[dict[str, Template], Path]
) -> None:
    told = set(re.findall(r"`([a-z-]+\d?:[A-Za-z]+\d?)`", PERMISSIONS))
    assert told == given(templates) | given(imported[0])


def rights_of(templates: dict[str, Template], role: str) -> set[str]:
    """Every action that the policies of the role with this id allow, its managed ones too."""
    found: set[str] = set()
    for template in templates.values():
        ids = [name for name in template["Resources"] if name.startswith(role)]
        for _, one in resources({"": template}, "AWS::IAM::Policy"):
            if any(name in json.dumps(one["Properties"]["Roles"]) for name in ids):
                found |= _actions(one)
        for name, one in resources({"": template}, "AWS::IAM::Role"):
            if name in ids:
                attached = json.dumps(one["Properties"].get("ManagedPolicyArns", []))
                policies = resources({"": template}, "AWS::IAM::ManagedPolicy")
                for policy in (made for known, made in policies if f'"{known}"' in attached):
                    found |= _actions(policy)
    return found


def _actions(policy: Resource) -> set[str]:
    document = policy["Properties"]["PolicyDocument"]
    return {action for one in document["Statement"] for action in as_list(one["Action"])}


@pytest.mark.parametrize("what", MINIMUM)
def test_a_role_may_what_its_service_asks_for_at_least(
    templates: dict[str, Template], what: str
) -> None:
    least = MINIMUM[what]
    assert least["source"].startswith("https://docs.aws.amazon.com/")
    assert set(least["actions"]) - rights_of(templates, least["role"]) == set()


@pytest.mark.parametrize(
    "title",
    [
        "Deploy",
        "Attach the policies",
        "Install",
        "Adding a table",
        "Pausing and resuming",
        "Slowing down",
        "Replaying",
        "Rotating credentials of the source",
        "Backfilling",
        "Verifying and repairing",
        "Cutting over",
        "Undo a cutover",
        "Upgrading and rolling back",
        "Tearing down",
    ],
)
def test_there_is_a_way_to_do_it(title: str) -> None:
    assert len(section(title)) > 200
