"""Name the rows of the keyspace `hintferry` that are of no single table.

All pipelines of an account and Region share that keyspace. So a row for all tables, or for one that
is not known, names its pipeline. A table's row does not: a table is of one pipeline.
"""

from __future__ import annotations

SHARED = "*"
"""The name that the core has for such a row, and that earlier versions wrote for all pipelines."""


def row_name(name: str, pipeline: str) -> str:
    """Return the name of the row: `*/PIPELINE` for `*`, else the name of the table as it is."""
    return f"{SHARED}/{pipeline}" if name == SHARED else name


def is_of_a_table(name: str) -> bool:
    """Return whether the row of this name is of a single table."""
    return not name.startswith(SHARED)
