"""The tables on Keyspaces, made by statements of CQL through a function of the stack.

CloudFormation's own resources for them cannot take over a table that is there. A table that was
kept when its stack failed or went would never be deployed again. With one resource a table,
CloudFormation says which one fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from hintferry.adapters.driver.cql import CONTROL_TABLES, STOCK_CONTROL_TABLES
from hintferry.adapters.target.ddl import create_keyspace, create_table, create_type
from hintferry.core.capacity import Capacity
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Column, Table, UserType
from hintferry_ops.constants import CONCURRENT_DDL, MOST_TABLES
from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import refuse_misfits, schema_from
from hintferry_ops.names import told_apart
from infra.iam import roles
from infra.layer import Code
from infra.stacks.ddl_function import make_ddl_function
from infra.stacks.network import NetworkStack


class TablesStack(cdk.Stack):
    """Keyspaces, types and tables, all kept when the stack goes."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        code: Code,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        self._migration, self._key_arn = migration, network.key.key_arn
        schema = schema_from(migration.target.schema)
        tables = _checked(migration, schema)
        self._function = make_ddl_function(self, migration, network.key, code)
        control = [str(table) for table in roles.control(migration)]
        create = STOCK_CONTROL_TABLES if migration.stock_connector else CONTROL_TABLES
        self._define("Statements", "Statements", Create=list(create), Tables=control)
        before = [
            self._make_types(keyspace, types)
            for keyspace, types in sorted(schema.types_of(tables).items())
        ]
        self._make_tables(tables, before)

    def _make_types(self, keyspace: str, types: Sequence[UserType]) -> cdk.CfnResource:
        """A keyspace and its types, one after the other: one may use another."""
        return self._define(
            "Types",
            f"Types-{told_apart(keyspace)}",
            Keyspace=keyspace,
            Create=[create_keyspace(keyspace), *(create_type(keyspace, one) for one in types)],
            Types=[
                {
                    "Name": one.name,
                    "Fields": [{"Name": name, "Type": kind} for name, kind in one.fields],
                }
                for one in types
            ],
        )

    def _make_tables(self, tables: Sequence[Table], before: Sequence[cdk.CfnResource]) -> None:
        """No more at once than Keyspaces takes: each waits for the one so many places before."""
        made: list[cdk.CfnResource] = []
        for table in tables:
            one = self._make_table(table)
            waits_for = before if len(made) < CONCURRENT_DDL else [made[-CONCURRENT_DDL]]
            for other in waits_for:
                one.add_resource_dependency(other)
            made.append(one)

    def _make_table(self, table: Table) -> cdk.CfnResource:
        settings = self._migration.settings_of(table.id)
        tags = self._migration.deployment.tags
        return self._define(
            "Table",
            f"Define-{told_apart(str(table.id))}",
            Keyspace=table.id.keyspace,
            Table=table.id.name,
            Columns=[_column(column) for column in table.columns],
            Create=create_table(table, self._key_arn, settings.capacity, tags),
            Ttl="on" if settings.ttl and not table.is_counter else "off",
            Capacity=_capacity(settings.capacity),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )

    def _define(self, kind: str, title: str, **properties: Any) -> cdk.CfnResource:
        resource = cdk.CustomResource(
            self,
            title,
            service_token=self._function,
            resource_type=f"Custom::Keyspaces{kind}",
            service_timeout=cdk.Duration.minutes(15),
            removal_policy=cdk.RemovalPolicy.RETAIN,
            properties=properties,
        )
        made: cdk.CfnResource = resource.node.default_child
        return made


def _column(column: Column) -> dict[str, str]:
    return {
        "Name": column.name,
        "Type": column.cql_type,
        "Kind": column.kind.value,
        "Order": "DESC" if column.descending else "ASC",
    }


def _capacity(capacity: Capacity) -> dict[str, Any]:
    return {
        "Mode": capacity.mode.value,
        "Read": capacity.read_units,
        "Write": capacity.write_units,
        "WarmRead": capacity.warm_read_units,
        "WarmWrite": capacity.warm_write_units,
    }


def _checked(migration: Migration, schema: Schema) -> list[Table]:
    path = migration.target.schema
    if not migration.tables:
        raise ConfigurationError('migration.toml has no table; write [tables."keyspace.table"]')
    if len(migration.tables) > MOST_TABLES:
        raise ConfigurationError(
            f"migration.toml has {len(migration.tables)} tables; a stack holds {MOST_TABLES}: make"
            " a second pipeline under another pipeline.name"
        )
    tables = []
    for settings in migration.tables:
        table = schema.tables.get(settings.id)
        if table is None:
            raise ConfigurationError(
                f"{path} does not define {settings.id}, which migration.toml lists as"
                f' [tables."{settings.id}"]; print it again from the source'
            )
        refuse_misfits(path, schema, table, settings.ttl)
        tables.append(table)
    return tables
