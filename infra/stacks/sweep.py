"""The sweep: its state machine, and a schedule a table that starts it."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from hintferry.adapters.config.deployment import SweepSettings
from hintferry.adapters.config.settings import Migration, TableSettings
from hintferry_ops.constants import sweep_window_minutes
from hintferry_ops.deployed import MACHINE_ARN
from hintferry_ops.names import told_apart
from infra.accepted import accept
from infra.iam import roles
from infra.stacks.log_group import log_group
from infra.stacks.network import NetworkStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.sweep_machine import definition

_LONGEST_NAME = 64
_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)


class SweepStack(cdk.Stack):
    """A separate stack, because two hundred schedules are many resources."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        pipeline: PipelineStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        settings = migration.deployment.sweep
        self._name = f"{migration.deployment.pipeline.name}-sweep"
        self.machine_arn = self._arn("stateMachine", self._name)
        cdk.CfnOutput(self, MACHINE_ARN, value=self.machine_arn)
        self.unstarted = self._make_queue(network.key)
        self._make_machine(settings, network, pipeline)
        if settings.every_hours:
            self._make_schedules(migration, settings, network.key)

    def _make_queue(self, key: kms.IKey) -> sqs.Queue:
        """Make the queue for sweeps that a schedule could not start; an alarm watches it."""
        queue = sqs.Queue(
            self,
            "Unstarted",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        itself = "it is itself the queue of dead letters"
        accept(queue, {"AwsSolutions-SQS3": itself, "Serverless-SQSRedrivePolicy": itself})
        return queue

    def _make_machine(
        self, settings: SweepSettings, network: NetworkStack, pipeline: PipelineStack
    ) -> None:
        # Names of this kind need no entry in the account's one policy for log deliveries.
        group = log_group(self, "Log", network.key, f"/aws/vendedlogs/states/{self._name}")
        function, bucket = pipeline.sweep, pipeline.storage.bucket
        machine = sfn.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=self._name,
            role_arn=self._machine_role(network, pipeline).role_arn,
            definition_string=self.to_json_string(
                definition(function.function_arn, bucket.bucket_name, settings.concurrency)
            ),
            logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=True,
                destinations=[
                    sfn.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=group.log_group_arn
                        )
                    )
                ],
            ),
        )
        traced = "X-Ray sees neither side's protocol; history and log tell of every step"
        accept(
            machine,
            dict.fromkeys(("AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray"), traced),
        )

    def _machine_role(self, network: NetworkStack, pipeline: PipelineStack) -> iam.Role:
        """It stands beside the bucket, as what is accepted of it names that."""
        role = iam.Role(
            pipeline, "SweepMachineRole", assumed_by=iam.ServicePrincipal("states.amazonaws.com")
        )
        roles.allow(role, ["lambda:InvokeFunction"], [pipeline.sweep.function_arn])
        work = pipeline.storage.bucket.arn_for_objects("sweeps/*")
        roles.allow(role, ["s3:GetObject"], [work])
        network.key.grant(role, "kms:Decrypt")
        # The map starts an execution of the same machine for each batch.
        # A run asks for the status of the execution that holds its table.
        roles.allow(role, ["states:StartExecution"], [self.machine_arn])
        runs = self._arn("execution", f"{self._name}:*")
        batches = self._arn("execution", f"{self._name}/*")
        roles.allow(role, ["states:DescribeExecution"], [runs, batches])
        roles.allow(role, ["states:StopExecution"], [batches])
        roles.allow(role, list(_LOG_DELIVERY), ["*"])
        for arn in (runs, batches):
            roles.accept_pattern(role, arn, "executions are named as they start")
        accept(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "the service knows no resource for these actions",
                **_objects(pipeline, "sweeps/*"),
            },
        )
        return role

    def _make_schedules(self, migration: Migration, settings: SweepSettings, key: kms.IKey) -> None:
        group = scheduler.CfnScheduleGroup(self, "Schedules", name=self._name)
        group_arn = f"arn:{self.partition}:scheduler:{self.region}:{self.account}:schedule-group"
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": self.account,
                        "aws:SourceArn": f"{group_arn}/{self._name}",
                    }
                },
            ),
        )
        roles.allow(role, ["states:StartExecution"], [self.machine_arn])
        roles.allow(role, ["sqs:SendMessage"], [self.unstarted.queue_arn])
        key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")
        unit = "hour" if settings.every_hours == 1 else "hours"
        for table in migration.tables:
            schedule = scheduler.CfnSchedule(
                self,
                f"Sweep-{told_apart(str(table.id))}",
                name=told_apart(str(table.id), _LONGEST_NAME),
                group_name=self._name,
                schedule_expression=f"rate({settings.every_hours} {unit})",
                # So that two hundred tables do not begin in one minute.
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                    mode="FLEXIBLE",
                    maximum_window_in_minutes=sweep_window_minutes(settings.every_hours),
                ),
                target=self._target(role, settings, table),
            )
            schedule.add_resource_dependency(group)

    def _target(
        self, role: iam.Role, settings: SweepSettings, table: TableSettings
    ) -> scheduler.CfnSchedule.TargetProperty:
        return scheduler.CfnSchedule.TargetProperty(
            arn=self.machine_arn,
            role_arn=role.role_arn,
            input=json.dumps(_task(settings, table)),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                arn=self.unstarted.queue_arn
            ),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
            ),
        )

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:states:{self.region}:{self.account}:{kind}:{name}"


def _task(settings: SweepSettings, table: TableSettings) -> dict[str, Any]:
    task = {"verb": "verify", "table": str(table.id), "consistency": settings.consistency.value}
    return {**task, "repair_rate": settings.repair_rate} if settings.repair_rate else task


def _objects(pipeline: PipelineStack, prefix: str) -> dict[str, str]:
    bucket = pipeline.get_logical_id(pipeline.storage.bucket.node.default_child)
    why = "the files of a sweep are named by table and pass"
    return {f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{prefix}]": why}
