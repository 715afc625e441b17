"""The hints that a replica's capture makes of a write: one for each key that it names."""

from __future__ import annotations

from collections.abc import Iterator

from hintferry.core.hint import Hint, Scope
from hintferry.core.schema import Key, Table
from hintferry.testing.partition import PartitionState
from hintferry.testing.rowstate import NEVER, RowState


def hints_of(table: Table, partition: Key, change: PartitionState) -> Iterator[Hint]:
    """The hints of a write to one partition, whether or not it changed anything there."""
    if change.deleted_at != NEVER:
        if table.clustering:
            has_statics = bool(table.statics)
            yield Hint(table.id, partition, Scope.PARTITION, statics_due=has_statics)
        else:
            yield Hint(table.id, partition, Scope.ROW)
    for part in change.ranges:
        yield Hint(table.id, partition, Scope.SLICE, slice=part)
    if change.statics != RowState():
        yield Hint(table.id, partition, Scope.STATIC, statics_due=True)
    for clustering in change.rows:
        yield Hint(table.id, partition, Scope.ROW, clustering)
