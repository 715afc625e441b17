"""A slice of a partition, compared on both sides and made equal on the target.

Range and partition deletes name no rows, so the target is asked which rows it has. Each page of the
source is judged alone. It speaks for the rows after the last key of the page before, up to its last
key. The last page speaks up to the end. What it causes is written at its read start. Memory is
bounded by a page of either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from typing import Never

from hintferry.core.compare import same
from hintferry.core.counters import plan_counters
from hintferry.core.errors import (
    HintferryError,
    LateAnswer,
    NoTimeLeft,
    Overwhelmed,
    Side,
    StaleRead,
    Troubled,
    Unrepresentable,
)
from hintferry.core.hint import Bound, Slice
from hintferry.core.limits import REQUEST_TIMEOUT_S, RESERVE_S, SLICE_CUTS, STALE_AFTER_S
from hintferry.core.rows import Remove, Row, Snapshot, Statement
from hintferry.core.schema import Key, Table
from hintferry.core.slices import bounded
from hintferry.core.work import ROWS_PER_READ, RowWork, SliceWork, Work
from hintferry.live.plan import plan_row, plan_rows
from hintferry.ports import Clock, Deadline, Source, Target, Write

MOST_BY_KEYS = 100_000
"""The most rows asked for by key: with more, a partition is too large for one invocation. With
fewer the source is slow, and another invocation will come further."""

CUT_RESERVE_S = RESERVE_S + 4 * REQUEST_TIMEOUT_S
"""A part that is not answered has taken the time of several requests."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares slices within one invocation."""

    source: Source
    target: Target
    clock: Clock
    deadline: Deadline
    refused: list[Unrepresentable] | None = None
    """None, or a list that takes what the target refuses; with a list each row is written alone."""

    def reconcile(self, work: SliceWork) -> Slice | None:
        """Make the target's slice equal to the source's, and return the part that could not be
        done.

        Raises HintferryError where nothing of the slice was done, or where a row was refused for
        what it is. The neighbours of that row are made equal all the same.
        """
        try:
            return self._reconcile(work)
        except Unrepresentable:
            if self.refused is not None:
                raise
        refused: list[Unrepresentable] = []
        rest = replace(self, refused=refused).reconcile(work)
        if refused:
            raise refused[0]
        return rest

    def _reconcile(self, work: SliceWork) -> Slice | None:
        rest: Slice | None = work.slice
        while rest is not None:
            part = replace(work, slice=rest)
            try:
                rest = self._walk_or_cut(part)
            except HintferryError:
                if rest == work.slice:
                    raise
                return rest
            if self._is_short_of_time():
                return rest
        return None

    def _walk_or_cut(self, work: SliceWork) -> Slice | None:
        """Walk as far as it goes, or a first part where the source fails to read the whole.

        Rows that were deleted one by one are tombstones on the source and may still stand on the
        target: its keys tell where to cut.
        """
        try:
            return self._walk(work)
        except (Overwhelmed, Troubled) as error:
            failure: HintferryError = error
            if isinstance(error, Troubled) and not self._is_served_beside(work, error):
                raise
        for rows in SLICE_CUTS:
            if isinstance(failure, Troubled) and self.deadline.remaining() < CUT_RESERVE_S:
                break
            key = self._target_key(rows, work)
            if key is None:
                break
            part = replace(work, slice=Slice(work.slice.start, Bound(key)))
            try:
                rest = self._walk(part)
            except (Overwhelmed, Troubled) as error:
                failure = error
                continue
            return Slice(rest.start if rest else Bound(key, inclusive=False), work.slice.end)
        raise failure

    def _is_served_beside(self, work: SliceWork, error: Troubled) -> bool:
        """Return whether the source, where it failed at this slice, serves the rows that follow
        it.
        """
        return error.side is Side.SOURCE and bool(self.source.neighbours(work))

    def _target_key(self, rows: int, work: SliceWork) -> Key | None:
        """The key of the target's n-th row in the slice, or of its last; None where it has none."""
        table, key = self.source.table(work.table), None
        part = bounded(work.slice, table.clustering) or work.slice
        for page in self.target.rows(table, work.partition, part):
            key = next(islice(page, min(rows, len(page)) - 1, None)) if page else key
            rows -= len(page)
            if rows <= 0:
                break
        return key

    def _walk(self, work: SliceWork) -> Slice | None:
        """Page by page as far as it goes; the rest comes back. Raises where it gets nowhere."""
        table = self.source.table(work.table)
        around = bounded(work.slice, table.clustering)
        if around is not None:
            return self._by_keys(work, table, around)
        start = work.slice.start
        try:
            for seen, part in intervals(self.source.pages(work), work.slice):
                reached = self._make_equal(work, seen, part)
                if seen.is_last and reached is None:
                    return None
                last = part.end.values if reached is None else reached
                start = Bound(last, inclusive=False)
                if reached is not None or self._is_short_of_time():
                    break
        except HintferryError:
            if start == work.slice.start:
                raise
        return Slice(start, work.slice.end)

    def _by_keys(self, work: SliceWork, table: Table, around: Slice) -> Slice | None:
        """Ask the source for each row of the target, then write each row of the source.

        So it is done where the target cannot bound the slice. It is shown a slice `around`, and a
        row outside the slice that is made equal too does no harm. What was deleted is not asked for
        again, so the whole slice comes back where time runs out; raises NoTimeLeft where nothing
        was, or Overwhelmed.
        """
        asked = gone = 0
        for found in self.target.rows(table, work.partition, around):
            if asked and self._is_short_of_time():
                return work.slice if gone else self._refuse(asked)
            gone += self._ask_for(work, found)
            asked += len(found)
        for seen, part in intervals(self.source.pages(work), work.slice):
            rows = seen.rows.items()
            made = [self._difference(key, row, None, seen) for key, row in rows]
            self._write(work, seen, list(chain.from_iterable(made)))
            if seen.is_last:
                break
            if self._is_short_of_time():
                return Slice(Bound(part.end.values, inclusive=False), work.slice.end)
        return None

    @staticmethod
    def _refuse(asked: int) -> Never:
        if asked > MOST_BY_KEYS:
            raise Overwhelmed(
                f"its partition has over {asked:,} rows, too many to read by key"
                " within one invocation; run hintferry verify TABLE --repair"
            )
        raise NoTimeLeft("the invocation ends before every row of the slice was read")

    def _make_equal(self, work: SliceWork, seen: Snapshot, part: Slice) -> Key | None:
        """Make the target equal; return the target's key up to which it is, or None when all is
        equal.

        It stops early when the page ages or the time runs out. What the target has not shown by
        then is written all the same, so that nothing before that key is missing. Counters are not:
        they must be seen before they are added to.
        """
        late = set(seen.late)
        if late:
            self._ask_for(work, late)
        unmatched = {key: row for key, row in seen.rows.items() if key not in late}
        reached: Key | None = None
        for found in self.target.rows(seen.table, work.partition, part):
            pairs = {
                key: (unmatched.pop(key, None), row)
                for key, row in found.items()
                if key not in late
            }
            if seen.table.has_synonyms:
                self._ask_for(work, [key for key, (wanted, _) in pairs.items() if wanted is None])
                pairs = {key: pair for key, pair in pairs.items() if pair[0] is not None}
            statements = [
                statement
                for clustering, (wanted, row) in pairs.items()
                for statement in self._difference(clustering, wanted, row, seen)
            ]
            self._write(work, seen, statements)
            is_over = self._age(seen) > STALE_AFTER_S / 2 or self._is_short_of_time()
            if found and is_over and not seen.table.is_counter:
                reached = next(reversed(found))
                break
        missing = [
            statement
            for clustering, row in unmatched.items()
            for statement in self._difference(clustering, row, None, seen)
        ]
        self._write(work, seen, missing)
        return reached

    def _ask_for(self, work: SliceWork, keys: Iterable[Key]) -> int:
        """Read rows by their keys, and write them; how many of them the source does not have.

        It may have them under other bytes than the target, or may have told their TTLs
        too late.
        """
        gone = 0
        asked = RowWork(work.table, work.partition, dict.fromkeys(keys, ()))
        for row, seen in self.source.read(asked.split(ROWS_PER_READ) if asked.rows else []):
            if isinstance(seen, HintferryError):
                raise seen
            assert isinstance(row, RowWork)
            self._write(row, seen, plan_rows(row.rows, seen, int(self.clock.now())))
            gone += len(row.rows.keys() - seen.rows.keys())
        return gone

    def _difference(
        self, clustering: Key, wanted: Row | None, found: Row | None, seen: Snapshot
    ) -> Iterable[Statement]:
        """Return the statements that make one row of the target equal to the source's."""
        if seen.table.is_counter:
            return plan_counters(seen.table, clustering, wanted, found, seen.read_start)
        if wanted is None:
            return [Remove(clustering, seen.read_start)]
        if found is not None and same(wanted, found):
            return []
        now_s = int(self.clock.now())
        return plan_row(seen, clustering, wanted, now_s)

    def _write(self, work: Work, seen: Snapshot, statements: list[Statement]) -> None:
        if not statements:
            return
        if self._age(seen) > STALE_AFTER_S:
            raise StaleRead("too long between read and write")
        parts = [statements] if self.refused is None else _row_by_row(statements)
        writes = [Write(work, seen.table, part) for part in parts]
        # What was written too late to expire in time, the second look finds.
        errors = [
            error
            for _, error in self.target.write(writes)
            if error is not None and not isinstance(error, LateAnswer)
        ]
        refusals = [error for error in errors if isinstance(error, Unrepresentable)]
        if self.refused is not None:
            self.refused.extend(refusals)
            errors = [error for error in errors if not isinstance(error, Unrepresentable)]
        # A fault comes first: with it nobody knows what of the rest was written.
        if errors:
            raise min(errors, key=lambda error: isinstance(error, Unrepresentable))

    def _age(self, seen: Snapshot) -> float:
        return self.clock.now() - seen.read_start / 1e6

    def _is_short_of_time(self) -> bool:
        return self.deadline.remaining() < RESERVE_S


def intervals(pages: Iterable[Snapshot], part: Slice) -> Iterator[tuple[Snapshot, Slice]]:
    """Each page of a slice with the interval that it speaks for.

    One without rows, to which the next page tells the end, lends that page its older time.
    """
    start, lent = part.start, None
    for page in pages:
        seen = page if lent is None else replace(page, read_start=lent)
        if not seen.rows and not seen.is_last:
            lent = seen.read_start
            continue
        lent = None
        end = part.end if seen.is_last else Bound(next(reversed(seen.rows)))
        yield seen, Slice(start, end)
        start = Bound(end.values, inclusive=False)


def _row_by_row(statements: list[Statement]) -> list[list[Statement]]:
    return [list(row) for _, row in groupby(statements, key=lambda one: one.clustering)]
