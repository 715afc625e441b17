"""Give Cassandra nodes what they need of AWS: permission to send hints and metrics, and documents
by which Systems Manager installs capture on them."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from infra.accepted import accept
from infra.iam import roles
from infra.stacks.kafka import KafkaStack, topic_of
from infra.stacks.log_group import log_group
from infra.stacks.mappings import consumer_group
from infra.stacks.network import NetworkStack
from infra.stacks.pipeline import within
from tools.places import ROOT

DOCUMENTS = ROOT / "node" / "ssm"
_MANY = "a role cannot hold so many names: those that begin with the pipeline's prefix"
_STREAMS = "each node writes a stream of its own in this one group"


class NodesStack(cdk.Stack):
    """Policies to attach to the role of the nodes, the guard's log group, and the documents."""

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
        prefix = migration.deployment.pipeline.name
        group = log_group(self, "GuardLog", network.key, f"/hintferry/{prefix}/cdcguard")
        self._allow_hints(migration, kafka)
        self._allow_figures(group)
        for path in sorted(DOCUMENTS.glob("*.json")):
            ssm.CfnDocument(
                self,
                f"Document-{path.stem}",
                name=f"{prefix}-{path.stem}",
                document_type="Command",
                update_method="NewVersion",
                content=json.loads(path.read_text()),
            )

    def _allow_hints(self, migration: Migration, kafka: KafkaStack) -> None:
        """Write to the topics, of which the connector reads none, and see what was committed."""
        connect = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
        cluster, tables = kafka.cluster_arn, migration.followed
        self._policy("Connect", connect, [cluster])
        write = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
        see = ["kafka-cluster:DescribeGroup"]
        if len(migration.tables) > roles.MOST_TOPICS_BY_NAME:
            group = f"{migration.deployment.pipeline.name}-"
            self._allow_pattern("Topics", write, kafka, "topic", f"{migration.topic_prefix}.")
            self._allow_pattern("Groups", see, kafka, "group", group)
            return
        topics = [within(cluster, "topic", topic_of(migration, table)) for table in tables]
        groups = [within(cluster, "group", consumer_group(migration, table)) for table in tables]
        for name, actions, arns in (("Topics", write, topics), ("Groups", see, groups)):
            for number, first in enumerate(range(0, len(arns), roles.TOPICS_A_POLICY), start=1):
                some = arns[first : first + roles.TOPICS_A_POLICY]
                self._policy(f"{name}{number}", actions, some)

    def _allow_pattern(
        self, name: str, actions: list[str], kafka: KafkaStack, kind: str, prefix: str
    ) -> None:
        pattern = roles.topic_pattern(self, kafka.cluster_name, kind, prefix)
        policy = self._policy(name, actions, [pattern])
        roles.accept_pattern(policy, pattern, _MANY)

    def _allow_figures(self, group: logs.LogGroup) -> None:
        """The agent sends them as lines of a log, out of which CloudWatch takes them."""
        policy = self._policy(
            "Figures",
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [group.log_group_arn],
        )
        accept(policy, {f"AwsSolutions-IAM5[Resource::<{_id(group)}.Arn>]": _STREAMS})

    def _policy(self, name: str, actions: list[str], arns: list[str]) -> iam.ManagedPolicy:
        statement = iam.PolicyStatement(actions=actions, resources=arns)
        policy = iam.ManagedPolicy(
            self, name, description="Hintferry: the Cassandra nodes", statements=[statement]
        )
        cdk.CfnOutput(self, f"{name}Policy", value=policy.managed_policy_arn)
        return policy


def _id(construct: Construct) -> str:
    element = construct.node.default_child
    assert isinstance(element, cdk.CfnElement)
    return str(cdk.Stack.of(construct).get_logical_id(element))
