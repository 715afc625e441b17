"""Make IAM policies for nodes and operators; the operator attaches them by hand."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from hintferry.adapters.config.settings import Migration
from hintferry_ops.constants import NODE_FILES
from hintferry_ops.deployed import BOOTSTRAP_PARAMETER, Part, stack_name
from hintferry_ops.operator_permissions import OPERATOR, On
from infra.accepted import accept
from infra.iam import roles
from infra.stacks.storage import GIVEN_UP, PARKED, SWEEPS, Storage

_OBJECTS = "objects are named as they come, below this one prefix"


def make_operator_policy(
    stack: cdk.Stack, migration: Migration, storage: Storage, cluster: str, function: str
) -> None:
    """Make the policy of an operator: all of OPERATOR.

    `cluster` and `function` are the ARNs of the MSK cluster and the processor. The policies of the
    functions' tables allow the tables themselves.
    """
    arns = _operator_arns(stack, migration, storage, cluster)
    only: dict[On, dict[str, dict[str, str | list[str]]]] = {
        On.BUCKET: {"StringLike": {"s3:prefix": f"{GIVEN_UP}*"}},
        # By itself, and by the name that a consumer group gives it.
        On.MAPPINGS: {"ArnLike": {"lambda:FunctionArn": [function, f"{function}:*"]}},
    }
    statements = [
        iam.PolicyStatement(
            actions=list(actions), resources=[arns[on]], conditions=only.get(on) or None
        )
        for on, actions in OPERATOR.items()
    ]
    policy = iam.ManagedPolicy(stack, "Operator", statements=statements)
    roles.accept_system(policy)
    accept(policy, {"AwsSolutions-IAM5[Resource::*]": "the services know no resource for these"})
    for on in (On.STACKS, On.MAPPINGS):
        roles.accept_pattern(policy, arns[on], "CloudFormation and Lambda choose the last part")
    for prefix in (GIVEN_UP, PARKED, SWEEPS, NODE_FILES):
        accept(policy, {_objects(stack, storage, prefix): _OBJECTS})
    cdk.CfnOutput(stack, "OperatorPolicy", value=policy.managed_policy_arn)


def _operator_arns(
    stack: cdk.Stack, migration: Migration, storage: Storage, cluster: str
) -> Mapping[On, str]:
    bucket, pipeline = storage.bucket, migration.deployment.pipeline.name
    here = f"{stack.region}:{stack.account}"
    machine = f"stateMachine:{stack_name(migration, Part.SWEEP)}"
    return {
        On.ANY: "*",
        On.STACKS: f"arn:{stack.partition}:cloudformation:{here}:stack/{pipeline}-*/*",
        On.BOOTSTRAP: f"arn:{stack.partition}:ssm:{here}:parameter{BOOTSTRAP_PARAMETER}",
        On.SYSTEM: roles.system_arn(stack),
        On.JOURNAL: roles.table_arn(stack, roles.JOURNAL),
        On.SWITCHES: roles.table_arn(stack, roles.SWITCHES),
        On.KEY: storage.key.key_arn,
        On.PARKED: storage.parked.queue_arn,
        On.REPLAY: storage.replay.queue_arn,
        On.GIVEN_UP: bucket.arn_for_objects(f"{GIVEN_UP}*"),
        On.LARGE: bucket.arn_for_objects(f"{PARKED}*"),
        On.SWEEPS: bucket.arn_for_objects(f"{SWEEPS}*"),
        On.NODE_FILES: bucket.arn_for_objects(f"{NODE_FILES}*"),
        On.BUCKET: bucket.bucket_arn,
        On.CLUSTER: cluster,
        On.MACHINE: f"arn:{stack.partition}:states:{here}:{machine}",
        On.MAPPINGS: f"arn:{stack.partition}:lambda:{here}:event-source-mapping:*",
    }


def make_node_files_policy(stack: cdk.Stack, storage: Storage) -> None:
    """Make the policy of the Cassandra nodes: the bundle and their configuration."""
    pattern = f"{NODE_FILES}*"
    allowed = {
        storage.key.key_arn: "kms:Decrypt",
        storage.bucket.arn_for_objects(pattern): "s3:GetObject",
    }
    statements = [
        iam.PolicyStatement(actions=[action], resources=[arn]) for arn, action in allowed.items()
    ]
    statements.append(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[storage.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": pattern}},
        )
    )
    policy = iam.ManagedPolicy(stack, "NodeFiles", statements=statements)
    accept(policy, {_objects(stack, storage, NODE_FILES): _OBJECTS})
    cdk.CfnOutput(stack, "NodeFilesPolicy", value=policy.managed_policy_arn)


def _objects(stack: cdk.Stack, storage: Storage, prefix: str) -> str:
    logical = stack.get_logical_id(storage.bucket.node.default_child)
    return f"AwsSolutions-IAM5[Resource::<{logical}.Arn>/{prefix}*]"
