"""Print the statements that create the tables on Keyspaces, and what it cannot hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hintferry.adapters.config.settings import Migration
from hintferry.adapters.driver.cql import CONTROL_TABLES, STOCK_CONTROL_TABLES
from hintferry.adapters.target import ddl
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import Table
from hintferry_ops.fit.misfits import Misfit, Schema, keyspace_misfits, table_misfits


@dataclass(frozen=True, slots=True)
class Mirror:
    """Statements in the order in which they may run, each without its semicolon."""

    tables: Sequence[str]
    """The application's keyspaces, types and tables, and their custom properties."""

    control: Sequence[str]
    """Hintferry's own tables."""

    after_cutover: Sequence[str]
    """Default TTLs: earlier they would expire rows that the source keeps."""

    misfits: Sequence[Misfit]

    @property
    def is_complete(self) -> bool:
        """Return whether every table can be migrated."""
        return not any(misfit.fatal for misfit in self.misfits)

    def as_cql(self) -> str:
        """Return a file for cqlsh; what not to run yet is in comments."""
        parts = ["-- Run in this order on Keyspaces: a table is altered once it is ACTIVE.\n"]
        parts += [f"{statement};\n" for statement in self.tables]
        parts += ["\n-- Hintferry's own tables.\n"]
        parts += [f"{statement};\n" for statement in self.control]
        if self.after_cutover:
            parts += [
                "\n-- After the cutover: the TTL that the source gives to rows without one.\n"
            ]
            parts += [f"-- {statement};\n" for statement in self.after_cutover]
        return "".join(parts)

    def as_tree(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {
            "tables": list(self.tables),
            "control": list(self.control),
            "after_cut_over": list(self.after_cutover),
            "misfits": [asdict(misfit) for misfit in self.misfits],
        }


def mirror_of(migration: Migration, schema: Schema, key_arn: str) -> Mirror:
    """Return the statements. Raises ConfigurationError for a table that the schema lacks."""
    tables: list[Table] = []
    made: list[Table] = []
    statements: list[str] = []
    switches: list[str] = []
    misfits: list[Misfit] = []
    for settings in migration.tables:
        table = schema.tables.get(settings.id)
        if table is None:
            raise ConfigurationError(
                f"the schema does not define {settings.id}, which migration.toml lists; correct"
                " the name, or write the schema again with `hintferry init`"
            )
        tables.append(table)
        found = list(table_misfits(schema, table, settings.ttl))
        misfits += found
        if any(misfit.fatal for misfit in found):
            continue
        made.append(table)
        statements.append(ddl.create_table(table, key_arn, settings.capacity))
        if settings.ttl and not table.is_counter:
            switches.append(ddl.switch_on(table.id, "ttl"))
    keyspaces = {table.id.keyspace for table in tables}
    misfits += keyspace_misfits(schema, keyspaces)
    before: list[str] = []
    for keyspace, types in sorted(schema.types_of(made).items()):
        before.append(ddl.create_keyspace(keyspace))
        before += [ddl.create_type(keyspace, one) for one in types]
    after = [
        ddl.set_default_ttl(table.id, schema.default_ttls[table.id])
        for table in made
        if table.id in schema.default_ttls
    ]
    control = STOCK_CONTROL_TABLES if migration.stock_connector else CONTROL_TABLES
    return Mirror([*before, *statements, *switches], control, after, misfits)
