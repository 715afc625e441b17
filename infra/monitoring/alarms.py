"""The alarms of `hintferry_ops.monitoring.alarm_rules`, and the two topics that they notify."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.alarm_rules import Names, rules
from hintferry_ops.monitoring.rule import Severity
from infra.monitoring.alarm import make_alarm
from infra.monitoring.dashboards import make_dashboards
from infra.stacks.kafka import KafkaStack
from infra.stacks.network import NetworkStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.sweep import SweepStack


class AlarmsStack(cdk.Stack):
    """Alarms and dashboards."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        kafka: KafkaStack,
        pipeline: PipelineStack,
        sweep: SweepStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        self._network = network
        settings = migration.deployment.alarms
        topics = {
            Severity.CRITICAL: self._topic("Critical", settings.critical_topic_arn),
            Severity.WARNING: self._topic("Warning", settings.warning_topic_arn),
        }
        names = Names(
            kafka.cluster_name,
            pipeline.processor.function_name,
            pipeline.replay.function_name,
            pipeline.storage.parked.queue_name,
            pipeline.storage.replay.queue_name,
            sweep.machine_arn,
            sweep.unstarted.queue_name,
        )
        prefix = migration.deployment.pipeline.name
        for rule in rules(migration, names):
            make_alarm(self, prefix, rule, [topics[rule.severity].topic_arn])
        make_dashboards(self, migration, names, pipeline.log_groups)

    def _topic(self, title: str, arn: str) -> sns.ITopic:
        if arn:
            return sns.Topic.from_topic_arn(self, title, arn)
        topic = sns.Topic(self, title, master_key=self._network.key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return topic
