"""Make IAM policies for nodes and operators; the operator attaches them by hand."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.accepted import accept
from infra.iam import roles
from infra.stacks.storage import GIVEN_UP, NODE_FILES, Storage

Allowed = tuple[Sequence[str], str]
"""Actions, and the ARN that they are allowed on."""

_OBJECTS = "objects are named as they come, below this one prefix"


def make_operator_policy(stack: cdk.Stack, storage: Storage, key: kms.IKey) -> None:
    """Make the policy of an operator: the queues, what was given up, and metrics. The tables
    themselves are the policies of the functions' tables.
    """
    take = ["ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"]
    allowed: list[Allowed] = [
        ([f"sqs:{action}" for action in take], storage.parked.queue_arn),
        (["sqs:GetQueueAttributes", "sqs:SendMessage"], storage.replay.queue_arn),
        (["kms:Decrypt", "kms:GenerateDataKey"], key.key_arn),
    ]
    objects = ["s3:DeleteObject", "s3:GetObject"]
    allowed += [
        (["cassandra:Select"], roles.system_arn(stack)),
        (["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], "*"),
    ]
    policy = _make(stack, "Operator", storage, (objects, GIVEN_UP), allowed)
    roles.accept_system(policy)
    accept(policy, {"AwsSolutions-IAM5[Resource::*]": "no resource is known for figures"})


def make_node_files_policy(stack: cdk.Stack, storage: Storage, key: kms.IKey) -> None:
    """Make the policy of the Cassandra nodes: the bundle and their configuration."""
    allowed: list[Allowed] = [(["kms:Decrypt"], key.key_arn)]
    _make(stack, "NodeFiles", storage, (["s3:GetObject"], NODE_FILES), allowed)


def _make(
    stack: cdk.Stack,
    name: str,
    storage: Storage,
    objects: tuple[Sequence[str], str],
    allowed: Sequence[Allowed],
) -> iam.ManagedPolicy:
    """`objects`: actions, and the prefix of the bucket below which they are allowed."""
    actions, prefix = objects
    pattern = f"{prefix}*"
    allowed = [*allowed, (actions, storage.bucket.arn_for_objects(pattern))]
    statements = [iam.PolicyStatement(actions=list(one), resources=[arn]) for one, arn in allowed]
    statements.append(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[storage.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": pattern}},
        )
    )
    policy = iam.ManagedPolicy(stack, name, statements=statements)
    logical = stack.get_logical_id(storage.bucket.node.default_child)
    accept(policy, {f"AwsSolutions-IAM5[Resource::<{logical}.Arn>/{pattern}]": _OBJECTS})
    cdk.CfnOutput(stack, f"{name}Policy", value=policy.managed_policy_arn)
    return policy
