"""Tell people: the topics that alarms notify, their subscribers, and the budget."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from hintferry.adapters.config.settings import Migration
from hintferry.adapters.config.tags import PIPELINE_TAG
from hintferry.core.errors import ConfigurationError
from hintferry_ops.constants import BUDGET_REGIONS
from hintferry_ops.monitoring.rule import Severity
from infra.accepted import accept

Topics = dict[Severity, sns.ITopic]

_WARNED = (("ACTUAL", 80), ("FORECASTED", 100))
"""Percent of the limit at which the budget writes: of what was spent, and of the forecast."""


def make_topics(stack: cdk.Stack, migration: Migration, key: kms.IKey) -> Topics:
    """Take the topics that `migration.toml` names, and make those that it does not."""
    settings = migration.deployment.alarms
    severities = Severity.CRITICAL, Severity.WARNING
    return {
        severity: _topic(stack, severity.value.capitalize(), arn, settings.emails, key)
        for severity, arn in zip(severities, settings.topic_arns, strict=True)
    }


def _topic(
    stack: cdk.Stack, title: str, arn: str, emails: tuple[str, ...], key: kms.IKey
) -> sns.ITopic:
    if arn:
        return sns.Topic.from_topic_arn(stack, title, arn)
    topic = sns.Topic(stack, title, master_key=key, enforce_ssl=True)
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
    for email in emails:
        topic.add_subscription(subscriptions.EmailSubscription(email))
    why = "an alarm stays in CloudWatch, whatever became of the mail that told of it"
    accept(topic, {"Serverless-SNSRedrivePolicy": why})
    return topic


def make_budget(stack: cdk.Stack, migration: Migration) -> None:
    """Make the budget of what has the pipeline's tag. Raises ConfigurationError.

    It has no name of its own: CloudFormation could not replace it under the same one.
    """
    settings, region = migration.deployment.alarms, migration.target.region
    if not settings.monthly_usd:
        return
    if region not in BUDGET_REGIONS:
        raise ConfigurationError(
            f"alarms.monthly_usd: CloudFormation makes no budget in USD in {region}; make it by"
            " hand in the console of Billing, and remove the key"
        )
    tag = f"user:{PIPELINE_TAG}${migration.deployment.pipeline.name}"
    budget = budgets.CfnBudget
    told = [budget.SubscriberProperty(address=one, subscription_type="EMAIL")
            for one in settings.emails]  # fmt: skip
    budget(
        stack,
        "Budget",
        budget=budget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budget.SpendProperty(amount=settings.monthly_usd, unit="USD"),
            cost_filters={"TagKeyValue": [tag]},
        ),
        notifications_with_subscribers=[
            budget.NotificationWithSubscribersProperty(
                notification=budget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=told,
            )
            for kind, percent in _WARNED
        ],
    )
