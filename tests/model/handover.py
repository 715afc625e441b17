"""Cutovers and undos under way: the real ones, beside everything else.

P7: after a table was handed over nothing of ours reaches it. P3: after an undo has returned no
hint is skipped behind the fence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from hintferry.core.passes import Pass, Verb
from hintferry.core.schema import TableId
from hintferry.testing.clock import ScriptedClock, SimulatedTime
from hintferry.testing.fences import MemoryFences
from hintferry.testing.passes import MemoryPasses
from hintferry_ops.cutover.cutover import Cutover
from hintferry_ops.cutover.gate.facts import Confirmations
from hintferry_ops.cutover.gate.fence import UNKNOWN
from hintferry_ops.cutover.gatekeeper import Gatekeeper


class Unhurried(ScriptedClock):
    """A wait by this clock does not stop the world."""

    def sleep(self, seconds: float) -> None:
        """Time passes elsewhere."""


def filled_before(table: TableId, time: SimulatedTime) -> Pass:
    """The record of a backfill that ended before the program begins, of an empty table."""
    began = time.seconds - 1_000.0
    return Pass(table, Verb.BACKFILL, began, began, False, True, {"written": 0})


class HandOvers:
    """`handed`: the tables that belong to the application; `undone_us`: when an undo returned."""

    def __init__(self, time: SimulatedTime, tally: Counter[str]) -> None:
        self.fences = MemoryFences()
        self.handed: set[TableId] = set()
        self.undone_us: dict[TableId, int] = {}
        self._time, self._tally = time, tally
        self.passes = MemoryPasses()
        self._under_way: dict[TableId, Iterator[float]] = {}

    def cutover(self, table: TableId) -> None:
        """Set the fence; the table is handed over later."""
        if table not in self.fences.fenced and table not in self._under_way:
            self.undone_us.pop(table, None)
            self._under_way[table] = self._joint(table).hand_over()

    def take_back(self, table: TableId) -> None:
        """Begin an undo."""
        if table in self.handed:
            self.handed.remove(table)
            self._under_way[table] = self._joint(table).take_back()

    def go_on(self) -> None:
        """Go on, if what the cutover waited for is over by now."""
        for table, left in list(self._under_way.items()):
            if next(left, None) is None:
                del self._under_way[table]
                self._end(table)

    def may_skip(self, table: TableId, appended_us: int) -> bool:
        """Return whether a record that came then may be skipped behind the table's fence."""
        return appended_us < self.undone_us.get(table, 2**63)

    def _end(self, table: TableId) -> None:
        if table in self.fences.fenced:
            self.handed.add(table)
            self._tally["handed over"] += 1
        else:
            self.undone_us[table] = self._time.micros
            self._tally["taken back"] += 1

    def _joint(self, table: TableId) -> Cutover:
        nothing = cast(Any, SimpleNamespace())
        clock = Unhurried(self._time)
        keeper = Gatekeeper(
            table,
            Confirmations(),
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            self.passes,
            self.fences,
            nothing,
            clock,
            lambda _: UNKNOWN,
            lambda: None,
        )
        return Cutover.of([keeper])
