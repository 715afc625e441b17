"""The event source mappings: what brings the topics, and the replay queue, to their functions."""

from __future__ import annotations

from dataclasses import replace

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry_ops import constants
from hintferry_ops.names import told_apart
from infra.accepted import accept
from infra.stacks.kafka import KafkaStack, topic_of
from infra.stacks.release import LIVE
from infra.stacks.storage import Storage

FIRST_PREFIX, FIRST_GROUP = "hintferry", "v1"
"""The prefix and the group where `migration.toml` gives none."""

METRICS = ("EventCount", "ErrorCount", "KafkaMetrics")

_Mapping = lambda_.CfnEventSourceMapping


def consumer_group(migration: Migration, table: TableSettings) -> str:
    """One a mapping, as the service asks; a new version reads the topic again from its start."""
    return migration.consumer_group(table.id)


def most_pollers(table: TableSettings) -> int:
    """The most pollers of a table's mapping; each has five invocations at once."""
    few = min(constants.MOST_POLLERS, -(-table.partitions // 5))
    return table.mapping.most_pollers or max(few, table.mapping.least_pollers)


def _identity(migration: Migration, table: TableSettings) -> str:
    """Return the parts of the mapping's id: the table, and prefix and group where they are set."""
    group = migration.deployment.pipeline.consumer_group
    said = replace(migration, topic_prefix=FIRST_PREFIX).topic(table.id), FIRST_GROUP
    topic = migration.topic(table.id)
    return str(table.id) if (topic, group) == said else f"{table.id} {topic} {group}"


def alias_name(migration: Migration) -> str:
    """Return the name of the alias by which this consumer group knows the processor.

    Lambda takes one mapping of a topic to a function under one name, and CloudFormation makes the
    new mapping before it deletes the old one.
    """
    group = migration.deployment.pipeline.consumer_group
    return LIVE if group == FIRST_GROUP else f"{LIVE}-{group}"


def map_topics(
    stack: cdk.Stack,
    migration: Migration,
    kafka: KafkaStack,
    storage: Storage,
    function: lambda_.IAlias,
) -> list[str]:
    """One mapping a topic. Topic and consumer group are for ever: others are another mapping.

    Returns their UUIDs.
    """
    made = []
    name = migration.deployment.pipeline.name
    for number, table in enumerate(migration.followed):
        group = f"{name}-{number // constants.MAPPINGS_A_POLLER_GROUP}"
        polled = table.mapping
        mapping = _Mapping(
            stack,
            f"Hints-{told_apart(_identity(migration, table))}",
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
            batch_size=polled.batch_size,
            maximum_batching_window_in_seconds=polled.batch_window_s,
            provisioned_poller_config=_Mapping.ProvisionedPollerConfigProperty(
                minimum_pollers=polled.least_pollers,
                maximum_pollers=most_pollers(table),
                poller_group_name=group,
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=constants.RETRIES,
            destination_config=_Mapping.DestinationConfigProperty(
                on_failure=_Mapping.OnFailureProperty(destination=storage.bucket.bucket_arn)
            ),
            metrics_config=_Mapping.MetricsConfigProperty(metrics=list(METRICS)),
            # What the pollers themselves run into; it lies in the function's log group.
            logging_config=_Mapping.LoggingConfigProperty(system_log_level="WARN"),
        )
        # The mapping is checked against the role's rights when it is made.
        mapping.node.add_dependency(function.role)
        made.append(str(mapping.ref))
    return made


def map_replay_queue(stack: cdk.Stack, storage: Storage, function: lambda_.IAlias) -> None:
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
