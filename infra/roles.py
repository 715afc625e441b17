"""What each function may do, action by action."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from hintferry.core.schema import TableId
from infra.accepted import accept

ARNS_A_POLICY = 40
"""So many table ARNs of the longest names fit the 6,144 characters of a managed policy."""

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


def table_arn(stack: cdk.Stack, table: TableId) -> str:
    """The ARN by which IAM knows a table on Keyspaces."""
    return f"{_keyspaces(stack)}/{table.keyspace}/table/{table.name}"


def keyspace_arn(stack: cdk.Stack, keyspace: str) -> str:
    """The ARN by which IAM knows a keyspace itself."""
    return f"{_keyspaces(stack)}/{keyspace}/"


def accept_system(role: iam.Role) -> None:
    """Let the pattern of `system_arn` stand."""
    stack = cdk.Stack.of(role)
    account = "<AWS::AccountId>" if cdk.Token.is_unresolved(stack.account) else stack.account
    arn = f"arn:{stack.partition}:cassandra:{stack.region}:{account}:/keyspace/system*"
    accept(
        role,
        {
            f"AwsSolutions-IAM5[Resource::{arn}]": "Keyspaces has this one pattern for the tables"
            " that describe all others, and the driver reads them"
        },
    )


def system_arn(stack: cdk.Stack) -> str:
    """The ARN of the tables that describe all others; the service has one pattern for them."""
    return f"{_keyspaces(stack)}/system*"


def _keyspaces(stack: cdk.Stack) -> str:
    return f"arn:{stack.partition}:cassandra:{stack.region}:{stack.account}:/keyspace"


def allow_on_many(
    scope: Construct,
    name: str,
    actions: Sequence[str],
    arns: Sequence[str],
    roles: Sequence[iam.Role],
) -> None:
    """The actions on exactly these ARNs, in as many policies as IAM's limit of size asks for."""
    for first in range(0, len(arns), ARNS_A_POLICY):
        statement = iam.PolicyStatement(
            actions=list(actions), resources=list(arns[first : first + ARNS_A_POLICY])
        )
        policy = iam.ManagedPolicy(
            scope, f"{name}{first // ARNS_A_POLICY + 1}", statements=[statement]
        )
        for role in roles:
            role.add_managed_policy(policy)


def _logical(construct: logs.LogGroup) -> str:
    stack = cdk.Stack.of(construct)
    element = construct.node.default_child
    assert isinstance(element, cdk.CfnElement)
    return str(stack.get_logical_id(element))
