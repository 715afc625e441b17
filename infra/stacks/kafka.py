"""The topics, and the MSK cluster that holds them, own or imported."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_msk as msk
from constructs import Construct

from hintferry.adapters.config.deployment import KafkaSettings
from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry_ops.constants import TOPIC_RETENTION_S
from hintferry_ops.deployed import CLUSTER_ARN
from hintferry_ops.names import told_apart
from infra.stacks.log_group import log_group
from infra.stacks.network import NetworkStack

TOPIC_CONFIGS = {
    # Freshness and skips go by the broker's clock, not a node's.
    "message.timestamp.type": "LogAppendTime",
    # A compacted topic would drop the hint of one row for that of another in its partition.
    "cleanup.policy": "delete",
    "retention.ms": str(TOPIC_RETENTION_S * 1000),
    "min.insync.replicas": "2",
    # A replica that lags must not lead: the hints that it lacks were acknowledged to capture.
    "unclean.leader.election.enable": "false",
}
_SERVER_PROPERTIES = "auto.create.topics.enable=false\ndefault.replication.factor=3\n"


class KafkaStack(cdk.Stack):
    """One topic a table, and one of the marker rows."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        settings = migration.deployment.kafka
        self.cluster_name = migration.kafka_cluster
        if settings.cluster_arn:
            self.cluster_arn = settings.cluster_arn
        else:
            self.cluster_arn = self._make(settings, network).ref
        cdk.CfnOutput(self, CLUSTER_ARN, value=self.cluster_arn)
        configs = cdk.Fn.base64(json.dumps(TOPIC_CONFIGS))
        for table in migration.followed:
            msk.CfnTopic(
                self,
                f"Topic-{told_apart(str(table.id))}",
                cluster_arn=self.cluster_arn,
                topic_name=topic_of(migration, table),
                partition_count=table.partitions,
                replication_factor=3,
                configs=configs,
            )

    def _make(self, settings: KafkaSettings, network: NetworkStack) -> msk.CfnCluster:
        configuration = msk.CfnConfiguration(
            self, "Configuration", name=self.cluster_name, server_properties=_SERVER_PROPERTIES
        )
        return msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            kafka_version=settings.version,
            number_of_broker_nodes=settings.brokers,
            broker_node_group_info=_brokers(settings, network),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(iam=msk.CfnCluster.IamProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn, revision=1
            ),
            encryption_info=msk.CfnCluster.EncryptionInfoProperty(
                encryption_at_rest=msk.CfnCluster.EncryptionAtRestProperty(
                    data_volume_kms_key_id=network.key.key_arn
                ),
                encryption_in_transit=msk.CfnCluster.EncryptionInTransitProperty(
                    client_broker="TLS", in_cluster=True
                ),
            ),
            logging_info=self._logging(network),
        )

    def _logging(self, network: NetworkStack) -> msk.CfnCluster.LoggingInfoProperty:
        group = log_group(self, "BrokerLog", network.key)
        to_cloudwatch = msk.CfnCluster.CloudWatchLogsProperty(
            enabled=True, log_group=group.log_group_name
        )
        return msk.CfnCluster.LoggingInfoProperty(
            broker_logs=msk.CfnCluster.BrokerLogsProperty(cloud_watch_logs=to_cloudwatch)
        )


def _brokers(
    settings: KafkaSettings, network: NetworkStack
) -> msk.CfnCluster.BrokerNodeGroupInfoProperty:
    disk = msk.CfnCluster.EBSStorageInfoProperty(volume_size=settings.storage_gib)
    return msk.CfnCluster.BrokerNodeGroupInfoProperty(
        client_subnets=[subnet.subnet_id for subnet in network.vpc.isolated_subnets],
        instance_type=settings.instance,
        security_groups=[network.brokers.security_group_id],
        storage_info=msk.CfnCluster.StorageInfoProperty(ebs_storage_info=disk),
    )


def topic_of(migration: Migration, table: TableSettings) -> str:
    """The name that capture gives to the topic of a table."""
    return migration.topic(table.id)
