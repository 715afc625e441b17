"""Tell what a deploy would lose or the services would refuse, before anything is changed.

The templates that are deployed are compared with those that shall be. Pure, but for
`deployed_templates`, which reads them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from hintferry.adapters.config.settings import MARKERS, TargetSettings
from hintferry.core.errors import ConfigurationError

Template = Mapping[str, Any]
Properties = Mapping[str, Any]

FILE = "MigrationFile"
"""The output that says which file made a stack."""

_NOT_DEPLOYED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE")


def deployed_templates(names: Sequence[str], target: TargetSettings) -> dict[str, Template]:
    """Read the templates of those stacks that are deployed. Raises ConfigurationError.

    Asked with the credentials of the environment, which have to be of the CDK's account.
    """
    region = target.region
    try:
        account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
        expected = os.environ.get("CDK_DEFAULT_ACCOUNT", account)
        if account != expected:
            raise ConfigurationError(
                f"the environment's credentials are of account {account}, the CDK's of {expected};"
                " name the profile as AWS_PROFILE, not as --profile"
            )
        if account != (target.account or account):
            raise ConfigurationError(
                f"these credentials are of account {account}, and target.account of migration.toml"
                f" is {target.account}; set AWS_PROFILE to that account, or name another file with"
                " CONFIG="
            )
        client = boto3.client("cloudformation", region_name=region)
        stacks = client.get_paginator("describe_stacks").paginate().build_full_result()["Stacks"]
        there = {one["StackName"] for one in stacks if one["StackStatus"] not in _NOT_DEPLOYED}
        return {name: _template(client, name) for name in names if name in there}
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"the deployed stacks cannot be read: {error}; log in to AWS again, with permission"
            " for cloudformation:DescribeStacks and cloudformation:GetTemplate"
        ) from error


def _template(client: Any, name: str) -> Template:
    body = client.get_template(StackName=name)["TemplateBody"]
    found: Template = json.loads(body) if isinstance(body, str) else body
    return found


def moved(deployed: Mapping[str, Template], wanted: Mapping[str, Template]) -> Iterator[str]:
    """Yield a sentence where a deploy would change stacks that another file made."""
    for name, template in deployed.items():
        before, after = _file(template), _file(wanted.get(name, {}))
        if before and after and before != after:
            yield (
                f"{before} made the stacks that are deployed under this pipeline.name, and a deploy"
                f" changes them to what {after} says; for a pipeline of its own write another"
                " pipeline.name"
            )


def _file(template: Template) -> str:
    return str(template.get("Outputs", {}).get(FILE, {}).get("Value", ""))


def refusals(
    deployed: Mapping[str, Template], wanted: Mapping[str, Template], dropped: Collection[str]
) -> list[str]:
    """A sentence for each change that must not be deployed; `dropped`: topics that may go."""
    old, new = _by_kind(deployed), _by_kind(wanted)
    return [
        *_of_topics(old, new, dropped),
        *_of_the_cluster(old, new),
        *_of_the_network(old, new),
        *_of_the_key(old, new),
        *_of_tables(old, new),
        *_of_types(old, new),
    ]


_Kinds = Mapping[str, Mapping[str, Properties]]


def _by_kind(templates: Mapping[str, Template]) -> _Kinds:
    """The properties by type of resource, by logical id."""
    found: dict[str, dict[str, Properties]] = {}
    for template in templates.values():
        for name, resource in template["Resources"].items():
            found.setdefault(resource["Type"], {})[name] = resource.get("Properties", {})
    return found


def _of(kinds: _Kinds, kind: str) -> Mapping[str, Properties]:
    return kinds.get(kind, {})


def _of_topics(old: _Kinds, new: _Kinds, dropped: Collection[str]) -> Iterator[str]:
    kept = {one["TopicName"]: one for one in _of(new, "AWS::MSK::Topic").values()}
    for before in _of(old, "AWS::MSK::Topic").values():
        topic = before["TopicName"]
        after = kept.get(topic)
        if after is None and topic not in dropped and topic.endswith(f".{MARKERS.id}"):
            yield (
                f"the topic {topic} would be deleted, and a connector from before watermarks waits"
                " for it for ever; once every node is upgraded (docs/how-to/upgrade.md), write"
                f' dropped = ["{topic}"] into [kafka]'
            )
        elif after is None and topic not in dropped:
            yield (
                f"the topic {topic} would be deleted, with the hints in it that nobody has read;"
                " put its table and topic_prefix back, or, once its lag is 0 (hintferry status),"
                f' write dropped = ["{topic}"] into [kafka]'
            )
        elif after is not None and int(after["PartitionCount"]) < int(before["PartitionCount"]):
            yield (
                f"the topic {topic} has {before['PartitionCount']} partitions, and Kafka takes none"
                f" away; write partitions = {before['PartitionCount']} for its table"
            )


def _of_the_cluster(old: _Kinds, new: _Kinds) -> Iterator[str]:
    before = next(iter(_of(old, "AWS::MSK::Cluster").values()), None)
    after = next(iter(_of(new, "AWS::MSK::Cluster").values()), None)
    if before is None:
        return
    if after is None:
        yield (
            "the MSK cluster that the stacks made would be deleted with all hints; take"
            " kafka.cluster_arn out, or make a second pipeline under another pipeline.name"
        )
        return
    if _subnets(before) != _subnets(after):
        yield (
            "the brokers' subnets would change, and MSK makes another cluster for that: all hints"
            " would be lost; put network.availability_zones and network.vpc_id back"
        )
    yield from _broker_refusals(before, after)
    changed = sorted(_cluster_changes(before, after, old, new))
    if len(changed) > 1:
        yield (
            f"{' and '.join(changed)} differ from what is deployed, and MSK changes one thing of a"
            " cluster at a time; put all but one back, deploy, then do the next"
        )


def _subnets(cluster: Properties) -> Any:
    return cluster["BrokerNodeGroupInfo"]["ClientSubnets"]


def _broker_refusals(before: Properties, after: Properties) -> Iterator[str]:
    old, new = before["BrokerNodeGroupInfo"], after["BrokerNodeGroupInfo"]
    if _is_express(old) != _is_express(new):
        yield (
            f"kafka.instance leads from {old['InstanceType']} to {new['InstanceType']}, and MSK"
            " turns no standard cluster into an Express one or back; make a second pipeline"
        )
    if int(after["NumberOfBrokerNodes"]) < int(before["NumberOfBrokerNodes"]):
        yield (
            f"kafka.brokers is lower than the {before['NumberOfBrokerNodes']} that are deployed;"
            " brokers can only be added"
        )
    if not _is_express(old) and not _is_express(new) and _gib(new) < _gib(old):
        yield (
            f"kafka.storage_gib is lower than the {_gib(old)} that are deployed; storage only grows"
        )
    was, will_be = before["KafkaVersion"], after["KafkaVersion"]
    if ("kraft" in was or was >= "4") != ("kraft" in will_be or will_be >= "4"):
        yield (
            f"kafka.version leads from {was} to {will_be}: MSK has no way between ZooKeeper and"
            f' KRaft; write version = "{was}", or make a second pipeline'
        )
    elif _release(will_be) < _release(was):
        yield f'kafka.version is older than the deployed {was}; write version = "{was}"'


def _is_express(group: Properties) -> bool:
    return str(group["InstanceType"]).startswith("express.")


def _gib(group: Properties) -> int:
    return int(group["StorageInfo"]["EBSStorageInfo"]["VolumeSize"])


def _release(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def _cluster_changes(
    before: Properties, after: Properties, old: _Kinds, new: _Kinds
) -> Iterator[str]:
    """Return the differences of the cluster, by the key of `migration.toml` that says each."""
    groups = before["BrokerNodeGroupInfo"], after["BrokerNodeGroupInfo"]
    if groups[0]["InstanceType"] != groups[1]["InstanceType"]:
        yield "kafka.instance"
    if groups[0].get("StorageInfo") != groups[1].get("StorageInfo"):
        yield "kafka.storage_gib"
    if before["NumberOfBrokerNodes"] != after["NumberOfBrokerNodes"]:
        yield "kafka.brokers"
    if before["KafkaVersion"] != after["KafkaVersion"]:
        yield "kafka.version"
    kind = "AWS::MSK::Configuration"
    texts = [[one["ServerProperties"] for one in _of(kinds, kind).values()] for kinds in (old, new)]
    if texts[0] != texts[1]:
        yield "the server properties of this release"


def _of_the_network(old: _Kinds, new: _Kinds) -> Iterator[str]:
    back = "put it back, or make a second pipeline under another pipeline.name"
    for name, before in _of(old, "AWS::EC2::VPC").items():
        after = _of(new, "AWS::EC2::VPC").get(name)
        if after is None:
            yield f"the VPC that the stacks made would be deleted: network.vpc_id is new; {back}"
        elif after["CidrBlock"] != before["CidrBlock"]:
            yield (
                f"network.vpc_cidr was {before['CidrBlock']}, and another is another VPC, for which"
                f" brokers and endpoints would be made again; {back}"
            )
    zones = [_zones(old), _zones(new)]
    if zones[0] and zones[1][: len(zones[0])] != zones[0]:
        listed = ", ".join(f'"{zone}"' for zone in zones[0])
        yield (
            "network.availability_zones differ from what is deployed, so that subnets and brokers"
            f" would be made again; write availability_zones = [{listed}]"
        )


def _of_the_key(old: _Kinds, new: _Kinds) -> Iterator[str]:
    before, after = (_keys(kinds) for kinds in (old, new))
    if before and after and before != after:
        yield (
            "security.kms_key_arn leads to another key than that of what is deployed, and MSK would"
            " make another cluster for it: all hints would be lost; put it back, or make a second"
            " pipeline"
        )


def _keys(kinds: _Kinds) -> list[Any]:
    """The key of the bucket, under which everything else is too."""
    return [one["BucketEncryption"] for one in _of(kinds, "AWS::S3::Bucket").values()]


def _zones(kinds: _Kinds) -> list[str]:
    return [str(one["AvailabilityZone"]) for one in _of(kinds, "AWS::EC2::Subnet").values()]


def _of_tables(old: _Kinds, new: _Kinds) -> Iterator[str]:
    kind = "Custom::KeyspacesTable"
    for name, before in _of(old, kind).items():
        after = _of(new, kind).get(name)
        if after is None:
            continue
        table = f"{before['Keyspace']}.{before['Table']}"
        if _key(before) != _key(after):
            yield (
                f"schema.cql gives {table} another primary key than it has on Keyspaces, where no"
                " key can be changed; put it back, or migrate to a table of another name"
            )
            continue
        types = {one["Name"]: (one["Kind"], one["Type"]) for one in before["Columns"]}
        for column in after["Columns"]:
            was = types.get(column["Name"])
            if was and was != (column["Kind"], column["Type"]):
                yield (
                    f"schema.cql makes the column {column['Name']} of {table} {column['Type']}, it"
                    f" is {was[1]} on Keyspaces, where no type can be changed; put it back, or"
                    " migrate to a table of another name"
                )


def _key(table: Properties) -> list[tuple[str, ...]]:
    """Return the properties that Keyspaces keeps for ever."""
    keys = ("partition_key", "clustering")
    return [
        (one["Kind"], one["Name"], one["Type"], one["Order"])
        for one in table["Columns"]
        if one["Kind"] in keys
    ]


def _of_types(old: _Kinds, new: _Kinds) -> Iterator[str]:
    kind = "Custom::KeyspacesTypes"
    for name, before in _of(old, kind).items():
        fields = {one["Name"]: one["Fields"] for one in before["Types"]}
        for one in _of(new, kind).get(name, {}).get("Types", []):
            if fields.get(one["Name"], one["Fields"]) != one["Fields"]:
                yield (
                    f"schema.cql gives the type {before['Keyspace']}.{one['Name']} other fields"
                    " than it has on Keyspaces, where no type can be altered; put them back, or"
                    " migrate its tables to another keyspace"
                )
