"""The pipeline: layer, functions, queues, bucket, and the mappings that feed the functions."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hintferry.adapters.config.places import PLACES
from hintferry.adapters.config.settings import Migration
from hintferry_ops import constants
from hintferry_ops.deployed import concurrency
from hintferry_ops.monitoring.mapping_rules import mapping_rules
from hintferry_ops.monitoring.metrics import NAMESPACE
from infra.accepted import accept
from infra.iam import roles
from infra.iam.policies import make_node_files_policy, make_operator_policy
from infra.layer import ACCEPTED, ARCHITECTURE, CONFIG_IN_FUNCTION, RUNTIME, Code
from infra.monitoring.alarm import make_alarm
from infra.monitoring.log_queries import save_log_queries
from infra.monitoring.notifications import make_topics
from infra.stacks.kafka import KafkaStack, topic_of
from infra.stacks.log_group import log_group
from infra.stacks.mappings import alias_name, consumer_group, map_replay_queue, map_topics
from infra.stacks.network import NetworkStack
from infra.stacks.release import alias_of, shift_gradually
from infra.stacks.storage import Storage
from tools.places import ROOT

_OBJECTS = "objects are named by the mapping and by the function as they come; no other prefix"

_TOO_MANY = "a role cannot hold so many topics by name: those that begin with the pipeline's prefix"


POLLED = (
    "kafka:DescribeCluster",
    "kafka:DescribeClusterV2",
    "kafka:GetBootstrapBrokers",
    "kafka-cluster:Connect",
    "kafka-cluster:DescribeClusterDynamicConfiguration",
)
TOPIC_READ = ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData")
GROUP_JOINED = ("kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup")
"""What a mapping may do, as its function: on the cluster, on a topic, and on a consumer group."""


class PipelineStack(cdk.Stack):
    """Everything between the topics and Keyspaces."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        kafka: KafkaStack,
        code: Code,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        self._migration, self._network, self._code = migration, network, code
        self.topics = make_topics(self, migration, network.key)
        self.storage = Storage(self, "Storage", network.key)
        self._layer = code.layer(self)
        self.processor = self._function("processor")
        self.replay = self._function("replay")
        # It puts off what a side cannot take yet: the queue counts receives and ends that walk.
        self.replay.node.default_child.recursive_loop = "Allow"
        sweep = self._function("sweep", constants.SWEEP_TIMEOUT_S)
        all_of_them = [self.processor, self.replay, sweep]
        self._allow_tables([_role(function) for function in all_of_them])
        for function in all_of_them:
            self._allow_storage(_role(function))
            roles.allow_source_login(_role(function), migration.source)
        self._allow_sweep(_role(sweep))
        self._allow_topics(_role(self.processor), kafka)
        queue = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        queue.append("sqs:ChangeMessageVisibility")
        roles.allow(_role(self.replay), queue, [self.storage.replay.queue_arn])
        self.sweep = alias_of(sweep)
        self._feed(kafka)
        functions = {"processor": self.processor, "replay": self.replay, "sweep": sweep}
        self.log_groups = {name: one.log_group.log_group_name for name, one in functions.items()}
        save_log_queries(self, migration.deployment.pipeline.name, self.log_groups)
        self._give_outputs(kafka)

    def _feed(self, kafka: KafkaStack) -> None:
        """Let the mappings invoke what the aliases of processor and replay function lead to."""
        migration = self._migration
        processor, replay = alias_of(self.processor, alias_name(migration)), alias_of(self.replay)
        shift_gradually(migration, "processor", self.processor, processor)
        shift_gradually(migration, "replay", self.replay, replay)
        mappings = map_topics(self, migration, kafka, self.storage, processor)
        map_replay_queue(self, self.storage, replay)
        for rule in mapping_rules(mappings):
            make_alarm(self, migration, rule, [self.topics[rule.severity].topic_arn])

    def _give_outputs(self, kafka: KafkaStack) -> None:
        """Say where queues and bucket are, and who may use them."""
        for place in PLACES:
            cdk.CfnOutput(self, place.output, value=self.storage.outputs()[place.name])
        make_operator_policy(
            self, self._migration, self.storage, kafka.cluster_arn, self.processor.function_arn
        )
        make_node_files_policy(self, self.storage)

    def _function(
        self, name: str, timeout_s: int = constants.FUNCTION_TIMEOUT_S
    ) -> lambda_.Function:
        title = name.capitalize()
        settings = self._migration.deployment.pipeline
        group = log_group(self, f"{title}Log", self._network.key)
        role = roles.make_role(self, f"{title}Role", group)
        roles.allow_network(role)
        function = lambda_.Function(
            self,
            title,
            description=f"Hintferry: {name}",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler="handler.lambda_handler",
            code=self._code.function(ROOT / "functions" / name),
            layers=[self._layer],
            environment=self._environment(name),
            environment_encryption=self._network.key,
            memory_size=settings.memory_mb,
            timeout=cdk.Duration.seconds(timeout_s),
            # The one bound on what reaches Cassandra and Keyspaces at once; without it the
            # partitions bound the processor.
            reserved_concurrent_executions=(
                concurrency(self._migration)[name] if settings.reserve else None
            ),
            vpc=self._network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[self._network.functions],
            role=role,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            # A higher level drops the metrics, which are lines without a level, and the reports.
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
        )
        accept(function, ACCEPTED)
        return function

    def _environment(self, name: str) -> dict[str, str]:
        known = self.storage.outputs()
        environment = {
            "HINTFERRY_CONFIG": CONFIG_IN_FUNCTION,
            **{place.variable: known[place.name] for place in PLACES},
            "POWERTOOLS_SERVICE_NAME": self._migration.deployment.pipeline.name,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        }
        if name == "processor":
            environment["HINTFERRY_RETURN_AFTER_S"] = str(constants.RETURN_AFTER_S)
        return environment

    def _allow_tables(self, both: list[iam.Role]) -> None:
        tables = [*roles.written(self._migration), *(table.id for table in self._migration.tables)]
        arns = [roles.table_arn(self, table) for table in tables]
        write = ["cassandra:Modify", "cassandra:Select"]
        roles.allow_on_many(both, "Tables", write, arns, roles.TABLES_A_POLICY)
        for role in both:
            read = [roles.system_arn(self), roles.table_arn(self, roles.SWITCHES)]
            roles.allow(role, ["cassandra:Select"], read)
            roles.accept_system(role)

    def _allow_storage(self, role: iam.Role) -> None:
        """Park, put off, keep what is too large; the mapping writes the bucket with this role."""
        storage = self.storage
        queues = [storage.parked.queue_arn, storage.replay.queue_arn]
        roles.allow(role, ["sqs:SendMessage"], queues)
        roles.allow(role, ["s3:ListBucket"], [storage.bucket.bucket_arn])
        kept = [storage.bucket.arn_for_objects(prefix) for prefix in ("parked/*", "aws/lambda/*")]
        roles.allow(role, ["s3:GetObject", "s3:PutObject"], kept)
        self._network.key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")
        bucket = self.get_logical_id(storage.bucket.node.default_child)
        accept(
            role,
            {
                f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{prefix}]": _OBJECTS
                for prefix in ("parked/*", "aws/lambda/*")
            },
        )

    def _allow_sweep(self, role: iam.Role) -> None:
        """Keep in the bucket how far the passes are, and note each repair in the journal."""
        journal = roles.table_arn(self, roles.JOURNAL)
        roles.allow(role, ["cassandra:Modify", "cassandra:Select"], [journal])
        files = self.storage.bucket.arn_for_objects("sweeps/*")
        roles.allow(role, ["s3:GetObject", "s3:PutObject"], [files])
        bucket = self.get_logical_id(self.storage.bucket.node.default_child)
        why = "the files of a sweep are named by table and pass"
        accept(role, {f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/sweeps/*]": why})

    def _allow_topics(self, role: iam.Role, kafka: KafkaStack) -> None:
        """Poll these topics in these groups: by name, or, where they are too many, by prefix."""
        cluster, tables = kafka.cluster_arn, self._migration.followed
        roles.allow(role, POLLED, [cluster])
        if len(self._migration.tables) > roles.MOST_TOPICS_BY_NAME:
            name = self._migration.deployment.pipeline.name
            kinds = (
                ("topic", TOPIC_READ, f"{self._migration.topic_prefix}."),
                ("group", GROUP_JOINED, f"{name}-"),
            )
            for kind, actions, prefix in kinds:
                arn = roles.topic_pattern(self, kafka.cluster_name, kind, prefix)
                roles.allow(role, actions, [arn])
                roles.accept_pattern(role, arn, _TOO_MANY)
            return
        topics = [within(cluster, "topic", topic_of(self._migration, table)) for table in tables]
        groups = [within(cluster, "group", consumer_group(self._migration, t)) for t in tables]
        roles.allow_on_many([role], "Topics", TOPIC_READ, topics, roles.TOPICS_A_POLICY)
        roles.allow_on_many([role], "Groups", GROUP_JOINED, groups, roles.TOPICS_A_POLICY)


def _role(function: lambda_.Function) -> iam.Role:
    assert isinstance(function.role, iam.Role)
    return function.role


def within(cluster_arn: str, kind: str, name: str) -> str:
    """The ARN of a topic or group, from arn:...:cluster/NAME/UUID, known only when deployed."""
    parts = cdk.Fn.split(":cluster/", cluster_arn)
    return f"{cdk.Fn.select(0, parts)}:{kind}/{cdk.Fn.select(1, parts)}/{name}"
