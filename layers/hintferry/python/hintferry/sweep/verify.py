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

from hintferry.core.errors import Fenced, HintferryError, StaleRead, Unprocessable
from hintferry.core.hint import Bound, Errand, Hint, Scope, Slice
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.metering import read_units
from hintferry.core.rows import Row, ScanPage
from hintferry.core.schema import Key, Table, TableId
from hintferry.core.tokens import TokenRange
from hintferry.core.verdict import Tally, Verdict, judge, shown
from hintferry.core.work import SliceWork
from hintferry.live.reconcile import intervals
from hintferry.ports import Clock, Scan, Source, Target
from hintferry.sweep.merge_pages import Pair, Place, SideBySide, matched
from hintferry.sweep.progress import Finished, Progress, Report
from hintferry.sweep.range_walk import ATTEMPTS, FIRST_PAUSE_S, PASSING, walk
from hintferry.sweep.recheck import SecondLook, Suspect
from hintferry.sweep.repair_sender import Repair

MOST_SUSPECTS = 50_000
"""With more of them waiting, the walk waits too: memory stays flat."""

MOST_EXAMPLES = 3
"""Of a range."""

MOST_AT_ONCE = 500
"""Suspects looked at together, and rows of one interval that only the target may show."""

WAITED_AT_ONCE_S = 1.0

Judged = tuple[int, Key, Key, Row | None, Row | None]
"""Token, partition and clustering key, and the row as the source and as the target shows it."""


@dataclass(slots=True)
class _Books:
    """One range: what was judged of it for good, and how many suspects are still open."""

    number: int
    part: TokenRange
    tally: Tally = field(default_factory=Tally)
    examples: list[tuple[Verdict, Hint]] = field(default_factory=list)
    seen: int = 0
    open: int = 0
    is_walked: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """Verifies ranges of one table; with `repair` None no hints are sent."""

    table: TableId
    source: Source
    target: Target
    source_scan: Scan
    target_scan: Scan
    clock: Clock
    repair: Repair | None = None
    _books: dict[int, _Books] = field(default_factory=dict)
    _suspects: deque[Suspect] = field(default_factory=deque)
    _open: list[Place] = field(default_factory=list)
    """At most one: of its next token only what it tells was judged."""

    def verify(self, ranges: Iterable[TokenRange]) -> Iterator[Report[Tally]]:
        """Judge every key of the ranges; each is taken only when the one before is walked.

        Raises what says that the table cannot be swept at all: Fenced, Unprocessable.
        """
        for number, part in enumerate(ranges):
            books = self._books[number] = _Books(number, part)
            try:
                yield from self._walk(books)
            except (Fenced, Unprocessable):
                raise
            except HintferryError as error:
                yield from self._give_up({number}, error)
            books.is_walked = True
            yield from self._look_again(MOST_SUSPECTS)
        yield from self._look_again(0)

    def _walk(self, books: _Books) -> Iterator[Report[Tally]]:
        seen = 0
        for kind in (Scope.ROW, Scope.STATIC):
            self._open.clear()
            steps = walk(
                books.part,
                partial(self._step, books, kind),
                partial(self._unread, books),
                self.clock,
            )
            for _ in steps:
                before, seen = seen, books.tally.seen + books.open
                yield Progress(max(0, seen - before))
                yield from self._look_again(MOST_SUSPECTS)

    def _step(self, books: _Books, kind: Scope, part: TokenRange) -> Iterator[int]:
        """Judge both sides of a range; yields each token up to which that is done."""
        table = self.source.agreed(self.table)
        if kind is Scope.STATIC and not table.statics:
            return
        while part.width:
            if self._open:
                token = self._open[0].done + 1
                yield from self._rest(books, table, kind, self._open[0])
                self._open.clear()
                yield token
                part = TokenRange(token, part.upto)
                continue
            pages = self._pages(books.tally, table, kind, part)
            both = SideBySide(*pages, part.after, part.upto, slices=kind is Scope.ROW)
            try:
                yield from self._together(books, table, kind, both)
            except HintferryError:
                yield from self._left(both.place, part)
                raise
            if both.is_over:
                return
            self._open.append(both.place)
            part = TokenRange(both.place.done, part.upto)
            yield part.after

    def _together(
        self, books: _Books, table: Table, kind: Scope, both: SideBySide
    ) -> Iterator[int]:
        for step in both.steps():
            self._refuse_altered(table)
            books.tally.equal += step.equal
            books.seen += step.equal
            self._enter(books, table, kind, map(_as_judged, step.pairs))
            yield step.done

    def _refuse_altered(self, table: Table) -> None:
        """What was read by an earlier table may lack a column: it is read anew."""
        if self.source.table(self.table) is not table:
            raise StaleRead("the table was altered meanwhile")

    def _left(self, place: Place, part: TokenRange) -> Iterator[int]:
        """Remember what was judged before a fault, some of a token included."""
        if place.reached:
            self._open.append(place)
        if place.reached or place.done > part.after:
            yield place.done

    def _pages(
        self, tally: Tally, table: Table, kind: Scope, part: TokenRange
    ) -> tuple[Iterator[ScanPage], Iterator[ScanPage]]:
        source_row, target_row = self.source_scan, self.target_scan
        if kind is Scope.ROW:
            return source_row.rows(table, part), _metered(target_row.rows(table, part), tally)
        return source_row.statics(table, part), _metered(target_row.statics(table, part), tally)

    def _rest(self, books: _Books, table: Table, kind: Scope, place: Place) -> Iterator[int]:
        """Judge of the token after the place what is not judged yet."""
        token = place.done + 1
        if kind is Scope.ROW:
            yield from self._large(books, table, token, place.reached)
            return
        # Of one token there are few partitions: their static columns are read whole.
        source_row, target_row = (
            [key for page in pages for key in page.keys if key.partition not in place.reached]
            for pages in self._pages(books.tally, table, kind, TokenRange(place.done, token))
        )
        self._enter(books, table, kind, map(_as_judged, matched(source_row, target_row)))

    def _large(
        self, books: _Books, table: Table, token: int, reached: dict[Key, Bound | None]
    ) -> Iterator[int]:
        """Judge the partitions of one token slice by slice, each from where it was reached."""
        found = {*self.source_scan.partitions(table, token)}
        found.update(self.target_scan.partitions(table, token))
        for partition in sorted(found):
            while (start := reached.get(partition, Bound())) is not None:
                work = SliceWork(table.id, partition, Slice(start), ())
                for seen, part in intervals(self.source.pages(work), work.slice):
                    end, judged = self._interval(token, work, table, seen.rows, part)
                    self._enter(books, table, Scope.ROW, judged)
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

    def _enter(self, books: _Books, table: Table, kind: Scope, judged: Iterable[Judged]) -> None:
        judged = list(judged)
        self._refuse_altered(table)
        due = self.clock.now() + SECOND_LOOK_AFTER_S
        for token, partition, clustering, source_row, target_row in judged:
            if kind is Scope.STATIC:
                source_row, target_row = shown(source_row), shown(target_row)
                if source_row is None and target_row is None:
                    continue
            books.seen += 1
            is_static = kind is Scope.STATIC
            if judge(table, source_row, target_row, is_static) is Verdict.EQUAL:
                books.tally.equal += 1
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
            self._suspects.append(Suspect(books.number, due, token, hint))
            books.open += 1

    def _unread(self, books: _Books, token: int) -> None:
        """A side fails to read this token: the pipeline may cut its partitions small enough."""
        self._open.clear()
        table = self.source.table(self.table)
        partitions = self.target_scan.partitions(table, token)
        books.tally.unread += len(partitions) or 1
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
            books.tally.hinted += len(hints)

    def _look_again(self, most: int) -> Iterator[Report[Tally]]:
        """Look at the suspects that are due, and wait for it while there are more than `most`."""
        look = SecondLook(self.source, self.target, self.target_scan)
        while self._suspects:
            now = self.clock.now()
            wait_s = self._suspects[0].due - now
            if wait_s > 0:
                if len(self._suspects) <= most:
                    break
                self.clock.sleep(min(wait_s, WAITED_AT_ONCE_S))
                yield Progress(0)
                continue
            yield from self._settled(self._due(now), look)
        closed = [number for number, one in self._books.items() if one.is_walked and not one.open]
        for number in closed:
            books = self._books.pop(number)
            if books.seen != books.tally.seen:
                # Not an assertion: those can be switched off.
                raise RuntimeError(f"of {books.seen} keys {books.tally} were told; report this")
            yield Finished(books.part, books.tally, examples=tuple(books.examples))

    def _due(self, now: float) -> list[Suspect]:
        """The next that are due; those of a range that was given up are forgotten."""
        due: list[Suspect] = []
        while self._suspects and self._suspects[0].due <= now and len(due) < MOST_AT_ONCE:
            suspect = self._suspects.popleft()
            if suspect.number in self._books:
                due.append(suspect)
        return due

    def _settled(self, suspects: list[Suspect], look: SecondLook) -> Iterator[Report[Tally]]:
        try:
            self._settle(suspects, look)
        except (Fenced, Unprocessable):
            raise
        except HintferryError as error:
            yield from self._give_up({suspect.number for suspect in suspects}, error)

    def _settle(self, suspects: list[Suspect], look: SecondLook) -> None:
        for attempt in range(1, ATTEMPTS + 1):
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
                if attempt == ATTEMPTS:
                    raise
                self.clock.sleep(FIRST_PAUSE_S * 2**attempt)
        for suspect, verdict in zip(suspects, verdicts, strict=True):
            books = self._books[suspect.number]
            books.open -= 1
            if verdict is None:
                books.tally.unread += 1
                books.seen -= 1
            else:
                books.tally.count(verdict)
            is_harmless = verdict in (None, Verdict.EQUAL, Verdict.EXPIRING)
            if verdict and not is_harmless and len(books.examples) < MOST_EXAMPLES:
                books.examples.append((verdict, suspect.hint))
            if self.repair is not None and verdict is not Verdict.EQUAL:
                books.tally.hinted += 1

    def _give_up(self, numbers: set[int], error: HintferryError) -> Iterator[Report[Tally]]:
        for number in numbers:
            books = self._books.pop(number, None)
            if books is not None:
                yield Finished(books.part, books.tally, error)


def _metered(pages: Iterator[ScanPage], tally: Tally) -> Iterator[ScanPage]:
    for page in pages:
        tally.read_units += read_units(len(page.body))
        yield page


def _as_judged(pair: Pair) -> Judged:
    key = pair[0] or pair[1]
    assert key is not None
    source_row, target_row = (None if one is None else one.row for one in pair)
    return key.token, key.partition, key.clustering, source_row, target_row
