"""Bring new versions of the functions into use, and take them back.

A caller of a function names its alias. A deploy publishes a version of what changed, and moves the
alias to it. It does so bit by bit where the pipeline's own events are at stake.
"""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_

from hintferry.adapters.config.deployment import Rollout
from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.rollback_rules import Version, rollback_rules
from infra.accepted import accept
from infra.monitoring.alarm import make_alarm

LIVE = "live"

_POLICY = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AWSCodeDeployRoleForLambdaLimited]"
)


def alias_of(function: lambda_.Function, named: str = LIVE) -> lambda_.Alias:
    """Make the alias of a function, which leads to the version that this deploy publishes."""
    title = named.replace("-", "").capitalize()
    return lambda_.Alias(function, title, alias_name=named, version=function.current_version)


def shift_gradually(
    migration: Migration, name: str, function: lambda_.Function, alias: lambda_.Alias
) -> None:
    """Let CodeDeploy move the alias: a tenth of the invocations first, and back on an alarm."""
    settings = migration.deployment.pipeline
    if settings.rollout is Rollout.AT_ONCE:
        return
    new = Version(function.function_name, alias.alias_name, function.current_version.version)
    made = [
        make_alarm(function.stack, migration, rule, [])
        for rule in rollback_rules(settings.name, name, new)
    ]
    for one in made:
        # Another alarm a version: one that is updated keeps its state, which may be the fault that
        # this deploy fixes, and CodeDeploy would not begin.
        one.alarm_name = f"{one.alarm_name}-{new.version}"
    group = codedeploy.LambdaDeploymentGroup(
        alias,
        "Shift",
        alias=alias,
        deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_10_MINUTES,
        alarms=[
            cloudwatch.Alarm.from_alarm_name(alias, f"Known{number}", one.ref)
            for number, one in enumerate(made)
        ],
    )
    accept(group, {_POLICY: "the one policy that CodeDeploy documents for this; AWS keeps it"})
