"""What the account's stand-ins take for another resource is what CloudFormation publishes."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from tools.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal")]


def test_create_only_properties_are_those_of_the_published_schemas() -> None:
    schema = import_module("cfnlint.schema")

    known = json.loads((ROOT / "tests/rehearsal/emulator/create_only.json").read_text())
    for kind, paths in known.items():
        published = schema.PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema
        found = [
            one.removeprefix("/properties/") for one in published.get("createOnlyProperties", [])
        ]
        assert sorted(found) == paths, kind
