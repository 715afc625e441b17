"""Records of the Debezium connector for Cassandra, with our key-only handler or with its own."""

from __future__ import annotations

import json

from hintferry.adapters.records import hint_record, stock_record
from hintferry.adapters.records.hint_record import Lookup
from hintferry.core.errors import Undecodable
from hintferry.core.hint import Hint, Nothing, Record
from hintferry.core.schema import Table, TableId

OURS, ORIGIN = b'{"hint":', b',"ts_us":'
"""How a change hint of Hintferry's connector begins, and where the part begins that copies differ
in. Every replica sends a copy of a change. Before ORIGIN copies differ only if the replicas know
the table by different ALTERs (`altered_us`)."""

KNOWN = 4096
"""How many hints are kept for the copies that follow; copies come soon."""


class HintDecoder:
    """Makes a hint of a record; `table` looks up the source's table by name.

    A table that was altered later than the source now tells is a fault of the source. So no hint is
    read by a description that lacks what its change may have touched.
    """

    def __init__(self, table: Lookup) -> None:
        self._table = table
        self._known: dict[bytes, tuple[Hint, Table]] = {}

    def __call__(self, record: Record) -> Hint | Nothing:
        """The record's hint. Raises Undecodable, UnknownTable, SideFault, and a refusal."""
        if record.refusal is not None:
            raise record.refusal
        if record.value is None:
            # What Debezium sends after a delete, so that log compaction may forget the key.
            return Nothing()
        said, is_ours, _ = record.value.partition(ORIGIN)
        if not (is_ours and said.startswith(OURS)):
            return _decoded(record.value, self._table)
        known = self._known.get(said)
        if known is not None and self._table(known[0].table, 0) is known[1]:
            return known[0]
        return self._learned(said, record.value)

    def _learned(self, said: bytes, whole: bytes) -> Hint:
        """The hint, kept together with the very table by which it was decoded."""
        tables: list[Table] = []

        def lookup(name: TableId, altered_us: int) -> Table:
            tables.append(self._table(name, altered_us))
            return tables[-1]

        try:
            # Without the rest, so that it holds whatever the rest is.
            hint = _decoded(said + b"}", lookup)
        except Undecodable:
            return _decoded(whole, self._table)
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[said] = hint, tables[0]
        return hint


def _decoded(text: bytes, lookup: Lookup) -> Hint:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"its value is not JSON: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise Undecodable("its value is JSON, but not an object")
    if "hint" in value:
        return hint_record.decode(value, lookup)
    return stock_record.decode(value, lookup)
