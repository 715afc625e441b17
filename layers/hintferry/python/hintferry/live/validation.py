"""Compare one settled key in N again, some time after it was settled. Nothing is written.

Unequal alone says little: a change hint of the key may be on its way, in a topic that is hours
behind. So a key has *diverged* only where three things hold.

1. It was unequal after the write time of its row had been read.
2. All changes from before that look have arrived since. A marker that was drawn after it is settled
   on every node, and no open item from before it is left.
3. The row still has that write time, and the two sides are still unequal.

The last change before the look was settled meanwhile, by a read that began after the change. Had it
been a hint on its way, the row would have been written again. A row that only the source shows is
dated there: it stood there all the time, so no read can have missed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import randrange

from hintferry.core.errors import (
    ConfigurationError,
    HintferryError,
    LateAnswer,
    NoTimeLeft,
    Overwhelmed,
    Side,
    Unprocessable,
)
from hintferry.core.hint import Check, Errand, Hint, Scope, Suspicion
from hintferry.core.limits import (
    RESERVE_S,
    SECOND_LOOK_AFTER_S,
    TIMEOUT_RETRY,
    VALIDATION_RETRY,
)
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.passes import Pass
from hintferry.core.rows import Row
from hintferry.core.verdict import Verdict, judge
from hintferry.core.watermark import low_watermark
from hintferry.core.work import Later, RowWork
from hintferry.live.ledger import end_of
from hintferry.live.target_row import target_row
from hintferry.ports import (
    Captures,
    Clock,
    Deadline,
    Markers,
    OpenItems,
    Passes,
    ReplayQueue,
    Source,
    Target,
    WriteTimes,
)

CLOCKS_APART_S = 1.0
"""More than the clocks of two workers differ."""

LATEST_DUE_S = TIMEOUT_RETRY.longest_s + 20.0
"""What a hint leaves in the replay queue is due so many seconds later at most."""

VALIDATED = Settled(Outcome.SKIPPED, SkipReason.VALIDATED)
UNSURE = Settled(Outcome.SKIPPED, SkipReason.UNSURE)

_FINE = (Verdict.EQUAL, Verdict.EXPIRING)


class Diverged(HintferryError):
    """The two sides of a key are not equal; the text is the verdict."""


class Undecided(HintferryError):
    """No look at a key was without a hint that may have been on its way."""


@dataclass(slots=True)
class Sampler:
    """Takes one applied row in `one_in`; the first is drawn by chance, so that no process begins
    with its first record.
    """

    one_in: int
    _skips: int = field(init=False)

    def __post_init__(self) -> None:
        self._skips = randrange(self.one_in) if self.one_in else 0

    def sample(self, hints: Mapping[int, Hint], ends: Sequence[Settled]) -> Iterator[Hint]:
        """Yield the row hints of a batch whose keys are compared later; hints by index."""
        if not self.one_in:
            return
        for index, hint in islice(hints.items(), self._skips, None, self.one_in):
            is_applied = ends[index].outcome is Outcome.APPLIED
            if is_applied and hint.scope is Scope.ROW and hint.errand is Errand.NEWS:
                yield hint
        self._skips = (self._skips - len(hints)) % self.one_in


@dataclass(frozen=True, slots=True)
class Validator:
    """Looks at settled keys, and sends those away that are looked at later."""

    source: Source
    target: Target
    write_times: WriteTimes
    markers: Markers
    captures: Captures
    open_items: OpenItems
    passes: Passes
    replay: ReplayQueue
    clock: Clock
    sampler: Sampler

    def sample(self, hints: Mapping[int, Hint], ends: Sequence[Settled]) -> int:
        """Have some of these keys validated later; how many the replay queue did not take."""
        check = Check(self.clock.now())
        items = [
            Later(_validation(hint), SECOND_LOOK_AFTER_S, check=check)
            for hint in self.sampler.sample(hints, ends)
        ]
        return sum(error is not None for error in self.replay.send(items)) if items else 0

    def settle(self, hint: Hint, check: Check | None, deadline: Deadline) -> Settled:
        """Look at one key; return how its record ends."""
        if deadline.remaining() < RESERVE_S:
            return end_of(NoTimeLeft("the invocation ends before this key is compared"))
        try:
            return self._look(hint, check or Check(self.clock.now()))
        except (ConfigurationError, Overwhelmed, Undecided, Unprocessable) as error:
            return Settled(Outcome.SKIPPED, SkipReason.UNVALIDATED, error)
        except HintferryError as error:
            return end_of(error)

    def _look(self, hint: Hint, check: Check) -> Settled:
        before = check.suspicion
        has_arrived = before is not None and self._has_arrived(hint, check.settled_at, before)
        verdict = self._verdict(hint)
        if verdict in _FINE:
            return VALIDATED
        side = _dated(verdict)
        if before is not None:
            if not has_arrived:
                return self._again(hint, check, before)
            if before.side is side and before.written_us == self._written_us(hint, side):
                # The gate opens by no pass from before.
                self.passes.enter(Pass.of_divergence(hint.table, self.clock.now(), verdict))
                return Settled(Outcome.SKIPPED, SkipReason.DIVERGED, Diverged(verdict.value))
        # Read before the comparison that counts: what is written in between dates the row again.
        written_us = self._written_us(hint, side)
        if written_us is None:
            raise Undecided(f"the sides are not equal ({verdict.value}); no column dates the row")
        verdict = self._verdict(hint)
        if verdict in _FINE:
            return VALIDATED
        if _dated(verdict) is not side:
            return self._again(hint, check, None)
        marker = self.markers.draw(hint.table)
        return self._again(hint, check, Suspicion(side, written_us, marker, self.clock.now()))

    def _has_arrived(self, hint: Hint, settled_at: float, before: Suspicion) -> bool:
        """Return whether all hints from before the last look are settled, for good."""
        low = low_watermark(self.captures.witness(hint.table), self.markers.marks(hint.table))
        if low is None or low.number < before.marker:
            return False
        since, until = settled_at - CLOCKS_APART_S, before.at + LATEST_DUE_S
        return not any(since <= one.due <= until for one in self.open_items.of(hint.table))

    def _again(self, hint: Hint, check: Check, suspicion: Suspicion | None) -> Settled:
        looks = check.looks + 1
        if looks >= VALIDATION_RETRY.attempts:
            raise Undecided(f"the sides were not equal at {looks} looks; hints were on their way")
        after_s = int(VALIDATION_RETRY.pause_s(looks))
        later = Later(hint, after_s, check=Check(check.settled_at, looks, suspicion))
        (error,) = self.replay.send([later])
        return UNSURE if error is None else end_of(error)

    def _verdict(self, hint: Hint) -> Verdict:
        """Compare the row. The target is read first: what it shows is not newer than the source."""
        table = self.source.table(hint.table, hint.altered_us)
        found = target_row(self.target, table, hint.partition, hint.clustering)
        return judge(table, self._source_row(hint), found)

    def _source_row(self, hint: Hint) -> Row | None:
        work = RowWork(hint.table, hint.partition, {hint.clustering: ()})
        ((_, seen),) = self.source.read([work])
        if isinstance(seen, HintferryError):
            raise seen
        if seen.late:
            raise LateAnswer("source: the answer came too late for its TTLs to be exact")
        # It may stand there under other bytes than the hint's.
        return next(iter(seen.rows.values()), None)

    def _written_us(self, hint: Hint, side: Side) -> int | None:
        table = self.source.table(hint.table, hint.altered_us)
        return self.write_times.newest_us(side, table, hint.partition, hint.clustering)


def _dated(verdict: Verdict) -> Side:
    """Return the side whose row is dated: the target's, unless only the source shows it."""
    return Side.SOURCE if verdict is Verdict.MISSING else Side.TARGET


def _validation(hint: Hint) -> Hint:
    return Hint(
        hint.table,
        hint.partition,
        Scope.ROW,
        hint.clustering,
        errand=Errand.VALIDATION,
        altered_us=hint.altered_us,
    )
