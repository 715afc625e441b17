"""MSK: clusters, configurations, topics. A cluster changes in one way at a time."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region

from tests.rehearsal.emulator import world
from tests.rehearsal.emulator.world import Refused

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

OPERATIONS = {
    "BrokerNodeGroupInfo": ("InstanceType", "StorageInfo"),
    "NumberOfBrokerNodes": (),
    "KafkaVersion": (),
    "ConfigurationInfo": (),
    "ClientAuthentication": (),
    "EncryptionInfo": (),
    "LoggingInfo": (),
    "EnhancedMonitoring": (),
}
"""Of a cluster: each is a call of its own, and takes its time."""


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:kafka:{get_region()}:{get_account_id()}:{kind}/{name}/{uuid4()}-1"


def create_cluster(logical_id: str, properties: Properties, stack: str) -> Made:
    subnets = properties["BrokerNodeGroupInfo"]["ClientSubnets"]
    brokers = int(properties["NumberOfBrokerNodes"])
    if brokers % len(subnets):
        raise Refused("The number of broker nodes must be a multiple of Availability Zones.")
    _check_express(properties)
    arn = _arn("cluster", properties["ClusterName"])
    return arn, {"Arn": arn, "CurrentVersion": "K1"}


def _check_express(properties: Properties) -> None:
    group = properties["BrokerNodeGroupInfo"]
    if group["InstanceType"].startswith("express.") and "StorageInfo" in group:
        raise Refused("StorageInfo is not supported for Express brokers.")


def update_cluster(made: str, old: Properties, new: Properties, stack: str) -> Made:
    _check_express(new)
    changes = [name for name in OPERATIONS if old.get(name) != new.get(name)]
    if len(changes) > 1:
        raise Refused(
            "You can't update multiple attributes of a cluster in one operation:"
            f" {', '.join(changes)}."
        )
    if int(new["NumberOfBrokerNodes"]) < int(old["NumberOfBrokerNodes"]):
        raise Refused("The number of broker nodes cannot be decreased by this operation.")
    return made, {"Arn": made, "CurrentVersion": "K2"}


def create_configuration(logical_id: str, properties: Properties, stack: str) -> Made:
    arn = _arn("configuration", properties["Name"])
    return arn, {"Arn": arn, "LatestRevision.Revision": 1}


def update_configuration(made: str, old: Properties, new: Properties, stack: str) -> Made:
    _REVISIONS[made] = _REVISIONS.get(made, 1) + 1
    return made, {"Arn": made, "LatestRevision.Revision": _REVISIONS[made]}


_REVISIONS: dict[str, int] = {}


def _topic(properties: Properties) -> str:
    return f"{properties['ClusterArn']} {properties['TopicName']}"


def create_topic(logical_id: str, properties: Properties, stack: str) -> Made:
    world.take("AWS::MSK::Topic", _topic(properties), properties)
    arn = f"{properties['ClusterArn'].replace(':cluster/', ':topic/')}/{properties['TopicName']}"
    return arn, {"TopicArn": arn}


def update_topic(made: str, old: Properties, new: Properties, stack: str) -> Made:
    if int(new["PartitionCount"]) < int(old["PartitionCount"]):
        raise Refused("The number of partitions of a topic cannot be decreased.")
    world.TAKEN["AWS::MSK::Topic"][_topic(new)] = new
    return made, {"TopicArn": made}


def delete_topic(made: str, properties: Properties) -> None:
    world.free("AWS::MSK::Topic", _topic(properties))


def _nothing(made: str, properties: Properties) -> None: ...


HANDLERS: dict[str, dict[str, Any]] = {
    "AWS::MSK::Cluster": {"create": create_cluster, "update": update_cluster, "delete": _nothing},
    "AWS::MSK::Configuration": {
        "create": create_configuration,
        "update": update_configuration,
        "delete": _nothing,
    },
    "AWS::MSK::Topic": {"create": create_topic, "update": update_topic, "delete": delete_topic},
}
