"""What must hold in the source's schema, so that every write is hinted; faults and mends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hintferry.core.cql_text import BadCql, identifier
from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.schema import TableId
from hintferry_ops.fit.node_checks import Fault

Rows = Iterable[Mapping[str, Any]]
"""Rows of a table of `system_schema`, by column name."""


def schema_faults(keyspaces: Rows, tables: Rows, migrated: Iterable[TableId]) -> Iterator[Fault]:
    """Yield the faults of the schema, whatever connector captures it."""
    ordered = sorted(migrated)
    rows = {_table_of(row): row for row in tables}
    for table in ordered:
        yield from _table_faults(table, rows.get(table))
    for table in sorted(rows.keys() - set(ordered)):
        if rows[table].get("cdc"):
            yield Fault(
                f"table {table}",
                "captured, but not in migration.toml",
                "Its topic is not there, and sending waits for it for ever: ALTER TABLE"
                f" {table.cql} WITH cdc = false, or add it to migration.toml.",
            )
    involved = {table.keyspace for table in ordered}
    for row in keyspaces:
        if row["keyspace_name"] in involved and not row["durable_writes"]:
            name = row["keyspace_name"]
            fix = f"ALTER KEYSPACE {identifier(name)} WITH durable_writes = true."
            found = "durable_writes = false"
            yield Fault(f"keyspace {name}", found, f"Its writes reach no log: {fix}")


def _table_faults(table: TableId, row: Mapping[str, Any] | None) -> Iterator[Fault]:
    where = f"table {table}"
    if row is None:
        yield Fault(where, "not there", "Correct its name in migration.toml.")
        return
    if not row.get("cdc"):
        fix = f"No write is hinted: ALTER TABLE {table.cql} WITH cdc = true."
        yield Fault(where, "cdc = false", fix)
    # Before 4.0 there is no such option, and reads repair as BLOCKING does.
    if row.get("read_repair", "BLOCKING") != "BLOCKING":
        yield Fault(
            where,
            f"read_repair = {row['read_repair']}",
            "A write on one replica may be seen by one read and not by the next: ALTER TABLE"
            f" {table.cql} WITH read_repair = 'BLOCKING'.",
        )
    # Where DataStax Enterprise keeps which rows a role may see; Apache Cassandra has no such thing.
    if "DSE_RLACA" in (row.get("extensions") or ()):
        yield Fault(
            where,
            "rows restricted by role",
            "A login that may not see a row deletes it on the target: UNRESTRICT ROWS ON"
            f" {table.cql}.",
        )
    if row.get("memtable"):
        fix = "One that writes no log hints nothing: make sure that it does."
        yield Fault(where, "a memtable of its own", fix, fatal=False)


def vector_faults(columns: Rows) -> Iterator[Fault]:
    """Yield what the stock connector, and only that, does not get over."""
    fix = (
        "With one anywhere in the cluster the stock connector sees no schema change: drop it, or"
        " restart hintferry-capture on every node after each one."
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
