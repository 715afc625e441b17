"""Read one row of the target by its key, as every check of a key does."""

from __future__ import annotations

from hintferry.core.hint import Bound, Slice
from hintferry.core.rows import Row
from hintferry.core.schema import Key, Table
from hintferry.ports import Target


def target_row(target: Target, table: Table, partition: Key, clustering: Key) -> Row | None:
    """Return the row, or None. Raises HintferryError."""
    only = Slice(Bound(clustering), Bound(clustering))
    for page in target.rows(table, partition, only):
        # It may stand there under other bytes, as a decimal does.
        for row in page.values():
            return row
    return None
