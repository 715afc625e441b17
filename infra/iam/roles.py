"""Give each function its permissions, action by action."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from hintferry.adapters.config.settings import MARKERS, Migration
from hintferry.adapters.config.source_settings import SourceSettings
from hintferry.core.schema import TableId
from infra.accepted import accept

TABLES_A_POLICY = 36
TOPICS_A_POLICY = 25
"""How many ARNs of the longest names fit the 6,144 characters of a managed policy."""

MOST_TOPICS_BY_NAME = 50
"""A role takes ten managed policies: with more topics than this they are allowed by their prefix,
which is the pipeline's own."""

JOURNAL, SWITCHES = TableId("hintferry", "journal"), TableId("hintferry", "switches")
"""The tables that operators write. Functions only read the switches; the sweep notes its repairs in
the journal."""

_WRITTEN = tuple(
    TableId("hintferry", name) for name in ("fences", "leases", "open_items", "passes")
)

_NO_RESOURCE = (
    "the service knows no resource for these actions: Lambda makes the network interfaces, and"
    " Keyspaces fills system.peers for who may describe its endpoint"
)

INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
)


def written(migration: Migration) -> tuple[TableId, ...]:
    """Return the control tables that the functions write; with the stock connector the markers'."""
    return (*_WRITTEN, MARKERS.id) if migration.stock_connector else _WRITTEN


def control(migration: Migration) -> tuple[TableId, ...]:
    """Return the control tables on the target: those of `adapters.driver.cql`."""
    return (*written(migration), JOURNAL, SWITCHES)


def make_role(scope: Construct, name: str, group: logs.LogGroup) -> iam.Role:
    """A role for a function that writes this log group."""
    role = iam.Role(scope, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn])
    accept(
        role,
        {f"AwsSolutions-IAM5[Resource::<{_logical(group)}.Arn>]": "every stream of its own group"},
    )
    return role


def allow(role: iam.Role, actions: Sequence[str], resources: Sequence[str]) -> None:
    """Add one statement."""
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def allow_network(role: iam.Role) -> None:
    """Live in the VPC, and see the peers of the Keyspaces endpoint."""
    allow(role, INTERFACES, ["*"])
    accept(role, {"AwsSolutions-IAM5[Resource::*]": _NO_RESOURCE})


def allow_source_login(role: iam.Role, source: SourceSettings) -> None:
    """Read the one secret of the source, where there is one."""
    if source.secret_arn:
        allow(role, ["secretsmanager:GetSecretValue"], [source.secret_arn])


def table_arn(stack: cdk.Stack, table: TableId) -> str:
    """The ARN by which IAM knows a table on Keyspaces."""
    return f"{_keyspaces(stack)}/{table.keyspace}/table/{table.name}"


def keyspace_arn(stack: cdk.Stack, keyspace: str) -> str:
    """The ARN by which IAM knows a keyspace itself."""
    return f"{_keyspaces(stack)}/{keyspace}/"


def accept_system(allowed: Construct) -> None:
    """Let the pattern of `system_arn` stand."""
    accept_pattern(
        allowed,
        system_arn(cdk.Stack.of(allowed)),
        "Keyspaces has this one pattern for the tables that describe all others, and the driver"
        " reads them",
    )


def topic_pattern(stack: cdk.Stack, cluster: str, kind: str, prefix: str) -> str:
    """The ARNs of all topics or groups (`kind`) of the cluster of this name with the prefix."""
    where = f"{kind}/{cluster}/*/{prefix}*"
    return f"arn:{stack.partition}:kafka:{stack.region}:{stack.account}:{where}"


def accept_pattern(allowed: Construct, arn: str, reason: str) -> None:
    """Let a resource with a wildcard stand, of a role or a policy."""
    account = cdk.Stack.of(allowed).account
    written = "<AWS::AccountId>" if cdk.Token.is_unresolved(account) else account
    accept(allowed, {f"AwsSolutions-IAM5[Resource::{arn.replace(account, written)}]": reason})


def system_arn(stack: cdk.Stack) -> str:
    """The ARN of the tables that describe all others; the service has one pattern for them."""
    return f"{_keyspaces(stack)}/system*"


def _keyspaces(stack: cdk.Stack) -> str:
    return f"arn:{stack.partition}:cassandra:{stack.region}:{stack.account}:/keyspace"


def allow_on_many(
    roles: Sequence[iam.Role],
    name: str,
    actions: Sequence[str],
    arns: Sequence[str],
    a_policy: int,
) -> None:
    """The actions on exactly these ARNs, `a_policy` of them in one managed policy."""
    for number, first in enumerate(range(0, len(arns), a_policy), start=1):
        statement = iam.PolicyStatement(
            actions=list(actions), resources=list(arns[first : first + a_policy])
        )
        scope = cdk.Stack.of(roles[0])
        policy = iam.ManagedPolicy(scope, f"{name}{number}", statements=[statement])
        cdk.CfnOutput(scope, f"{name}{number}Policy", value=policy.managed_policy_arn)
        for role in roles:
            role.add_managed_policy(policy)


def _logical(construct: logs.LogGroup) -> str:
    stack = cdk.Stack.of(construct)
    element = construct.node.default_child
    assert isinstance(element, cdk.CfnElement)
    return str(stack.get_logical_id(element))
