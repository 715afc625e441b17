"""Remember recently written keys, to skip duplicate hints from other replicas. Pure.

Every replica sends a copy of a hint, and some copies come in a later batch. Take a hint that was on
the topic before a read of its key began. The full write that followed from that read settles it,
once the target has acknowledged the write. It is just as if both had been in one batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from hintferry.core.hint import Errand, Hint, Scope
from hintferry.core.rows import Add, Statement
from hintferry.core.schema import Key, TableId
from hintferry.core.work import RowWork, StaticWork

KEYS = 20_000
"""How many keys are remembered; copies come soon or, after an outage, are read once more."""

MARGIN_US = 1_000_000
"""Microseconds that the broker's clock may be behind this one. It is also longer than a change of
the schema goes unseen where hints do not tell of it."""


class RecentWrites:
    """Only full writes count: a row that a comparison found equal may still be overtaken."""

    def __init__(self, most: int = KEYS) -> None:
        """`most` keys are remembered; 0 where no hint ever comes that could be skipped."""
        self._most = most
        self._starts: dict[tuple[TableId, Key, Key | None], tuple[int, int]] = {}
        """When each was read, and how its table was known then (`altered_us`)."""

    def add(
        self, work: RowWork | StaticWork, statements: Sequence[Statement], altered_us: int
    ) -> None:
        """The target acknowledged these statements, all that `work` asks for.

        `altered_us`: of the table by which it was read.
        """
        if not self._most:
            return
        starts = [one.timestamp for one in statements if not isinstance(one, Add)]
        if not starts:
            return
        start = min(starts)
        keys: Sequence[Key | None] = [None] if isinstance(work, StaticWork) else [*work.rows]
        for key in keys:
            where = work.table, work.partition, key
            # Taken out first, so that the oldest stays in front.
            self._starts[where] = max((start, altered_us), self._starts.pop(where, (0, 0)))
        while len(self._starts) > self._most:
            del self._starts[next(iter(self._starts))]

    def covers(self, hint: Hint, appended_at_ms: int | None) -> bool:
        """Return whether all that the hint speaks of was read after the broker appended it.

        `appended_at_ms`: epoch milliseconds by the broker; None says nothing, so covers nothing.
        """
        if appended_at_ms is None or hint.errand is not Errand.NEWS:
            return False
        since = appended_at_ms * 1000 + MARGIN_US
        if hint.scope is Scope.ROW:
            is_row_read = self._is_read(hint, hint.clustering, since)
            return is_row_read and (not hint.statics_due or self._is_read(hint, None, since))
        return hint.scope is Scope.STATIC and self._is_read(hint, None, since)

    def _is_read(self, hint: Hint, key: Key | None, since: int) -> bool:
        start, altered_us = self._starts.get((hint.table, hint.partition, key), (0, 0))
        # What the hint speaks of may be in a column that the read did not know.
        return start >= since and altered_us >= hint.altered_us
