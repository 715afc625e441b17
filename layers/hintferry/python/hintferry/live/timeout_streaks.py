"""Keys at which a side fails and does not say why: seen again for minutes, then parked.

One failure does not tell whether the key or the side is at fault. So such a hint leaves its topic
only where the neighbours of its key are read and written at the same moment. Then it waits in the
replay queue, with what was seen of it so far in the message: processes may come and go. What has
failed for minutes, at each of several deliveries, is its own trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hintferry.core.errors import HintferryError, Stuck, Troubled
from hintferry.core.hint import Hint, Record, Trouble
from hintferry.core.limits import (
    REQUEST_TIMEOUT_S,
    RESERVE_S,
    STUCK_AFTER_S,
    TIMEOUT_RETRY,
)
from hintferry.core.outcome import Outcome, Settled, SkipReason
from hintferry.core.schema import Key, TableId
from hintferry.core.work import Later, RowWork, Work
from hintferry.live.coalesce import coalesce
from hintferry.ports import Clock, Deadline, ReplayQueue, Source

MOST_PROOFS = 16
"""The most partitions of one invocation that are proved: more of them do not fail each for another
reason."""

PROOF_TAKES_S = 4 * REQUEST_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class TimeoutStreaks:
    """Settles the troubled records of one batch; `serves` tells whether some of these can be read
    and written now."""

    source: Source
    replay: ReplayQueue
    clock: Clock
    deadline: Deadline
    serves: Callable[[list[Work]], bool]
    _proofs: dict[tuple[TableId, Key], bool] = field(default_factory=dict)
    _doubted: set[TableId] = field(default_factory=set)
    """Tables of which not even neighbours are served: it is the side's fault, or the table's."""

    def settle(
        self,
        record_of: Callable[[int], Record],
        hint_of: Callable[[int], Hint | None],
        ends: list[Settled],
    ) -> list[Settled]:
        """The ends, with what was returned in trouble postponed, or parked after its time."""
        settled = list(ends)
        later: dict[int, Later] = {}
        for index, end in enumerate(ends):
            hint = hint_of(index) if isinstance(end.error, Troubled) else None
            if hint is None or end.outcome is not Outcome.RETURNED or not self._is_its_own(hint):
                continue
            trouble = self._once_more(record_of(index).trouble)
            if self._is_over(trouble):
                settled[index] = _stuck(end)
            else:
                later[index] = Later(hint, _wait_s(trouble), trouble)
        for index, error in zip(later, self.replay.send(list(later.values())), strict=True):
            settled[index] = _postponed(settled[index], error)
        return settled

    def _is_its_own(self, hint: Hint) -> bool:
        """Return whether neighbours of the hint's key are served, so that the failure may be its
        own.
        """
        place = (hint.table, hint.partition)
        if place not in self._proofs:
            if hint.table in self._doubted or not self._has_means():
                return False
            self._proofs[place] = self._serves_beside(hint)
            if not self._proofs[place]:
                self._doubted.add(hint.table)
        return self._proofs[place]

    def _has_means(self) -> bool:
        is_early = self.deadline.remaining() > RESERVE_S + PROOF_TAKES_S
        return is_early and len(self._proofs) < MOST_PROOFS

    def _serves_beside(self, hint: Hint) -> bool:
        (work, *_) = coalesce([(0, hint)])
        try:
            beside: list[RowWork] = self.source.neighbours(work)
        except HintferryError:
            return False
        return bool(beside) and self.serves(list(beside))

    def _once_more(self, seen: Trouble | None) -> Trouble:
        if seen is None:
            return Trouble(self.clock.now(), 1)
        return seen._replace(times=seen.times + 1)

    def _is_over(self, trouble: Trouble) -> bool:
        lasts_s = self.clock.now() - trouble.since
        return lasts_s >= STUCK_AFTER_S and trouble.times >= TIMEOUT_RETRY.attempts


def _wait_s(trouble: Trouble) -> int:
    return int(TIMEOUT_RETRY.pause_s(trouble.times))


def _stuck(end: Settled) -> Settled:
    text = f"{end.error}; it failed so for {STUCK_AFTER_S / 60:.0f} minutes beside keys served"
    return Settled(Outcome.PARKED, Stuck.reason, Stuck(text))


def _postponed(end: Settled, error: HintferryError | None) -> Settled:
    if error is not None:
        return Settled(Outcome.RETURNED, None, error)
    return Settled(Outcome.SKIPPED, SkipReason.POSTPONED, end.error)
