"""The one key under which everything rests."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def make_key(scope: Construct, name: str) -> kms.Key:
    """Rotated each year, kept when the stack goes: what it encrypted is kept too."""
    key = kms.Key(
        scope,
        "Key",
        alias=f"alias/{name}",
        description="Hintferry: queues, bucket, topics, tables, logs and notifications",
        enable_key_rotation=True,
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    stack = cdk.Stack.of(scope)
    _let_service_use(key, f"logs.{stack.region}.amazonaws.com", stack)
    _let_service_use(key, "cloudwatch.amazonaws.com", stack)
    return key


def _let_service_use(key: kms.Key, service: str, stack: cdk.Stack) -> None:
    """Let the service use the key for this account's log groups and alarms only."""
    kind = "logs" if service.startswith("logs") else "cloudwatch"
    source = f"arn:{stack.partition}:{kind}:{stack.region}:{stack.account}:*"
    condition = "kms:EncryptionContext:aws:logs:arn" if kind == "logs" else "aws:SourceArn"
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(service)],
            actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
            # In a key's own policy this is the key, and nothing else.
            resources=["*"],
            conditions={"ArnLike": {condition: source}},
        )
    )
