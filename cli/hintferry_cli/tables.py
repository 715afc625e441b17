"""How a table is named on the command line."""

from __future__ import annotations

from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId


def table_id(name: str) -> TableId:
    """The table of `keyspace.table`. Raises ConfigurationError."""
    keyspace, _, table = name.partition(".")
    if not keyspace or not table:
        raise ConfigurationError(f"{name}: write the table as keyspace.table")
    return TableId(keyspace, table)
