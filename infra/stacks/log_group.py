"""Groups of logs: each is encrypted, kept for a month, and goes with its stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct, title: str, key: kms.IKey, name: str | None = None
) -> logs.LogGroup:
    """Make one; without a name CloudFormation chooses it."""
    return logs.LogGroup(
        scope,
        title,
        log_group_name=name,
        encryption_key=key,
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
