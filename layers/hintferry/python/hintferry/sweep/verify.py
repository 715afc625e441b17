"""A sweep: both sides of a table walked range by range, and every key judged.

A key that does not look equal is only suspected: a hint of it may be on its way. It is looked at
again when every write that could have been under way has arrived, and counts as what it is then.
With a repair, a hint is sent of each key that is found unequal; nothing is written here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from hintferry.core.errors import Fenced, HintferryError, Paused, StaleRead, Unprocessable
from hintferry.core.hint import Bound, Errand, Hint, Scope, Slice
from hintferry.core.limits import RANGE_RETRY, SECOND_LOOK_AFTER_S
from hintferry.core.metering import read_units
from hintferry.core.rows import Row, ScanPage
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Verdict, VerifySums, judge, shown
from hintferry.core.work import SliceWork
from hintferry.live.reconcile import intervals
from hintferry.ports import Clock, Scan, Source, Target
from hintferry.sweep.merge_pages import MergePosition, PageMerge, Pair, matched
from hintferry.sweep.progress import Finished, Progress, RangeProgress, progress_of
from hintferry.sweep.range_walk import PASSING, walk
from hintferry.sweep.recheck import Recheck, Suspect
from hintferry.sweep.repair_sender import RepairSender

MOST_SUSPECTS = 50_000
"""The most suspects that wait. With more the walk waits too, so that memory stays flat."""

MOST_EXAMPLES = 3
"""The most examples that a range keeps."""

MOST_AT_ONCE = 500
"""Suspects looked at together, and rows of one interval that only the target may show."""

WAITED_AT_ONCE_S = 1.0

Judged = tuple[int, Key, Key, Row | None, Row | None]
"""Token, partition and clustering key, and the row as the source and as the target shows it."""


@dataclass(slots=True)
class _OpenRange:
    """One range: what was judged of it for good, and how many suspects are still open."""

    number: int
    part: TokenRange
    sums: VerifySums = field(default_factory=VerifySums)
    examples: list[tuple[Verdict, Hint]] = field(default_factory=list)
    seen: int = 0
    open: int = 0
    is_walked: bool = False


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies ranges of one table; with `repair` None no hints are sent."""

    table: TableId
    source: Source
    target: Target
    source_scan: Scan
    target_scan: Scan
    clock: Clock
    repair: RepairSender | None = None
    _open_ranges: dict[int, _OpenRange] = field(default_factory=dict)
    _suspects: deque[Suspect] = field(default_factory=deque)
    _open: list[MergePosition] = field(default_factory=list)
    """At most one: of its next token only what it tells was judged."""

    def verify(self, ranges: Iterable[TokenRange]) -> Iterator[RangeProgress[VerifySums]]:
        """Judge every key of the ranges; each is taken only when the one before is walked.

        Raises what says that the table cannot be swept at all: Fenced, Paused, Unprocessable.
        """
        for number, part in enumerate(ranges):
            open_range = self._open_ranges[number] = _OpenRange(number, part)
            try:
                yield from self._walk(open_range)
            except (Fenced, Paused, Unprocessable):
                raise
            except HintferryError as error:
                yield from self._give_up({number}, error)
            open_range.is_walked = True
            yield from self._recheck(MOST_SUSPECTS)
        yield from self._recheck(0)

    def _walk(self, open_range: _OpenRange) -> Iterator[RangeProgress[VerifySums]]:
        seen = 0
        for kind in (Scope.ROW, Scope.STATIC):
            self._open.clear()
            steps = walk(
                open_range.part,
                partial(self._step, open_range, kind),
                partial(self._unread, open_range),
                self.clock,
            )
            for step in steps:
                before, seen = seen, open_range.sums.seen + open_range.open
                yield progress_of(step, max(0, seen - before), kind is Scope.ROW)
                yield from self._recheck(MOST_SUSPECTS)

    def _step(self, open_range: _OpenRange, kind: Scope, part: TokenRange) -> Iterator[int]:
        """Judge both sides of a range; yields each token up to which that is done."""
        table = self.source.agreed(self.table)
        if kind is Scope.STATIC and not table.statics:
            return
        while part.width:
            if self._open:
                token = self._open[0].done + 1
                yield from self._rest(open_range, table, kind, self._open[0])
                self._open.clear()
                yield token
                part = TokenRange(token, part.upto)
                continue
            pages = self._pages(open_range.sums, table, kind, part)
            both = PageMerge(*pages, part.after, part.upto, slices=kind is Scope.ROW)
            try:
                yield from self._together(open_range, table, kind, both)
            except HintferryError:
                yield from self._left(both.position, part)
                raise
            if both.is_over:
                return
            self._open.append(both.position)
            part = TokenRange(both.position.done, part.upto)
            yield part.after

    def _together(
        self, open_range: _OpenRange, table: Table, kind: Scope, both: PageMerge
    ) -> Iterator[int]:
        for step in both.steps():
            self._refuse_altered(table)
            open_range.sums.equal += step.equal
            open_range.seen += step.equal
            self._enter(open_range, table, kind, map(_as_judged, step.pairs))
            yield step.done

    def _refuse_altered(self, table: Table) -> None:
        """Raise StaleRead after an ALTER TABLE: what was read before may lack a column."""
        if self.source.table(self.table) is not table:
            raise StaleRead("the table was altered during the pass")

    def _left(self, position: MergePosition, part: TokenRange) -> Iterator[int]:
        """Remember what was judged before a fault, some of a token included."""
        if position.reached:
            self._open.append(position)
        if position.reached or position.done > part.after:
            yield position.done

    def _pages(
        self, sums: VerifySums, table: Table, kind: Scope, part: TokenRange
    ) -> tuple[Iterator[ScanPage], Iterator[ScanPage]]:
        source_row, target_row = self.source_scan, self.target_scan
        if kind is Scope.ROW:
            return source_row.rows(table, part), _metered(target_row.rows(table, part), sums)
        return source_row.statics(table, part), _metered(target_row.statics(table, part), sums)

    def _rest(
        self, open_range: _OpenRange, table: Table, kind: Scope, position: MergePosition
    ) -> Iterator[int]:
        """Judge of the token after the place what is not judged yet."""
        token = position.done + 1
        if kind is Scope.ROW:
            yield from self._large(open_range, table, token, position.reached)
            return
        # Of one token there are few partitions: their static columns are read whole.
        source_row, target_row = (
            [key for page in pages for key in page.keys if key.partition not in position.reached]
            for pages in self._pages(open_range.sums, table, kind, TokenRange(position.done, token))
        )
        self._enter(open_range, table, kind, map(_as_judged, matched(source_row, target_row)))

    def _large(
        self, open_range: _OpenRange, table: Table, token: int, reached: dict[Key, Bound | None]
    ) -> Iterator[int]:
        """Judge the partitions of one token slice by slice, each from where it was reached."""
        found = {*self.source_scan.partitions(table, token)}
        found.update(self.target_scan.partitions(table, token))
        for partition in sorted(found):
            while (start := reached.get(partition, Bound())) is not None:
                work = SliceWork(table.id, partition, Slice(start), ())
                for seen, part in intervals(self.source.pages(work), work.slice):
                    end, judged = self._interval(token, work, table, seen.rows, part)
                    self._enter(open_range, table, Scope.ROW, judged)
                    is_over = end == work.slice.end
                    reached[partition] = None if is_over else Bound(end.values, False)
                    yield token - 1
                    if end != part.end:
                        break

    def _interval(
        self, token: int, work: SliceWork, table: Table, rows: dict[Key, Row], part: Slice
    ) -> tuple[Bound, list[Judged]]:
        """Up to where the interval is judged: not to its end where the target alone shows much."""
        unmatched, judged, alone, end = dict(rows), list[Judged](), 0, part.end
        for page in self.target.rows(table, work.partition, part):
            for key, row in page.items():
                wanted = unmatched.pop(key, None)
                alone += wanted is None
                judged.append((token, work.partition, key, wanted, row))
            if page and alone > MOST_AT_ONCE:
                end = Bound(next(reversed(page)))
                before = SliceWork(table.id, work.partition, Slice(part.start, end), ())
                keys = {key for seen in self.source.pages(before) for key in seen.rows}
                unmatched = {key: row for key, row in unmatched.items() if key in keys}
                break
        judged += ((token, work.partition, key, row, None) for key, row in unmatched.items())
        return end, judged

    def _enter(
        self, open_range: _OpenRange, table: Table, kind: Scope, judged: Iterable[Judged]
    ) -> None:
        judged = list(judged)
        self._refuse_altered(table)
        due = self.clock.now() + SECOND_LOOK_AFTER_S
        for token, partition, clustering, source_row, target_row in judged:
            if kind is Scope.STATIC:
                source_row, target_row = shown(source_row), shown(target_row)
                if source_row is None and target_row is None:
                    continue
            open_range.seen += 1
            is_static = kind is Scope.STATIC
            if judge(table, source_row, target_row, is_static) is Verdict.EQUAL:
                open_range.sums.equal += 1
                continue
            hint = Hint(
                table.id,
                partition,
                kind,
                clustering,
                statics_due=is_static,
                errand=Errand.REPAIR,
                altered_us=table.altered_us,
            )
            self._suspects.append(Suspect(open_range.number, due, token, hint))
            open_range.open += 1

    def _unread(self, open_range: _OpenRange, token: int) -> None:
        """A side fails to read this token: the pipeline may cut its partitions small enough."""
        self._open.clear()
        table = self.source.table(self.table)
        partitions = self.target_scan.partitions(table, token)
        open_range.sums.unread += len(partitions) or 1
        if self.repair is not None:
            hints = [
                Hint(
                    table.id,
                    partition,
                    Scope.PARTITION if table.clustering else Scope.ROW,
                    statics_due=bool(table.statics),
                    errand=Errand.REPAIR,
                    altered_us=table.altered_us,
                )
                for partition in partitions
            ]
            self.repair.send(hints)
            open_range.sums.hinted += len(hints)

    def _recheck(self, most: int) -> Iterator[RangeProgress[VerifySums]]:
        """Look at the suspects that are due, and wait for it while there are more than `most`."""
        look = Recheck(self.source, self.target, self.target_scan)
        while self._suspects:
            now = self.clock.now()
            wait_s = self._suspects[0].due - now
            if wait_s > 0:
                if len(self._suspects) <= most:
                    break
                self.clock.sleep(min(wait_s, WAITED_AT_ONCE_S))
                yield Progress(0, waits_s=wait_s)
                continue
            yield from self._settled(self._due(now), look)
        closed = [
            number for number, one in self._open_ranges.items() if one.is_walked and not one.open
        ]
        for number in closed:
            open_range = self._open_ranges.pop(number)
            if open_range.seen != open_range.sums.seen:
                # Not an assertion: those can be switched off.
                raise RuntimeError(
                    f"of {open_range.seen} keys only {open_range.sums} were counted:"
                    " a defect of Hintferry; report it"
                )
            yield Finished(open_range.part, open_range.sums, examples=tuple(open_range.examples))

    def _due(self, now: float) -> list[Suspect]:
        """The next that are due; those of a range that was given up are forgotten."""
        due: list[Suspect] = []
        while self._suspects and self._suspects[0].due <= now and len(due) < MOST_AT_ONCE:
            suspect = self._suspects.popleft()
            if suspect.number in self._open_ranges:
                due.append(suspect)
        return due

    def _settled(
        self, suspects: list[Suspect], look: Recheck
    ) -> Iterator[RangeProgress[VerifySums]]:
        try:
            self._settle(suspects, look)
        except (Fenced, Paused, Unprocessable):
            raise
        except HintferryError as error:
            yield from self._give_up({suspect.number for suspect in suspects}, error)

    def _settle(self, suspects: list[Suspect], look: Recheck) -> None:
        for attempt in range(1, RANGE_RETRY.attempts + 1):
            try:
                verdicts = look.verdicts(suspects)
                unequal = [
                    suspect.hint
                    for suspect, verdict in zip(suspects, verdicts, strict=True)
                    if verdict is not Verdict.EQUAL
                ]
                if self.repair is not None:
                    self.repair.send(unequal)
                break
            except PASSING:
                if attempt == RANGE_RETRY.attempts:
                    raise
                self.clock.sleep(RANGE_RETRY.pause_s(attempt))
        for suspect, verdict in zip(suspects, verdicts, strict=True):
            open_range = self._open_ranges[suspect.number]
            open_range.open -= 1
            if verdict is None:
                open_range.sums.unread += 1
                open_range.seen -= 1
            else:
                open_range.sums.count(verdict)
            is_harmless = verdict in (None, Verdict.EQUAL, Verdict.EXPIRING)
            if verdict and not is_harmless and len(open_range.examples) < MOST_EXAMPLES:
                open_range.examples.append((verdict, suspect.hint))
            if self.repair is not None and verdict is not Verdict.EQUAL:
                open_range.sums.hinted += 1

    def _give_up(
        self, numbers: set[int], error: HintferryError
    ) -> Iterator[RangeProgress[VerifySums]]:
        for number in numbers:
            open_range = self._open_ranges.pop(number, None)
            if open_range is not None:
                yield Finished(open_range.part, open_range.sums, error)


def _metered(pages: Iterator[ScanPage], sums: VerifySums) -> Iterator[ScanPage]:
    for page in pages:
        sums.read_units += read_units(len(page.body))
        yield page


def _as_judged(pair: Pair) -> Judged:
    key = pair[0] or pair[1]
    assert key is not None
    source_row, target_row = (None if one is None else one.row for one in pair)
    return key.token, key.partition, key.clustering, source_row, target_row
