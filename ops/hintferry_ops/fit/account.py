"""Ask AWS what an account allows: its quotas, zones, bootstrap, and permissions of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from hintferry.adapters.config.settings import Migration
from hintferry_ops.deployed import (
    BOOTSTRAP_PARAMETER,
    CLUSTER_ARN,
    KEY_ARN,
    MACHINE_ARN,
    NotDeployed,
    Part,
    Stacks,
    stack_name,
)
from hintferry_ops.operator_permissions import OPERATOR, On


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials these are."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Invocations at once in the Region: of the account, and what no function has reserved."""

    limit: int
    unreserved: int


@dataclass(frozen=True, slots=True)
class Denied:
    """Actions that the caller lacks on one resource."""

    arn: str
    actions: tuple[str, ...]


class Account:
    """The caller's account; `client` gives a boto3 client of a service. Raises boto3's errors."""

    def __init__(self, migration: Migration, client: Callable[[str], Any]) -> None:
        self._migration, self._client = migration, client

    def caller(self) -> Caller:
        """Return the account and the identity of the credentials."""
        found = self._client("sts").get_caller_identity()
        return Caller(found["Account"], found["Arn"])

    def concurrency(self) -> Concurrency:
        """Return how many invocations Lambda runs at once."""
        limit = self._client("lambda").get_account_settings()["AccountLimit"]
        return Concurrency(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])

    def zones(self) -> tuple[str, ...]:
        """Return the availability zones of the Region that the account may use, sorted."""
        wanted = {"state": "available", "zone-type": "availability-zone"}
        filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
        found = self._client("ec2").describe_availability_zones(Filters=filters)
        return tuple(sorted(zone["ZoneName"] for zone in found["AvailabilityZones"]))

    def quotas(self, service: str) -> Mapping[str, float]:
        """Return the quotas that Service Quotas tells of a service, by name in lower case."""
        pages = self._client("service-quotas").get_paginator("list_service_quotas")
        return {
            quota["QuotaName"].lower(): quota["Value"]
            for page in pages.paginate(ServiceCode=service)
            for quota in page["Quotas"]
            if "Value" in quota
        }

    def bootstrap_version(self) -> int | None:
        """Return the version of the CDK's bootstrap, or None where there is none."""
        try:
            found = self._client("ssm").get_parameter(Name=BOOTSTRAP_PARAMETER)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            return None
        return int(found["Parameter"]["Value"])

    def denied(self, caller: Caller) -> Iterator[Denied]:
        """Yield the actions of the operator's policy that the caller lacks, as IAM simulates it.

        What exists only once the stacks are deployed is left out before.
        """
        principal = self._principal(caller)
        if principal is None:
            return
        for on, arn in self._resources(caller).items():
            missing = self._refused(principal, OPERATOR[on], arn)
            if missing:
                yield Denied(arn, missing)

    def _principal(self, caller: Caller) -> str | None:
        """Return the ARN that IAM simulates, or None for the root user, who may do everything."""
        kind, _, name = caller.arn.split(":", 5)[5].partition("/")
        if kind == "root":
            return None
        if kind == "assumed-role":
            # The ARN of a session leaves out the path of its role.
            role = self._client("iam").get_role(RoleName=name.partition("/")[0])
            return str(role["Role"]["Arn"])
        return caller.arn

    def _refused(self, principal: str, actions: Sequence[str], arn: str) -> tuple[str, ...]:
        # The policy lists the bucket below one prefix only.
        context = {"ContextKeyName": "s3:prefix", "ContextKeyValues": ["aws/lambda/"]}
        pages = self._client("iam").get_paginator("simulate_principal_policy")
        found = pages.paginate(
            PolicySourceArn=principal,
            ActionNames=list(actions),
            ResourceArns=[arn],
            ContextEntries=[{**context, "ContextKeyType": "string"}],
        )
        return tuple(
            result["EvalActionName"]
            for page in found
            for result in page["EvaluationResults"]
            if result["EvalDecision"] != "allowed"
        )

    def _resources(self, caller: Caller) -> dict[On, str]:
        region = self._migration.target.region
        partition = caller.arn.split(":")[1]
        here = f"{region}:{caller.account}"
        stack = stack_name(self._migration, Part.PIPELINE)
        found = {
            On.ANY: "*",
            On.STACKS: f"arn:{partition}:cloudformation:{here}:stack/{stack}/1",
            On.BOOTSTRAP: f"arn:{partition}:ssm:{here}:parameter{BOOTSTRAP_PARAMETER}",
            On.SYSTEM: f"arn:{partition}:cassandra:{here}:/keyspace/system/table/local",
        }
        try:
            return found | self._deployed(f"arn:{partition}", here)
        except NotDeployed:
            return found

    def _deployed(self, arn: str, here: str) -> dict[On, str]:
        stacks = Stacks(self._migration, self._client)
        queues = stacks.queues()
        bucket = f"{arn}:s3:::{queues['bucket']}"
        parked, replay = (
            f"{arn}:sqs:{here}:{queues[name].rpartition('/')[2]}"
            for name in ("parked_queue_url", "replay_queue_url")
        )
        control = f"{arn}:cassandra:{here}:/keyspace/hintferry/table"
        return {
            On.JOURNAL: f"{control}/journal",
            On.SWITCHES: f"{control}/switches",
            On.PARKED: parked,
            On.REPLAY: replay,
            On.BUCKET: bucket,
            On.GIVEN_UP: f"{bucket}/aws/lambda/object",
            On.LARGE: f"{bucket}/parked/object",
            On.SWEEPS: f"{bucket}/sweeps/object",
            On.NODE_FILES: f"{bucket}/nodes/object",
            On.KEY: stacks.outputs(Part.NETWORK, KEY_ARN)[KEY_ARN],
            On.CLUSTER: stacks.outputs(Part.KAFKA, CLUSTER_ARN)[CLUSTER_ARN],
            On.MACHINE: stacks.outputs(Part.SWEEP, MACHINE_ARN)[MACHINE_ARN],
        }
