"""The event source mappings: what brings the topics, and the replay queue, to their functions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry_ops import constants
from hintferry_ops.names import told_apart
from infra.accepted import accept
from infra.stacks.kafka import KafkaStack, topic_of
from infra.stacks.storage import Storage

METRICS = ("EventCount", "ErrorCount", "KafkaMetrics")

_Mapping = lambda_.CfnEventSourceMapping


def consumer_group(migration: Migration, table: TableSettings) -> str:
    """One a mapping, as the service asks; a new version reads the topic again from its start."""
    return migration.consumer_group(table.id)


def map_topics(
    stack: cdk.Stack,
    migration: Migration,
    kafka: KafkaStack,
    storage: Storage,
    function: lambda_.Function,
) -> None:
    """One mapping a topic. Its id comes from the table alone, so that nothing else replaces it."""
    for number, table in enumerate(migration.followed):
        group = (
            f"{migration.deployment.pipeline.name}-{number // constants.MAPPINGS_A_POLLER_GROUP}"
        )
        mapping = _Mapping(
            stack,
            f"Hints-{told_apart(str(table.id))}",
            function_name=function.function_arn,
            event_source_arn=kafka.cluster_arn,
            topics=[topic_of(migration, table)],
            amazon_managed_kafka_event_source_config=(
                _Mapping.AmazonManagedKafkaEventSourceConfigProperty(
                    consumer_group_id=consumer_group(migration, table)
                )
            ),
            # LATEST would lose what is captured before polling starts.
            starting_position="TRIM_HORIZON",
            batch_size=constants.BATCH_SIZE,
            maximum_batching_window_in_seconds=constants.BATCH_WINDOW_S,
            provisioned_poller_config=_Mapping.ProvisionedPollerConfigProperty(
                minimum_pollers=1,
                maximum_pollers=min(constants.MOST_POLLERS, -(-table.partitions // 5)),
                poller_group_name=group,
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=constants.RETRIES,
            destination_config=_Mapping.DestinationConfigProperty(
                on_failure=_Mapping.OnFailureProperty(destination=storage.bucket.bucket_arn)
            ),
            metrics_config=_Mapping.MetricsConfigProperty(metrics=list(METRICS)),
        )
        # The mapping is checked against the role's rights when it is made.
        mapping.node.add_dependency(function.role)


def map_replay_queue(stack: cdk.Stack, storage: Storage, function: lambda_.Function) -> None:
    """Ten messages an invocation, each answered for itself."""
    mapping = _Mapping(
        stack,
        "ReplayQueue",
        function_name=function.function_arn,
        event_source_arn=storage.replay.queue_arn,
        batch_size=10,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=_Mapping.ScalingConfigProperty(
            maximum_concurrency=constants.REPLAYED_AT_ONCE
        ),
    )
    mapping.node.add_dependency(function.role)
    accept(
        mapping,
        {
            "Serverless-LambdaEventSourceMappingDestination": "a queue has no such destination:"
            " what fails too often goes to its queue of dead letters"
        },
    )
