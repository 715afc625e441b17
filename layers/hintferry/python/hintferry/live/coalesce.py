"""Many hints to little work: one piece of work per key, remembering whose hints it settles.

Any number of hints for one key need one read, if it starts after the last of them arrived. Within a
batch that is always so. Rows of one partition share a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from hintferry.core.hint import Errand, Hint, Scope, Slice
from hintferry.core.schema import Key, TableId
from hintferry.core.work import ROWS_PER_READ, RowWork, SliceWork, StaticWork, Work


@dataclass(slots=True)
class _Partition:
    """All that the hints of one batch say about one partition."""

    rows: dict[Key, list[int]] = field(default_factory=dict)
    repairs: set[Key] = field(default_factory=set)
    slices: dict[Slice, list[int]] = field(default_factory=dict)
    errands: dict[Slice, set[Errand]] = field(default_factory=dict)
    statics: list[int] = field(default_factory=list)
    altered_us: int = 0

    def add(self, index: int, hint: Hint) -> None:
        self.altered_us = max(self.altered_us, hint.altered_us)
        if hint.scope is Scope.ROW:
            self.rows.setdefault(hint.clustering, []).append(index)
            if hint.errand is Errand.REPAIR:
                self.repairs.add(hint.clustering)
        elif hint.scope is not Scope.STATIC:
            self.slices.setdefault(hint.slice, []).append(index)
            self.errands.setdefault(hint.slice, set()).add(hint.errand)
        if hint.statics_due or hint.scope is Scope.STATIC:
            self.statics.append(index)

    def work(self, table: TableId, partition: Key) -> Iterator[Work]:
        for part, records in self.slices.items():
            errands = self.errands[part]
            errand = errands.pop() if len(errands) == 1 else Errand.NEWS
            yield SliceWork(table, partition, part, tuple(records), errand, self.altered_us)
        if self.statics:
            yield StaticWork(table, partition, tuple(self.statics))
        for is_repair in (False, True) if self.repairs else (False,):
            rows = (
                (key, at) for key, at in self.rows.items() if (key in self.repairs) is is_repair
            )
            while chunk := {key: tuple(indexes) for key, indexes in islice(rows, ROWS_PER_READ)}:
                yield RowWork(table, partition, chunk, is_repair)


def coalesce(hints: Iterable[tuple[int, Hint]]) -> list[Work]:
    """Group (record index, hint) pairs into work, in the order in which keys were first seen."""
    partitions: dict[tuple[TableId, Key], _Partition] = {}
    for index, hint in hints:
        where = (hint.table, hint.partition)
        found = partitions.get(where)
        if found is None:
            found = partitions[where] = _Partition()
        found.add(index, hint)
    return [
        work
        for (table, partition), found in partitions.items()
        for work in found.work(table, partition)
    ]
