"""The tables on Keyspaces: by CloudFormation where it can, else by statements of CQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cassandra as cassandra
from constructs import Construct

from hintferry.adapters.config.settings import Migration
from hintferry.adapters.driver.cql import CONTROL_TABLES
from hintferry.adapters.target.ddl import create_table, create_type
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.cql_type import parse
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Column, Table, UserType
from hintferry_ops.constants import CONCURRENT_DDL, MOST_TABLES
from hintferry_ops.fit.misfits import Schema
from hintferry_ops.fit.schema_file import refuse_misfits, schema_from
from hintferry_ops.names import told_apart
from infra.layer import Code
from infra.stacks.ddl_function import make_ddl_function
from infra.stacks.network import NetworkStack

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_]{1,47}")
"""The names that CloudFormation takes and that CQL needs no quotes for."""


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
        self._key_arn = network.key.key_arn
        schema = schema_from(migration.target.schema)
        self._capacity = {table.id: table.capacity for table in migration.tables}
        tables = _checked(migration, schema)
        self._types = dict(sorted(schema.types_of(tables).items()))
        odd = {name: odd_types(types) for name, types in self._types.items()}
        made = self._make_keyspaces(odd)
        by_cql = [table for table in tables if needs_statement(table, odd[table.id.keyspace])]
        last = made + self._make_tables([one for one in tables if one not in by_cql], made)
        with_ttl = {table.id for table in migration.tables if table.ttl}
        self._run_statements(
            [
                *(create_type(name, one) for name, types in odd.items() for one in types),
                *(create_table(one, self._key_arn, self._capacity[one.id]) for one in by_cql),
            ],
            [str(table.id) for table in tables if table.id in with_ttl and not table.is_counter],
            last,
            make_ddl_function(self, migration, network.key, code),
        )

    def _make_keyspaces(self, odd: Mapping[str, Sequence[UserType]]) -> list[cdk.CfnResource]:
        """The keyspaces, and their types but the odd, one after the other: one may use another."""
        made: list[cdk.CfnResource] = []
        for name, by_cql in odd.items():
            last: cdk.CfnResource = cassandra.CfnKeyspace(
                self, f"Keyspace-{told_apart(name)}", keyspace_name=name
            )
            chain = [last]
            for user_type in (one for one in self._types[name] if one not in by_cql):
                one = cassandra.CfnType(
                    self,
                    f"Type-{told_apart(f'{name}.{user_type.name}')}",
                    keyspace_name=name,
                    type_name=user_type.name,
                    fields=[
                        cassandra.CfnType.FieldProperty(field_name=field, field_type=cql_type)
                        for field, cql_type in user_type.fields
                    ],
                )
                one.add_resource_dependency(last)
                last = one
                chain.append(one)
            made += chain
        return [_kept(one) for one in made]

    def _make_tables(
        self, tables: Sequence[Table], before: Sequence[cdk.CfnResource]
    ) -> list[cdk.CfnResource]:
        """No more at once than Keyspaces takes: each waits for the one so many places before."""
        made: list[cdk.CfnResource] = []
        for table in tables:
            one = self._make_table(table)
            waits_for = before if len(made) < CONCURRENT_DDL else [made[-CONCURRENT_DDL]]
            for other in waits_for:
                one.add_resource_dependency(other)
            made.append(one)
        return [_kept(one) for one in made]

    def _make_table(self, table: Table) -> cassandra.CfnTable:
        capacity = self._capacity[table.id]
        return cassandra.CfnTable(
            self,
            f"Table-{told_apart(str(table.id))}",
            keyspace_name=table.id.keyspace,
            table_name=table.id.name,
            partition_key_columns=_columns(table.partition_key),
            clustering_key_columns=[
                cassandra.CfnTable.ClusteringKeyColumnProperty(
                    column=_columns([column])[0], order_by="DESC" if column.descending else "ASC"
                )
                for column in table.clustering
            ],
            regular_columns=_columns(table.regulars),
            billing_mode=_billing(capacity),
            warm_throughput=_warm(capacity),
            client_side_timestamps_enabled=None if table.is_counter else True,
            encryption_specification=cassandra.CfnTable.EncryptionSpecificationProperty(
                encryption_type="CUSTOMER_MANAGED_KMS_KEY", kms_key_identifier=self._key_arn
            ),
            point_in_time_recovery_enabled=True,
        )

    def _run_statements(
        self,
        creates: Sequence[str],
        ttl_on: Sequence[str],
        after: Sequence[cdk.CfnResource],
        function_arn: str,
    ) -> None:
        """Run the statements of control tables, of tables with statics, and of the TTL property."""
        resource = cdk.CustomResource(
            self,
            "Statements",
            service_token=function_arn,
            resource_type="Custom::KeyspacesStatements",
            service_timeout=cdk.Duration.minutes(15),
            properties={"Create": [*CONTROL_TABLES, *creates], "TtlOn": list(ttl_on)},
        )
        for one in after:
            resource.node.add_dependency(one)


def needs_statement(table: Table, odd: Sequence[UserType] = ()) -> bool:
    """Return whether only CQL can make the table: CloudFormation lacks statics and these names."""
    names = [table.id.keyspace, table.id.name, *(column.name for column in table.columns)]
    used = {name for column in table.columns for name in parse(column.cql_type).user_types()}
    return (
        bool(table.statics)
        or not all(map(_PLAIN.fullmatch, names))
        or not used.isdisjoint(one.name for one in odd)
    )


def odd_types(types: Sequence[UserType]) -> list[UserType]:
    """Return the types that only CQL can make (by name, or by types that they use), in order."""
    odd: list[UserType] = []
    for one in types:
        names = [one.name, *(name for name, _ in one.fields)]
        used = {name for _, kind in one.fields for name in parse(kind).user_types()}
        if not all(map(_PLAIN.fullmatch, names)) or used & {known.name for known in odd}:
            odd.append(one)
    return odd


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


def _columns(columns: Sequence[Column]) -> list[cassandra.CfnTable.ColumnProperty]:
    return [
        cassandra.CfnTable.ColumnProperty(column_name=column.name, column_type=column.cql_type)
        for column in columns
    ]


def _billing(capacity: Capacity) -> cassandra.CfnTable.BillingModeProperty:
    if capacity.mode is Mode.ON_DEMAND:
        return cassandra.CfnTable.BillingModeProperty(mode="ON_DEMAND")
    units = cassandra.CfnTable.ProvisionedThroughputProperty(
        read_capacity_units=capacity.read_units, write_capacity_units=capacity.write_units
    )
    return cassandra.CfnTable.BillingModeProperty(mode="PROVISIONED", provisioned_throughput=units)


def _warm(capacity: Capacity) -> cassandra.CfnTable.WarmThroughputProperty | None:
    if capacity.warm is None:
        return None
    reads, writes = capacity.warm
    return cassandra.CfnTable.WarmThroughputProperty(
        read_units_per_second=reads, write_units_per_second=writes
    )


def _kept(resource: cdk.CfnResource) -> cdk.CfnResource:
    resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return resource
