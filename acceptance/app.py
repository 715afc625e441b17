"""The stacks of a run: those of `infra.app`, and the source. `python -m acceptance.app FILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from acceptance.order_stack import OrderStack
from acceptance.source_stack import SourceStack
from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry_ops.deployed import Part, stack_name
from infra.app import build, built_code
from infra.layer import Code
from infra.stacks.kafka import KafkaStack
from infra.stacks.network import NetworkStack

_ATTACHED = {
    Part.NODES: ("Connect", "Topics", "Figures"),
    Part.PIPELINE: ("NodeFiles", "Operator", "Tables"),
}
"""The policies that the documents say to attach to the nodes and to the operator, who both work
on the one instance, by the beginnings of their names."""


def build_all(migration: Migration, code: Code, outdir: str) -> cdk.App:
    """Return the stacks of the migration, and those of its source and of the failing mappings."""
    app = build(migration, code, outdir)
    network = app.node.find_child(stack_name(migration, Part.NETWORK))
    kafka = app.node.find_child(stack_name(migration, Part.KAFKA))
    assert isinstance(network, NetworkStack)
    assert isinstance(kafka, KafkaStack)
    name = migration.deployment.pipeline.name
    environment = cdk.Environment(region=migration.target.region)
    policies = _policies(app, migration)
    SourceStack(app, f"{name}-source", migration, network, policies, env=environment)
    OrderStack(app, f"{name}-order", migration, network, kafka, env=environment)
    return app


def _policies(app: cdk.App, migration: Migration) -> list[iam.ManagedPolicy]:
    return [
        construct
        for part, names in _ATTACHED.items()
        for construct in app.node.find_child(stack_name(migration, part)).node.find_all()
        if isinstance(construct, iam.ManagedPolicy) and construct.node.id.startswith(names)
    ]


def main() -> int:
    """Build the layer, and synthesise."""
    try:
        path = Path(sys.argv[1]).resolve()
        migration = migration_from(path)
        code = built_code(path)
        out = os.environ.get("CDK_OUTDIR", str(path.parent / "cdk.out"))
        build_all(migration, code, out).synth()
    except ConfigurationError as error:
        print(f"acceptance: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
