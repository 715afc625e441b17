"""List what the operator may do: the stacks make a policy of it, `preflight` looks for gaps."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class On(Enum):
    """Resources that a permission is given on."""

    ANY = "everything: the services know no resource for these"
    STACKS = "the stacks of the pipeline"
    BOOTSTRAP = "the parameter of the CDK's bootstrap"
    SYSTEM = "the tables of Keyspaces that describe all others"
    JOURNAL = "the table hintferry.journal"
    SWITCHES = "the table hintferry.switches"
    KEY = "the key"
    PARKED = "the parked queue"
    REPLAY = "the replay queue"
    GIVEN_UP = "the bucket below aws/lambda/"
    LARGE = "the bucket below parked/"
    SWEEPS = "the bucket below sweeps/"
    NODE_FILES = "the bucket below nodes/"
    BUCKET = "the bucket"
    CLUSTER = "the MSK cluster"
    MACHINE = "the sweep's state machine"
    MAPPINGS = "the processor's event source mappings"


OPERATOR: Mapping[On, tuple[str, ...]] = {
    On.ANY: (
        "cloudwatch:GetMetricData",
        "cloudwatch:ListMetrics",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcEndpoints",
        "iam:GetRole",
        "iam:SimulatePrincipalPolicy",
        "lambda:GetAccountSettings",
        "servicequotas:ListServiceQuotas",
    ),
    On.STACKS: ("cloudformation:DescribeStacks",),
    On.BOOTSTRAP: ("ssm:GetParameter",),
    On.SYSTEM: ("cassandra:Select",),
    On.JOURNAL: ("cassandra:Modify", "cassandra:Select"),
    On.SWITCHES: ("cassandra:Modify", "cassandra:Select"),
    On.KEY: ("kms:Decrypt", "kms:GenerateDataKey"),
    On.PARKED: (
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    ),
    On.REPLAY: ("sqs:GetQueueAttributes", "sqs:SendMessage"),
    On.GIVEN_UP: ("s3:DeleteObject", "s3:GetObject"),
    On.LARGE: ("s3:PutObject",),
    On.SWEEPS: ("s3:GetObject",),
    On.NODE_FILES: ("s3:PutObject",),
    On.BUCKET: ("s3:ListBucket",),
    On.CLUSTER: ("kafka:GetBootstrapBrokers",),
    On.MACHINE: ("states:StartExecution",),
    On.MAPPINGS: ("lambda:UpdateEventSourceMapping",),
}
"""The actions of the operator's policy, by resource. Reading and writing the tables are other
policies."""
