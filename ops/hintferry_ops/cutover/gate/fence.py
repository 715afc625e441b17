"""Decide how long the application waits behind a fence: the one place of the rule.

Behind the fence nothing new is read, but what was read before may still be on its way for
CUTOVER_WAIT_S. With the long wait the application waits until it has arrived. With the short wait
it may arrive later, and loses: its write time is older than that of every write of the application.
`docs/decisions/0031-a-switch-of-seconds.md` says why, and for which tables that is not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hintferry.core.cql_type import TypeKind, parse
from hintferry.core.limits import (
    ANNOUNCED_HOLDS_S,
    CLOCK_MARGIN_S,
    CUTOVER_WAIT_S,
    FENCE_HOLDS_S,
    REQUEST_TIMEOUT_S,
)
from hintferry.core.schema import Table, TableId
from hintferry.ports import Fence
from hintferry_ops.cutover.gate.condition import listed

SET_WITHIN_S = 2 * REQUEST_TIMEOUT_S
"""Seconds within which a fence is written and read back; otherwise it counts as not set."""


@dataclass(frozen=True, slots=True)
class Stated:
    """The facts that only the operator knows of a table and its application.

    `skew_s`: the most seconds that a clock of the application is behind the target's.
    `own_timestamps`: whether the application gives its writes times of its own. `tombstones_kept`:
    whether the target keeps tombstones of what was absent.
    """

    skew_s: float
    own_timestamps: bool
    tombstones_kept: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait behind a table's fence: `skew_s` is None for the long one. `why`: in words."""

    skew_s: float | None
    why: str

    @property
    def is_short(self) -> bool:
        """Return whether the application may write before everything has arrived."""
        return self.skew_s is not None

    @property
    def least_s(self) -> float:
        """Return the seconds of the wait where the cutover was announced in time."""
        if self.skew_s is None:
            return CUTOVER_WAIT_S
        return min(CUTOVER_WAIT_S, ends_at(newest_at(0.0, float("-inf")), self.skew_s))

    @property
    def usual_s(self) -> float:
        """Return the seconds of the wait where the cutover was announced just before the fence."""
        if self.skew_s is None:
            return CUTOVER_WAIT_S
        return min(CUTOVER_WAIT_S, ends_at(newest_at(0.0, None), self.skew_s))

    @property
    def most_s(self) -> float:
        """Return the seconds of the wait from the moment before the fence is set, at most."""
        if self.skew_s is None:
            return CUTOVER_WAIT_S
        return min(CUTOVER_WAIT_S, ends_at(newest_at(SET_WITHIN_S, None), self.skew_s))


UNKNOWN = Wait(None, "the table was not looked at yet")


def wait_of(table: Table, stated: Stated, *, stock: bool, has_clock: bool) -> Wait:
    """Return which wait a table has, and why.

    `stock`: the stock connector captures. `has_clock`: the target tells its time.
    """
    against = list(_against(table, stated, stock=stock, has_clock=has_clock))
    if against:
        return Wait(None, "; ".join(against))
    return Wait(stated.skew_s, "what arrives later has an older write time, and loses by it")


def _against(table: Table, stated: Stated, *, stock: bool, has_clock: bool) -> Iterator[str]:
    values = table.statics + table.regulars
    lists = [one.name for one in values if parse(one.cql_type).kind is TypeKind.LIST]
    if table.is_counter:
        yield "additions to counters have no write time"
    if lists:
        yield f"a late write of a list ({listed(lists)}) brings back elements that were removed"
    if table.tells_elements and table.may_expire and any(one.multicell for one in values):
        yield (
            "elements of a collection that expire apart are written one after the other (ttl ="
            " false where no value expires)"
        )
    if stated.own_timestamps:
        yield "the application gives write times of its own (own_timestamps)"
    if not stated.tombstones_kept:
        yield (
            "it is not stated that Keyspaces keeps tombstones of what was absent"
            " (cutover.tombstones_kept)"
        )
    if not has_clock:
        yield "the target does not tell its time, so no clock is compared with it"
    if stock:
        yield "the stock connector settles no markers, so the arrival is estimated"


def newest_at(stands_at: float, announced_at: float | None) -> float:
    """Return the latest write time that a write of Hintferry's can have (epoch s).

    `stands_at`: when the fence was known to stand. `announced_at`: when the announcement was, which
    still stands then; None: there is none. A reading that does not show the fence began before the
    fence. One that does not show the announcement either began before both, and holds longer.
    """
    unannounced = stands_at if announced_at is None else min(announced_at, stands_at)
    return max(stands_at + ANNOUNCED_HOLDS_S, unannounced + FENCE_HOLDS_S) + CLOCK_MARGIN_S


def ends_at(newest: float, skew_s: float) -> float:
    """Return from when on every write of the application has a later write time (epoch s)."""
    return newest + CLOCK_MARGIN_S + skew_s


def fence_left_s(fence: Fence, now: float) -> float:
    """Return the seconds for which the application must still wait; 0: it may write."""
    return max(0.0, cutover_at(fence) - now)


def cutover_at(fence: Fence) -> float:
    """Return from when on the application may write (epoch s)."""
    arrived = arrived_at(fence)
    return arrived if fence.ends_at is None else min(arrived, fence.ends_at)


def arrived_at(fence: Fence) -> float:
    """Return when nothing that was read before the fence can still arrive (epoch s).

    Until then nobody may alter the table: a late write would get its new default TTL.
    It counts from the moment at which the fence was known to stand, where that was recorded.
    """
    newest = fence.set_at if fence.newest_at is None else fence.newest_at
    return max(fence.set_at, newest - FENCE_HOLDS_S - CLOCK_MARGIN_S) + CUTOVER_WAIT_S


def rehearsal_stands(tables: Iterable[TableId | str]) -> str:
    """Return what to do about the fence of a rehearsal that was killed; `tables`: its group."""
    names = " ".join(map(str, tables))
    return f"a rehearsal's fence stands: run `hintferry cutover {names} --undo`"


def downtime(fence: Fence) -> float | None:
    """Return the seconds from the writers' stop to the cutover; None if the stop is unknown.

    An interruption of the cutover does not count: the time after it is the application's own.
    """
    return None if fence.stopped_at is None else cutover_at(fence) - fence.stopped_at
