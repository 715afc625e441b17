"""Records of the Debezium connector for Cassandra, with our key-only handler or with its own."""

from __future__ import annotations

import json
from collections.abc import Callable

from hintferry.adapters import hint_record, stock_record
from hintferry.core.errors import Undecodable
from hintferry.core.hint import Hint, Nothing, Record
from hintferry.core.schema import Table, TableId


class HintDecoder:
    """Makes a hint of a record; `table` looks up the source's table by name."""

    def __init__(self, table: Callable[[TableId], Table]) -> None:
        self._table = table

    def __call__(self, record: Record) -> Hint | Nothing:
        """The record's hint. Raises Undecodable, UnknownTable, SideFault, and a refusal."""
        if record.refusal is not None:
            raise record.refusal
        if record.value is None:
            # What Debezium sends after a delete, so that log compaction may forget the key.
            return Nothing()
        try:
            value = json.loads(record.value)
        except (ValueError, RecursionError) as error:
            raise Undecodable(f"its value is not JSON: {type(error).__name__}") from error
        if not isinstance(value, dict):
            raise Undecodable("its value is JSON, but not an object")
        if "hint" in value:
            return hint_record.decode(value, self._table)
        return stock_record.decode(value, self._table)
