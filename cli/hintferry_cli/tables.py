"""Read the name of a table on the command line."""

from __future__ import annotations

from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId


def table_id(name: str) -> TableId:
    """Return the table of `keyspace.table`. Raises ConfigurationError."""
    keyspace, _, table = name.partition(".")
    if not keyspace or not table:
        raise ConfigurationError(f"{name} is not a table name; write it as keyspace.table")
    return TableId(keyspace, table)
