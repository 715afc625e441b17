"""Ask the deployed stacks for what the command and the nodes need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from hintferry.adapters.config.places import PLACES
from hintferry.adapters.config.settings import Migration
from hintferry.core.errors import HintferryError
from hintferry_ops.constants import REPLAYED_AT_ONCE

KEY_ARN, CLUSTER_ARN, MACHINE_ARN = "KeyArn", "ClusterArn", "MachineArn"
"""Outputs of the stacks *network*, *kafka* and *sweep*."""

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""The parameter of Parameter Store in which the CDK keeps the version of its bootstrap."""

BOOTSTRAP_VARIABLE = "HINTFERRY_BOOTSTRAP_SERVERS"
MACHINE_VARIABLE = "HINTFERRY_SWEEP_MACHINE_ARN"
REGION_VARIABLE = "AWS_DEFAULT_REGION"

_READY = {
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
}


class Part(Enum):
    """A stack of a pipeline, in the order of their deployment."""

    NETWORK = "network"
    KAFKA = "kafka"
    TABLES = "tables"
    PIPELINE = "pipeline"
    NODES = "nodes"
    SWEEP = "sweep"
    ALARMS = "alarms"


class NotDeployed(HintferryError):
    """The stacks do not give what is needed; `problems` has a sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def stack_name(migration: Migration, part: Part) -> str:
    """Return the name of a stack of this pipeline."""
    return f"{migration.deployment.pipeline.name}-{part.value}"


def zones(migration: Migration) -> tuple[str, ...]:
    """Return the availability zones of the subnets."""
    named = migration.deployment.network.availability_zones
    return named or tuple(migration.target.region + letter for letter in "abc")


def concurrency(migration: Migration) -> dict[str, int]:
    """Return how many invocations at once each function has, and reserves where it may."""
    deployment = migration.deployment
    return {
        "processor": deployment.pipeline.concurrency,
        "replay": REPLAYED_AT_ONCE,
        "sweep": deployment.sweep.concurrency + 1,
    }


class Stacks:
    """The stacks of one pipeline; `client` gives a boto3 client of a service in its Region.

    All methods raise NotDeployed, and boto3's errors for an AWS that does not answer.
    """

    def __init__(self, migration: Migration, client: Callable[[str], Any]) -> None:
        self._migration, self._client = migration, client

    def queues(self) -> dict[str, str]:
        """Return where the queues and the bucket are, by name of the place."""
        outputs = self.outputs(Part.PIPELINE, *(place.output for place in PLACES))
        return {place.name: outputs[place.output] for place in PLACES}

    def environment(self) -> dict[str, str]:
        """Return the variables that the command and `node.render` read.

        Each stack is asked, so that NotDeployed lists all that is wrong.
        """
        found: dict[str, str] = {REGION_VARIABLE: self._migration.target.region}
        problems: list[str] = [*self._strangers()]
        for ask in (self._queue_variables, self._bootstrap_servers, self._machine):
            try:
                found |= ask()
            except NotDeployed as error:
                problems += error.problems
        if problems:
            raise NotDeployed(*problems)
        return found

    def outputs(self, part: Part, *needed: str) -> Mapping[str, str]:
        """Return the outputs of a stack, which has those that are needed."""
        name = stack_name(self._migration, part)
        try:
            (stack,) = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise NotDeployed(self._missing(name)) from None
        if stack["StackStatus"] not in _READY:
            raise NotDeployed(_half_deployed(name, stack["StackStatus"]))
        found = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        for output in needed:
            if output not in found:
                raise NotDeployed(
                    f"the stack {name} has no output {output}, because an earlier release deployed"
                    f' it; deploy it again with `make cdk ARGS="deploy {name}"`'
                )
        return found

    def _queue_variables(self) -> dict[str, str]:
        found = self.queues()
        return {place.variable: found[place.name] for place in PLACES}

    def _machine(self) -> dict[str, str]:
        return {MACHINE_VARIABLE: self.outputs(Part.SWEEP, MACHINE_ARN)[MACHINE_ARN]}

    def _bootstrap_servers(self) -> dict[str, str]:
        arn = self.outputs(Part.KAFKA, CLUSTER_ARN)[CLUSTER_ARN]
        brokers = self._client("kafka").get_bootstrap_brokers(ClusterArn=arn)
        servers = brokers.get("BootstrapBrokerStringSaslIam")
        if not servers:
            raise NotDeployed(
                f"the MSK cluster {arn} names no brokers for login by IAM; wait until it is ACTIVE,"
                " and turn on IAM authentication"
            )
        return {BOOTSTRAP_VARIABLE: servers}

    def _strangers(self) -> Iterator[str]:
        """Yield a sentence where migration.toml names another account, or a cluster elsewhere."""
        wanted = self._migration.target.account
        if wanted and wanted != self._account():
            yield (
                f"target.account is {wanted}, and these credentials are of account"
                f" {self._account()}; set AWS_PROFILE to that account, or give another --config"
            )
        arn = self._migration.deployment.kafka.cluster_arn
        if not arn:
            return
        _, _, _, region, account, _ = arn.split(":", 5)
        ours = self._account(), self._migration.target.region
        if (account, region) != ours:
            yield (
                f"kafka.cluster_arn is in account {account}, {region}, and these credentials are of"
                f" account {ours[0]}, {ours[1]}; set AWS_PROFILE to that account, or fix the ARN"
            )

    def _missing(self, name: str) -> str:
        region = self._migration.target.region
        return (
            f"the stack {name} does not exist in account {self._account()}, {region}; set"
            " AWS_PROFILE to the account that has it, or deploy it with"
            f' `make cdk ARGS="deploy {name}"`'
        )

    def _account(self) -> str:
        return str(self._client("sts").get_caller_identity()["Account"])


def _half_deployed(name: str, status: str) -> str:
    if status.endswith("_IN_PROGRESS"):
        what = "wait until that has ended, then run this again"
    elif status == "ROLLBACK_COMPLETE":
        what = "its first deploy failed: read its events, delete the stack, and deploy it again"
    else:
        what = f'read its events, fix the cause, then run `make cdk ARGS="deploy {name}"`'
    return f"the stack {name} is {status}; {what}"
