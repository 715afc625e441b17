"""The function that runs statements of CQL for a stack: `functions/statements`."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from hintferry.adapters.config.settings import Migration
from infra.accepted import accept
from infra.iam import roles
from infra.layer import ACCEPTED, ARCHITECTURE, CONFIG_IN_FUNCTION, RUNTIME, Code
from infra.stacks.key import OF_THE_KEY
from infra.stacks.log_group import log_group
from tools.places import ROOT


def make_ddl_function(stack: cdk.Stack, migration: Migration, key: kms.IKey, code: Code) -> str:
    """Make the DDL function, outside the VPC (Keyspaces' endpoint is public); return its ARN."""
    group = log_group(stack, "StatementsLog", key)
    role = roles.make_role(stack, "StatementsRole", group)
    tables = [*roles.control(migration), *(table.id for table in migration.tables)]
    keyspaces = sorted({table.keyspace for table in tables})
    arns = [roles.table_arn(stack, table) for table in tables]
    arns += [roles.keyspace_arn(stack, keyspace) for keyspace in keyspaces]
    actions = ["cassandra:Alter", "cassandra:Create", "cassandra:Select"]
    actions += ["cassandra:TagResource", "cassandra:UntagResource"]
    roles.allow_on_many([role], "Statements", actions, arns, roles.TABLES_A_POLICY)
    roles.allow(role, ["cassandra:Select"], [roles.system_arn(stack)])
    roles.accept_system(role)
    key.grant(role, *OF_THE_KEY)
    function = lambda_.Function(
        stack,
        "StatementsFunction",
        description="Hintferry: statements of CQL for the stack",
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        handler="handler.lambda_handler",
        code=code.function(ROOT / "functions" / "statements"),
        layers=[code.layer(stack)],
        environment={"HINTFERRY_CONFIG": CONFIG_IN_FUNCTION},
        memory_size=512,
        timeout=cdk.Duration.minutes(14),
        role=role,
        log_group=group,
        logging_format=lambda_.LoggingFormat.JSON,
    )
    accept(function, ACCEPTED)
    arn: str = function.function_arn
    return arn
