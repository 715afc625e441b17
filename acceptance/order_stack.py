"""Make what asks how a mapping retries and commits: two functions that fail, and their mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from acceptance import order_function
from acceptance.order_function import KIND
from acceptance.plan import ORDER_TABLE
from acceptance.questions.order import KINDS, name_of
from hintferry.adapters.config.settings import Migration
from hintferry.core.schema import TableId
from hintferry_ops import constants
from infra.accepted import accept
from infra.iam import roles
from infra.layer import ACCEPTED, ARCHITECTURE, RUNTIME
from infra.stacks.kafka import KafkaStack
from infra.stacks.log_group import log_group
from infra.stacks.network import NetworkStack
from infra.stacks.pipeline import GROUP_JOINED, POLLED, TOPIC_READ, within

BATCH_SIZE = 10
_WINDOW_S = 5
"""Long enough that a batch is full while the workload runs."""

_Mapping = lambda_.CfnEventSourceMapping


class OrderStack(cdk.Stack):
    """A function and a mapping for each kind of failure; both follow a topic of the pipeline."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        kafka: KafkaStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        self._migration, self._network, self._kafka = migration, network, kafka
        # The mappings are refused while the topic is not there.
        self.add_stack_dependency(kafka)
        for kind in KINDS:
            self._map(kind, self._function(kind))

    def _function(self, kind: str) -> lambda_.Function:
        title = kind.capitalize()
        group_name = name_of(self._migration, kind)
        group = log_group(self, f"{title}Log", self._network.key, group_name)
        role = roles.make_role(self, f"{title}Role", group)
        self._allow_polling(role, group_name)
        function = lambda_.Function(
            self,
            title,
            description=f"Hintferry: fails one record on purpose ({kind})",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler="index.lambda_handler",
            code=lambda_.Code.from_inline(Path(order_function.__file__).read_text()),
            environment={KIND: kind},
            memory_size=256,
            timeout=cdk.Duration.seconds(constants.FUNCTION_TIMEOUT_S),
            role=role,
            log_group=group,
        )
        accept(function, ACCEPTED)
        return function

    def _allow_polling(self, role: iam.Role, group: str) -> None:
        cluster, table = self._kafka.cluster_arn, TableId(*ORDER_TABLE.split("."))
        topic = self._migration.topic(table)
        roles.allow_network(role)
        roles.allow(role, POLLED, [cluster])
        roles.allow(role, TOPIC_READ, [within(cluster, "topic", topic)])
        roles.allow(role, GROUP_JOINED, [within(cluster, "group", group)])

    def _map(self, kind: str, function: lambda_.Function) -> None:
        migration = self._migration
        mapping = _Mapping(
            self,
            f"{kind.capitalize()}Mapping",
            function_name=function.function_arn,
            event_source_arn=self._kafka.cluster_arn,
            topics=[migration.topic(TableId(*ORDER_TABLE.split(".")))],
            amazon_managed_kafka_event_source_config=(
                _Mapping.AmazonManagedKafkaEventSourceConfigProperty(
                    consumer_group_id=name_of(migration, kind)
                )
            ),
            starting_position="TRIM_HORIZON",
            batch_size=BATCH_SIZE,
            maximum_batching_window_in_seconds=_WINDOW_S,
            provisioned_poller_config=_Mapping.ProvisionedPollerConfigProperty(
                minimum_pollers=1,
                maximum_pollers=1,
                # Not the pipeline's: what fails here must not take its pollers.
                poller_group_name=f"{migration.deployment.pipeline.name}-order",
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=constants.RETRIES,
        )
        mapping.node.add_dependency(function.role)
        accept(
            mapping,
            {
                "Serverless-LambdaEventSourceMappingDestination": "the one record that fails is"
                " taken in the end, and is a copy"
            },
        )
