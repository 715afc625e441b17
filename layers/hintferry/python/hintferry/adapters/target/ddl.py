"""The statements that make on Keyspaces what the source has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hintferry.core.capacity import Capacity, Mode
from hintferry.core.cql_text import quoted
from hintferry.core.schema import Column, ColumnKind, Table, TableId, UserType


def create_keyspace(name: str) -> str:
    """CREATE KEYSPACE in one Region."""
    replication = "{'class': 'SingleRegionStrategy'}"
    return f"CREATE KEYSPACE IF NOT EXISTS {quoted(name)} WITH replication = {replication}"


def create_type(keyspace: str, user_type: UserType) -> str:
    """CREATE TYPE; those that its fields name must be there."""
    fields = ", ".join(f"{quoted(name)} {cql_type}" for name, cql_type in user_type.fields)
    return f"CREATE TYPE IF NOT EXISTS {quoted(keyspace)}.{quoted(user_type.name)} ({fields})"


def create_table(
    table: Table, key_arn: str, capacity: Capacity, tags: Mapping[str, str] | None = None
) -> str:
    """CREATE TABLE with the switches that Hintferry needs; the one for TTL is set afterwards.

    It is encrypted with the KMS key of this ARN, or, where that is empty, with one that AWS owns.
    """
    lines = map(_definition, table.columns)
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
    if tags:
        clauses.append(f"TAGS = {_map(tags)}")
    return (
        f"CREATE TABLE IF NOT EXISTS {named(table.id)} ({', '.join(lines)},"
        f" PRIMARY KEY ({', '.join(keys)})) WITH {' AND '.join(clauses)}"
    )


def switch_on(table: TableId, switch: str) -> str:
    """ALTER TABLE for a switch of Keyspaces, one a statement: `ttl`, `client_side_timestamps`."""
    return set_property(table, f"'{switch}': {{'status': 'enabled'}}")


def set_property(table: TableId, text: str) -> str:
    """ALTER TABLE for one custom property, as `capacity_changes` writes it."""
    return f"ALTER TABLE {named(table)} WITH CUSTOM_PROPERTIES = {{{text}}}"


def capacity_changes(old: Capacity, new: Capacity) -> list[str]:
    """The custom properties that lead from one capacity to the other, one a statement."""
    changes = []
    if (old.mode, old.read_units, old.write_units) != (new.mode, new.read_units, new.write_units):
        changes.append(_mode(new))
    if new.warm and new.warm != old.warm:
        changes.append(_warm(*new.warm))
    return changes


def tag_changes(table: TableId, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """ALTER TABLE for the tags that went, and for those that came or have another value."""
    gone = {key: value for key, value in old.items() if key not in new}
    come = {key: value for key, value in new.items() if old.get(key) != value}
    changes = (("DROP", gone), ("ADD", come))
    return [f"ALTER TABLE {named(table)} {do} TAGS {_map(tags)}" for do, tags in changes if tags]


def set_default_ttl(table: TableId, seconds: int) -> str:
    """ALTER TABLE for what a table gives to rows that are written without a TTL."""
    return f"ALTER TABLE {named(table)} WITH default_time_to_live = {seconds}"


def add_column(table: TableId, column: Column) -> str:
    """ALTER TABLE for a column that the source has gained."""
    return f"ALTER TABLE {named(table)} ADD {_definition(column)}"


def named(table: TableId) -> str:
    """The table's name in CQL, case kept."""
    return f"{quoted(table.keyspace)}.{quoted(table.name)}"


def _definition(column: Column) -> str:
    static = " static" if column.kind is ColumnKind.STATIC else ""
    return f"{quoted(column.name)} {column.cql_type}{static}"


def _properties(table: Table, key_arn: str, capacity: Capacity) -> str:
    properties = ["'point_in_time_recovery': {'status': 'enabled'}"]
    if key_arn:
        properties.append(
            "'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY',"
            f" 'kms_key_identifier': '{key_arn}'}}"
        )
    if capacity.mode is Mode.PROVISIONED:
        properties.append(_mode(capacity))
    if capacity.warm:
        properties.append(_warm(*capacity.warm))
    if not table.is_counter:
        properties.append("'client_side_timestamps': {'status': 'enabled'}")
    return ", ".join(properties)


def _map(texts: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{key}': '{value}'" for key, value in texts.items())
    return f"{{{pairs}}}"


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(quoted(column.name) for column in columns)


def _mode(capacity: Capacity) -> str:
    if capacity.mode is Mode.ON_DEMAND:
        return "'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'}"
    return (
        "'capacity_mode': {'throughput_mode': 'PROVISIONED',"
        f" 'read_capacity_units': {capacity.read_units},"
        f" 'write_capacity_units': {capacity.write_units}}}"
    )


def _warm(reads: int, writes: int) -> str:
    return (
        f"'warm_throughput': {{'read_units_per_second': {reads},"
        f" 'write_units_per_second': {writes}}}"
    )
