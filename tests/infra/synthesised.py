"""The stacks as CloudFormation gets them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hintferry.adapters.config.settings import migration_from

Template = dict[str, Any]
Resource = dict[str, Any]


def synthesise(config: Path, folder: Path) -> dict[str, Template]:
    """The templates by stack, of a migration whose layer lies in `folder`/assets/layer."""
    # The CDK takes seconds to import, which the fast tests need not wait for.
    from infra.app import build
    from infra.layer import Code

    out = folder / "cdk.out"
    build(migration_from(config), Code(folder / "assets", config), str(out)).synth()
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in sorted(out.glob("*.template.json"))
    }


def resources(templates: Mapping[str, Template], kind: str) -> Iterator[tuple[str, Resource]]:
    """Id and body of each resource of a type, of all stacks."""
    for template in templates.values():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield name, resource


def properties(templates: Mapping[str, Template], kind: str) -> list[dict[str, Any]]:
    """Return what is said of each resource of a type."""
    return [resource.get("Properties", {}) for _, resource in resources(templates, kind)]


def statements(templates: Mapping[str, Template]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy of a role, with the id of its resource."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, resource in resources(templates, kind):
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                yield name, statement


def as_list(value: Any) -> list[Any]:
    """CloudFormation writes a list of one as the one."""
    return value if isinstance(value, list) else [value]
