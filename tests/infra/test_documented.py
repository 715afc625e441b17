"""The documents have every permission that the stacks give, and a way to do what operators do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra.synthesised import Template, as_list, resources, statements
from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("infra")]

HOW_TO = "".join(page.read_text() for page in sorted((ROOT / "docs" / "how-to").glob("*.md")))
PERMISSIONS = (ROOT / "docs" / "reference" / "permissions.md").read_text()


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
