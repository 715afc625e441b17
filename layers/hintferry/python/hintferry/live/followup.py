"""Find what a compared slice leaves to be done later, through the replay queue.

A comparison writes nothing for a row that neither side shows. A stalled worker may at that moment
hold an older INSERT of just such a row. So every slice is compared once more when no such write can
still arrive.
"""

from __future__ import annotations

from hintferry.core.hint import Bound, Errand, Hint, Scope, Slice
from hintferry.core.limits import SECOND_LOOK_AFTER_S
from hintferry.core.work import Later, SliceWork, Work


def followups(work: Work, rest: Slice | None) -> list[Later]:
    """A second look at what was compared, and the rest of the slice where time ran short.

    Where the whole slice is left, though some of it was done, its end brings the second look.

    Rows of counters leave none: their lease has seen to it that nothing older is on its way.
    """
    if not isinstance(work, SliceWork):
        return []
    later: list[Later] = []
    if work.errand is not Errand.SECOND_LOOK and rest != work.slice:
        done = work.slice if rest is None else Slice(work.slice.start, Bound(rest.start.values))
        later.append(Later(_hint(work, done, Errand.SECOND_LOOK), SECOND_LOOK_AFTER_S))
    if rest is not None:
        is_second = work.errand is Errand.SECOND_LOOK
        errand = Errand.SECOND_LOOK if is_second else Errand.CONTINUATION
        later.append(Later(_hint(work, rest, errand), 0))
    return later


def _hint(work: SliceWork, part: Slice, errand: Errand) -> Hint:
    return Hint(
        work.table,
        work.partition,
        Scope.SLICE,
        slice=part,
        errand=errand,
        altered_us=work.altered_us,
    )
