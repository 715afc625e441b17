"""The statements that make on Keyspaces what CloudFormation has no words for."""

import re

from hintferry.adapters.cql import quoted
from hintferry.core.capacity import Capacity, Mode
from hintferry.core.schema import Column, Table

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_]{1,47}")
"""The names that CloudFormation takes and that CQL needs no quotes for."""


def needs_statement(table: Table) -> bool:
    """Whether only CQL can make it: CloudFormation knows no statics, nor any name of these."""
    columns = table.partition_key + table.clustering + table.statics + table.regulars
    names = [table.id.keyspace, table.id.name, *(column.name for column in columns)]
    return bool(table.statics) or not all(map(_PLAIN.fullmatch, names))


def create_table(table: Table, key_arn: str, capacity: Capacity) -> str:
    """CREATE TABLE with the switches that Hintferry needs; the one for TTL is set afterwards."""
    columns = table.partition_key + table.clustering + table.statics + table.regulars
    lines = [
        f"{quoted(column.name)} {column.cql_type}{' static' if column in table.statics else ''}"
        for column in columns
    ]
    order = [
        f"{quoted(column.name)} {'DESC' if column.descending else 'ASC'}"
        for column in table.clustering
    ]
    keys = [
        f"({_names(table.partition_key)})",
        *(quoted(column.name) for column in table.clustering),
    ]
    clauses = [f"CUSTOM_PROPERTIES = {{{_properties(table, key_arn, capacity)}}}"]
    if order:
        clauses.insert(0, f"CLUSTERING ORDER BY ({', '.join(order)})")
    return (
        f"CREATE TABLE IF NOT EXISTS {_name(table)} ({', '.join(lines)},"
        f" PRIMARY KEY ({', '.join(keys)})) WITH {' AND '.join(clauses)}"
    )


def _properties(table: Table, key_arn: str, capacity: Capacity) -> str:
    properties = [
        "'point_in_time_recovery': {'status': 'enabled'}",
        "'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY',"
        f" 'kms_key_identifier': '{key_arn}'}}",
    ]
    if capacity.mode is Mode.PROVISIONED:
        properties.append(
            "'capacity_mode': {'throughput_mode': 'PROVISIONED',"
            f" 'read_capacity_units': {capacity.read_units},"
            f" 'write_capacity_units': {capacity.write_units}}}"
        )
    if warm := capacity.warm:
        properties.append(
            f"'warm_throughput': {{'read_units_per_second': {warm[0]},"
            f" 'write_units_per_second': {warm[1]}}}"
        )
    if not table.is_counter:
        properties.append("'client_side_timestamps': {'status': 'enabled'}")
    return ", ".join(properties)


def _name(table: Table) -> str:
    return f"{quoted(table.id.keyspace)}.{quoted(table.id.name)}"


def _names(columns: tuple[Column, ...]) -> str:
    return ", ".join(quoted(column.name) for column in columns)
