"""The alarms of `hintferry_ops.monitoring.alarm_rules`, the dashboards and the budget."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from hintferry_ops.monitoring.alarm_rules import Names, rules
from infra.monitoring.alarm import make_alarm
from infra.monitoring.dashboards import make_dashboards
from infra.monitoring.notifications import make_budget
from infra.stacks.kafka import KafkaStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.sweep import SweepStack


class AlarmsStack(cdk.Stack):
    """Alarms, dashboards and the budget."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        kafka: KafkaStack,
        pipeline: PipelineStack,
        sweep: SweepStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        names = Names(
            kafka.cluster_name,
            pipeline.processor.function_name,
            pipeline.replay.function_name,
            pipeline.storage.parked.queue_name,
            pipeline.storage.replay.queue_name,
            sweep.machine_arn,
            sweep.unstarted.queue_name,
        )
        for rule in rules(migration, names):
            make_alarm(self, migration, rule, [pipeline.topics[rule.severity].topic_arn])
        make_budget(self, migration)
        make_dashboards(self, migration, names, pipeline.log_groups)
