"""Check suspected differences again, by key, once late writes have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeGuard

from hintferry.core.errors import HintferryError, Overwhelmed
from hintferry.core.hint import Hint, Scope
from hintferry.core.rows import Row, Snapshot
from hintferry.core.schema import Table
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Verdict, judge, shown
from hintferry.core.work import RowWork, SliceWork, StaticWork
from hintferry.live.coalesce import coalesce
from hintferry.live.target_row import target_row
from hintferry.ports import Scan, Source, Target

AT_ONCE = 8

Found = Row | Overwhelmed | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One key, of the range `number`, to be looked at again no earlier than `due` (epoch s)."""

    number: int
    due: float
    token: int
    hint: Hint


@dataclass(frozen=True, slots=True)
class Recheck:
    """Reads keys on both sides."""

    source: Source
    target: Target
    target_scan: Scan

    def verdicts(self, suspects: Sequence[Suspect]) -> list[Verdict | None]:
        """One for each suspect, None where a side fails to read it. Raises HintferryError."""
        source = self._source_rows(suspects)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            target = list(pool.map(self._target_row, suspects))
        return [
            None
            if isinstance(wanted, Overwhelmed) or isinstance(found, Overwhelmed)
            else self._judge(suspect.hint, wanted, found)
            for suspect, wanted, found in zip(suspects, source, target, strict=True)
        ]

    def _judge(self, hint: Hint, wanted: Row | None, found: Row | None) -> Verdict:
        is_static = hint.scope is Scope.STATIC
        return judge(self.source.table(hint.table), wanted, found, is_static)

    def _source_rows(self, suspects: Sequence[Suspect]) -> list[Found]:
        found: dict[int, Found] = {}
        works = coalesce(enumerate(suspect.hint for suspect in suspects))
        todo = [work for work in works if not isinstance(work, SliceWork)]
        while todo:
            again: list[RowWork | StaticWork] = []
            for work, seen in self.source.read(todo):
                if isinstance(seen, Overwhelmed) and _is_of_many(work):
                    again += work.split()
                else:
                    found |= _by_index(work, seen)
            todo = again
        return [found[index] for index in range(len(suspects))]

    def _target_row(self, suspect: Suspect) -> Found:
        hint = suspect.hint
        table = self.source.table(hint.table)
        try:
            if hint.scope is Scope.STATIC:
                return self._target_statics(table, suspect)
            return target_row(self.target, table, hint.partition, hint.clustering)
        except Overwhelmed as error:
            return error

    def _target_statics(self, table: Table, suspect: Suspect) -> Row | None:
        alone = TokenRange(suspect.token - 1, suspect.token)
        for page in self.target_scan.statics(table, alone):
            for key in page.keys:
                if key.partition == suspect.hint.partition:
                    return shown(key.row)
        return None


def _is_of_many(work: RowWork | StaticWork) -> TypeGuard[RowWork]:
    return isinstance(work, RowWork) and len(work.rows) > 1


def _by_index(work: RowWork | StaticWork, seen: Snapshot | HintferryError) -> dict[int, Found]:
    """Return the row that was read for each suspect, by index. Raises a fault that is no suspect's
    own.
    """
    if isinstance(seen, Overwhelmed):
        return dict.fromkeys(work.records, seen)
    if isinstance(seen, HintferryError):
        raise seen
    if isinstance(work, StaticWork):
        return dict.fromkeys(work.records, shown(seen.rows.get(())))
    return {
        index: seen.rows.get(clustering)
        for clustering, indexes in work.rows.items()
        for index in indexes
    }
