"""Write the rows that a sweep found unequal, and check whether that changed anything.

The target may show a row after the write just as before, and not as the source has it. Then writing
it again is of no use. The service takes the value for another, or holds a write time that no read
reaches. Such a row is for a person, not for the next sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hintferry.core.errors import HintferryError, LateAnswer, NoTimeLeft, Unrepresentable
from hintferry.core.limits import REPAIR_RETRY, RESERVE_S
from hintferry.core.rows import Row
from hintferry.core.schema import Key
from hintferry.core.verdict import Verdict, judge
from hintferry.core.work import RowWork
from hintferry.live.plan import plan_rows
from hintferry.live.target_row import target_row
from hintferry.ports import Clock, Deadline, Source, Target, Write


@dataclass(frozen=True, slots=True)
class RepairCheck:
    """Writes rows as any hint's, and tells those that do not change by it."""

    source: Source
    target: Target
    clock: Clock
    deadline: Deadline

    def repair(self, work: RowWork) -> None:
        """Make the target show the rows. Raises HintferryError; Unrepresentable for rows of which
        one changes nothing."""
        for _ in range(REPAIR_RETRY.attempts):
            if self.deadline.remaining() < RESERVE_S:
                raise NoTimeLeft("the invocation ends before the repair can be checked")
            before = self._shown(work)
            wanted = self._written(work)
            after = self._shown(work)
            rows = zip(wanted, before, after, strict=True)
            if not any(self._is_unmoved(work, *row) for row in rows):
                return
        raise Unrepresentable(
            f"row unchanged on the target after {REPAIR_RETRY.attempts} repair writes: Keyspaces"
            " normalises one of its values, or a cell there has a later write timestamp than any"
            " read; write the row again on the source in the form that Keyspaces keeps"
        )

    def _written(self, work: RowWork) -> list[Row | None]:
        """Read and write the rows once; what the source showed of each."""
        wanted: list[Row | None] = []
        for one, seen in self.source.read([work]):
            if isinstance(seen, HintferryError):
                raise seen
            # A row may be named by other bytes than the hint's: then it is the only one.
            read = cast(RowWork, one)
            statements = plan_rows(read.rows, seen, int(self.clock.now()))
            for _, error in self.target.write([Write(read, seen.table, statements)]):
                if error is not None and not isinstance(error, LateAnswer):
                    raise error
            wanted += [seen.rows.get(clustering) for clustering in read.rows]
        return wanted

    def _shown(self, work: RowWork) -> list[Row | None]:
        return [self._row(work, clustering) for clustering in work.rows]

    def _row(self, work: RowWork, clustering: Key) -> Row | None:
        table = self.source.table(work.table)
        return target_row(self.target, table, work.partition, clustering)

    def _is_unmoved(
        self, work: RowWork, wanted: Row | None, before: Row | None, after: Row | None
    ) -> bool:
        values = [None if row is None else row.values for row in (before, after)]
        table = self.source.table(work.table)
        return values[0] == values[1] and judge(table, wanted, after) is not Verdict.EQUAL
