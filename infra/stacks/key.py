"""The one key under which everything rests, made here or a company's own."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from hintferry.adapters.config.settings import Migration

OF_THE_KEY = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What roles may do with the key: so much at least makes a table under a customer's key."""


def key_of(scope: Construct, migration: Migration) -> kms.IKey:
    """Return the key that `migration.toml` names, or make one."""
    deployment = migration.deployment
    if deployment.security.kms_key_arn:
        return kms.Key.from_key_arn(scope, "Key", deployment.security.kms_key_arn)
    return _make_key(scope, deployment.pipeline.name)


def policy_of(arn: str) -> str:
    """Return what the policy of a company's own key must hold, as JSON."""
    _, partition, _, region, account, _ = arn.split(":", 5)
    root = f"arn:{partition}:iam::{account}:root"
    of_the_account = {
        "Effect": "Allow",
        "Principal": {"AWS": root},
        "Action": list(OF_THE_KEY),
        "Resource": "*",
    }
    return json.dumps([of_the_account, *_of_services(partition, region, account)], indent=2)


def _make_key(scope: Construct, name: str) -> kms.Key:
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
    for statement in _of_services(stack.partition, stack.region, stack.account):
        key.add_to_resource_policy(iam.PolicyStatement.from_json(statement))
    return key


def _of_services(partition: str, region: str, account: str) -> list[dict[str, Any]]:
    """Let the services use the key for this account's log groups and alarms only."""
    logs = f"arn:{partition}:logs:{region}:{account}:*"
    alarms = f"arn:{partition}:cloudwatch:{region}:{account}:*"
    only = {
        f"logs.{region}.amazonaws.com": {"kms:EncryptionContext:aws:logs:arn": logs},
        "cloudwatch.amazonaws.com": {"aws:SourceArn": alarms},
    }
    return [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
            # In a key's own policy this is the key, and nothing else.
            "Resource": "*",
            "Condition": {"ArnLike": condition},
        }
        for service, condition in only.items()
    ]
