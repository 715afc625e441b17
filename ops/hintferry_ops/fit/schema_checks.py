"""Check that the source's schema lets capture see every write. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hintferry.core.cql_text import BadCql, identifier
from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.schema import TableId
from hintferry_ops.fit.node_checks import Fault

SchemaRows = Iterable[Mapping[str, Any]]
"""Rows of a table of `system_schema`, by column name."""


def schema_faults(
    keyspaces: SchemaRows, tables: SchemaRows, migrated: Iterable[TableId]
) -> Iterator[Fault]:
    """Yield the faults of the schema, whatever connector captures it."""
    ordered = sorted(migrated)
    rows = {_table_of(row): row for row in tables}
    for table in ordered:
        yield from _table_faults(table, rows.get(table))
    for table in sorted(rows.keys() - set(ordered)):
        if rows[table].get("cdc"):
            yield Fault(
                f"table {table}",
                "cdc = true, but the table is not in migration.toml",
                "Capture waits forever for its missing topic: ALTER TABLE"
                f" {table.cql} WITH cdc = false, or add it to migration.toml.",
            )
    involved = {table.keyspace for table in ordered}
    for row in keyspaces:
        if row["keyspace_name"] in involved and not row["durable_writes"]:
            name = row["keyspace_name"]
            cql = f"ALTER KEYSPACE {identifier(name)} WITH durable_writes = true"
            found, fix = "durable_writes = false", f"Its writes reach no commit log: {cql}."
            yield Fault(f"keyspace {name}", found, fix, cql=cql)


def _table_faults(table: TableId, row: Mapping[str, Any] | None) -> Iterator[Fault]:
    where = f"table {table}"
    if row is None:
        yield Fault(where, "no such table on the source", "Correct its name in migration.toml.")
        return
    if not row.get("cdc"):
        cql = f"ALTER TABLE {table.cql} WITH cdc = true"
        yield Fault(where, "cdc = false", f"Capture sees no write: {cql}.", cql=cql)
    # Before 4.0 there is no such option, and reads repair as BLOCKING does.
    if row.get("read_repair", "BLOCKING") != "BLOCKING":
        cql = f"ALTER TABLE {table.cql} WITH read_repair = 'BLOCKING'"
        fix = f"One read may see a write that the next read misses: {cql}."
        yield Fault(where, f"read_repair = {row['read_repair']}", fix, cql=cql)
    # Where DataStax Enterprise keeps which rows a role may see; Apache Cassandra has no such thing.
    if "DSE_RLACA" in (row.get("extensions") or ()):
        yield Fault(
            where,
            "rows restricted by role",
            "Hintferry deletes rows on the target that its login may not read: UNRESTRICT ROWS ON"
            f" {table.cql}.",
        )
    if row.get("memtable"):
        fix = "Capture needs the commit log: check that this memtable writes it."
        yield Fault(where, "a custom memtable", fix, fatal=False)


def vector_faults(columns: SchemaRows) -> Iterator[Fault]:
    """Yield a fault for each table with a vector column, which the stock connector does not get
    over.
    """
    fix = (
        "The stock connector misses schema changes where any table has a vector column: drop it,"
        " or restart hintferry-capture on every node after each schema change."
    )
    for table in sorted({_table_of(row) for row in columns if _has_vector(row["type"])}):
        yield Fault(f"table {table}", "has a vector column", fix)


def _has_vector(text: str) -> bool:
    try:
        return any(one.kind is TypeKind.VECTOR for one in parse(text).parts())
    except BadCql:
        # Of a table that is migrated the pipeline names it.
        return False


def _table_of(row: Mapping[str, Any]) -> TableId:
    return TableId(row["keyspace_name"], row["table_name"])
