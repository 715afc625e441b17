"""Write the source's rows to the target, a page at a time.

The scan reads a row once. The write carries the moment at which the row's page was asked for, so
live hints and a backfill never undo each other. Only what fails is read again, by its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import inf

from hintferry.core import metering
from hintferry.core.errors import Fenced, HintferryError, Paused, Unprocessable
from hintferry.core.hint import Errand, Hint, Scope
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.rows import Row, Scanned, ScanPage, Snapshot
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import BackfillSums, shown
from hintferry.core.work import ROWS_PER_READ, RowWork, StaticWork
from hintferry.live.pipeline import Pipeline
from hintferry.ports import Deadline, Scan
from hintferry.sweep.progress import Finished, RangeProgress, progress_of
from hintferry.sweep.range_walk import walk


@dataclass(frozen=True, slots=True)
class Backfill:
    """Fills one table of the target, range by range."""

    table: TableId
    scan: Scan
    pipeline: Pipeline
    deadline: Deadline
    ttl: bool = True
    """Whether the target's table has TTLs switched on."""

    units_per_s: float = inf
    """Write units a second at most."""

    def fill(self, ranges: Iterable[TokenRange]) -> Iterator[RangeProgress[BackfillSums]]:
        """Write every key of the ranges; each is taken only when the one before is done.

        Raises what says that the table cannot be filled at all: Fenced, Paused, Unprocessable.
        """
        for part in ranges:
            filled = BackfillSums()
            try:
                yield from self._walk(part, filled)
            except (Fenced, Paused, Unprocessable):
                raise
            except HintferryError as error:
                yield Finished(part, filled, error)
            else:
                yield Finished(part, filled)

    def _walk(
        self, part: TokenRange, filled: BackfillSums
    ) -> Iterator[RangeProgress[BackfillSums]]:
        def unread(_token: int) -> None:
            filled.unread += 1

        seen = 0
        for kind in (Scope.ROW, Scope.STATIC):
            step = partial(self._step, kind, filled)
            for end in walk(part, step, unread, self.pipeline.clock):
                before, seen = seen, filled.seen
                yield progress_of(end, seen - before, kind is Scope.ROW)

    def _step(self, kind: Scope, filled: BackfillSums, part: TokenRange) -> Iterator[int]:
        """Write a range; yields each token up to which that is done."""
        table = self.pipeline.source.agreed(self.table)
        if kind is Scope.STATIC and not table.statics:
            return
        read = self.scan.rows if kind is Scope.ROW else self.scan.statics
        for page in read(table, part):
            keys = page.keys
            self._write(table, kind, page, keys, filled)
            if page.is_last:
                yield part.upto
            elif keys:
                # Its last partition may go on in the next page.
                yield max(part.after, keys[-1].token - 1)

    def _write(
        self,
        table: Table,
        kind: Scope,
        scanned: ScanPage,
        page: list[Scanned],
        filled: BackfillSums,
    ) -> None:
        """Bring one page to its end. Raises what kept any of it from being written."""
        partitions: dict[Key, dict[Key, Row]] = {}
        keys = [key for key in page if kind is Scope.ROW or shown(key.row) is not None]
        for key in keys:
            partitions.setdefault(key.partition, {})[key.clustering] = key.row
        places = [(partition, row) for partition, rows in partitions.items() for row in rows]

        def hint_of(number: int) -> Hint:
            partition, clustering = places[number]
            return Hint(
                table.id,
                partition,
                kind,
                clustering,
                statics_due=kind is Scope.STATIC,
                errand=Errand.REPAIR,
                altered_us=table.altered_us,
            )

        seen = [
            (
                work,
                Snapshot(
                    table,
                    scanned.read_start,
                    partitions[work.partition],
                    arrived_at=scanned.arrived_at,
                ),
            )
            for work in _works(table, kind, partitions)
        ]
        began = self.pipeline.clock.now()
        _enter(self.pipeline.fill(seen, len(places), hint_of, self.deadline), filled)
        units = self._units(table, kind, keys)
        filled.write_units += units
        took_s = self.pipeline.clock.now() - began
        self.pipeline.clock.sleep(max(0.0, units / self.units_per_s - took_s))

    def _units(self, table: Table, kind: Scope, keys: list[Scanned]) -> int:
        if kind is Scope.ROW:
            return metering.rows_units(table, keys, self.ttl)
        sizes = (metering.static_size(table, key.partition, key.row.values) for key in keys)
        return sum(map(metering.write_units, sizes))


def _works(
    table: Table, kind: Scope, partitions: dict[Key, dict[Key, Row]]
) -> Iterator[RowWork | StaticWork]:
    """The keys as work, numbered in their order; a partition of counters is one piece, since only
    one worker may count it at a time."""
    number = 0
    for partition, rows in partitions.items():
        if kind is Scope.STATIC:
            yield StaticWork(table.id, partition, (number,))
            number += 1
            continue
        left = iter(rows)
        while some := list(islice(left, len(rows) if table.is_counter else ROWS_PER_READ)):
            numbered: dict[Key, tuple[int, ...]] = {
                key: (number + place,) for place, key in enumerate(some)
            }
            yield RowWork(table.id, partition, numbered)
            number += len(some)


def _enter(ends: list[Settled], filled: BackfillSums) -> None:
    postponed = sum(end.reason is SkipReason.POSTPONED for end in ends)
    for end in ends:
        is_open = end.outcome in (Outcome.RETURNED, Outcome.SKIPPED)
        if is_open and end.reason is not SkipReason.POSTPONED:
            assert end.error is not None
            raise end.error
    outcomes = Counter(end.outcome for end in ends)
    filled.written += outcomes[Outcome.APPLIED]
    filled.parked += outcomes[Outcome.PARKED] + postponed
