"""The topics, and the MSK cluster that holds them, own or imported."""

from __future__ import annotations

import json
import re
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_msk as msk
from constructs import Construct

from hintferry.adapters.config.deployment import KafkaSettings
from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry.core.errors import ConfigurationError
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
_OF_THE_SERVICE = ("min.insync.replicas", "unclean.leader.election.enable")
"""Settings that Express brokers keep to themselves, at 2 and false, and take from nobody."""

_AUTO_CREATE = "auto.create.topics.enable=false\n"
_SERVER_PROPERTIES = f"{_AUTO_CREATE}default.replication.factor=3\n"
_NOT_GROWING = ("af-south-1", "ap-northeast-3", "ap-southeast-5")
"""Regions in which MSK grows no storage by itself."""

GROWS_AT_PERCENT = 60
"""Below the 80 % at which the alarm BrokerDiskFills asks a person: MSK grows once in six hours."""

_SERVERLESS = re.compile(r"-s\d+$")


def topic_configs(settings: KafkaSettings) -> dict[str, str]:
    """Return the configuration with which each topic is made."""
    left_out = _OF_THE_SERVICE if settings.is_express else ()
    return {name: value for name, value in TOPIC_CONFIGS.items() if name not in left_out}


def _refuse_growth(settings: KafkaSettings, region: str) -> None:
    """Raises ConfigurationError for storage that MSK does not grow by itself."""
    if not settings.most_storage_gib:
        return
    if settings.cluster_arn or settings.is_express:
        raise ConfigurationError(
            "kafka.most_storage_gib is for Standard brokers that the stacks make; take it out"
        )
    if region in _NOT_GROWING:
        raise ConfigurationError(
            f"kafka.most_storage_gib is set, and MSK grows no storage by itself in {region}; take"
            " it out, and raise storage_gib when BrokerDiskFills asks for it"
        )
    if settings.most_storage_gib <= settings.storage_gib:
        raise ConfigurationError(
            f"kafka.most_storage_gib is {settings.most_storage_gib}, and the brokers begin with"
            f" storage_gib = {settings.storage_gib}; write more"
        )


def _refuse_unfit(settings: KafkaSettings) -> None:
    """Raises ConfigurationError for what MSK would refuse, or what Hintferry cannot follow."""
    if _SERVERLESS.search(settings.cluster_arn):
        raise ConfigurationError(
            f"kafka.cluster_arn names {settings.cluster_arn}, an MSK Serverless cluster, which has"
            " no API for topics; name a provisioned cluster, with Standard or Express brokers"
        )
    release = re.fullmatch(r"(\d+)\.\d+\.[\dx]+(?:\.(kraft|tiered))?", settings.version)
    if release is None:
        raise ConfigurationError(
            f'kafka.version is "{settings.version}"; write one that MSK lists, as "3.9.x.kraft"'
        )


def _refuse_uneven(settings: KafkaSettings, network: NetworkStack) -> None:
    """Raises ConfigurationError for brokers that do not spread evenly."""
    zones = len(network.vpc.isolated_subnets)
    if settings.brokers % zones:
        raise ConfigurationError(
            f"kafka.brokers is {settings.brokers}, and MSK spreads them evenly over the {zones}"
            f" zones of the VPC; write a multiple of {zones}"
        )


class KafkaStack(cdk.Stack):
    """One topic a table."""

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
        _refuse_unfit(settings)
        _refuse_growth(settings, self.region)
        if settings.cluster_arn:
            self.cluster_arn = settings.cluster_arn
        else:
            self.cluster_arn = self._make(settings, network).ref
            self._let_storage_grow(settings)
        cdk.CfnOutput(self, CLUSTER_ARN, value=self.cluster_arn)
        configs = cdk.Fn.base64(json.dumps(topic_configs(settings)))
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
            self,
            "Configuration",
            name=self.cluster_name,
            server_properties=_AUTO_CREATE if settings.is_express else _SERVER_PROPERTIES,
        )
        _refuse_uneven(settings, network)
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
                arn=configuration.attr_arn,
                revision=cdk.Token.as_number(configuration.attr_latest_revision_revision),
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

    def _let_storage_grow(self, settings: KafkaSettings) -> None:
        """Let MSK enlarge the brokers' disks before an alarm has to ask for it."""
        if not settings.most_storage_gib:
            return
        target = scaling.CfnScalableTarget(
            self,
            "Storage",
            service_namespace="kafka",
            resource_id=self.cluster_arn,
            scalable_dimension="kafka:broker-storage:VolumeSize",
            min_capacity=1,
            max_capacity=settings.most_storage_gib,
        )
        policy = scaling.CfnScalingPolicy
        policy(
            self,
            "StorageGrows",
            policy_name=f"{self.cluster_name}-storage",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=(
                policy.TargetTrackingScalingPolicyConfigurationProperty(
                    predefined_metric_specification=policy.PredefinedMetricSpecificationProperty(
                        predefined_metric_type="KafkaBrokerStorageUtilization"
                    ),
                    target_value=GROWS_AT_PERCENT,
                    # Storage only grows.
                    disable_scale_in=True,
                )
            ),
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
    storage = None
    if not settings.is_express:
        disk = msk.CfnCluster.EBSStorageInfoProperty(volume_size=settings.storage_gib)
        storage = msk.CfnCluster.StorageInfoProperty(ebs_storage_info=disk)
    return msk.CfnCluster.BrokerNodeGroupInfoProperty(
        client_subnets=[subnet.subnet_id for subnet in network.vpc.isolated_subnets],
        instance_type=settings.instance,
        security_groups=[network.brokers.security_group_id],
        storage_info=storage,
    )


def topic_of(migration: Migration, table: TableSettings) -> str:
    """The name that capture gives to the topic of a table."""
    return migration.topic(table.id)
